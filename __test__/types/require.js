// As JavaScript of docker-exec's time, checked.

const DockerRunner = require('docker-exec-napi')

const runner = new DockerRunner({ host: '', port: '4243' })

runner.start({ Image: 'ubuntu:24.04', Volumes: { '/pictures': {} }, VolumesFrom: '', Binds: ['/tmp:/pictures'] })
  .then(function (stream) {
    stream.pipe(process.stdout)
    stream.write('echo typed\n')
    return runner.run('apt-get update')
  })
  .then(function (code) { return code.toFixed() })
  .catch(function (code) { if (code !== 100) throw code })
  .then(function () { return runner.stop() })

/** @type {DockerRunner.StartOptions} */
const options = { Tty: true }
runner.start(options)
