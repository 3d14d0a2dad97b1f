'use strict'

// The programs of the articles that made docker-exec known, as they were written.

const assert = require('node:assert')
const { describe, test } = require('node:test')
const { TCP_PORT, mine, node, timeout } = require('./helpers.js')

describe("the articles' programs run unchanged", { timeout }, () => {
  test('the promise chain', async (t) => {
    const own = mine()
    const { code, stdout, stderr } = await node(t, `
      var runner = new DockerRunner();
      runner.start(options)
        .then(function (stream) {
          stream.pipe(process.stdout);
          return runner.run('cd /tmp');
        })
        .then(function () { return runner.run('echo in $PWD'); })
        .then(function () { return runner.run('sh -c "exit 100"'); })
        .catch(function (code) { if (code === 100) return runner.run('echo failed as it should'); throw code; })
        .then(function () { return runner.stop(); })
        .then(function () { console.log('stopped'); });
    `, { options: own.options({ Volumes: {}, VolumesFrom: '', Binds: [] }) }).exited
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'in /tmp\nfailed as it should\nstopped\n', stderr: '' })
    await own.none()
  })

  test("boot2docker's { host: '', port: 4243 }", async (t) => {
    const own = mine()
    const { code, stdout, stderr } = await node(t, `
      var runner = new DockerRunner({ host: '', port: ${TCP_PORT} });
      runner.on('container:start', function () { console.log('container ready'); });
      runner.on('exit', function (code) { console.log('exit ' + code); });
      runner.start(options)
        .then(function () { return runner.run('true'); })
        .then(function () { return runner.stop(); });
    `, { options: own.options(), env: { DOCKER_HOST: 'unix:///nonexistent' } }).exited
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'container ready\nexit 0\n', stderr: '' })
    await own.none()
  })

  test('the example boot2docker.js', async (t) => {
    const { code, stdout } = await node(t, '', { flags: ['../examples/boot2docker.js', String(TCP_PORT)] }).exited
    assert.equal(code, 0)
    assert.match(stdout, /^hello from .+ in \/etc\nthe last command ended with exit code 3\n$/)
  })
})
