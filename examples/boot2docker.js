// An engine that listens on TCP, as boot2docker's did. An empty host is this machine.
//
//   node examples/boot2docker.js [PORT]
//
// IMAGE names another image than the library's default.

const DockerRunner = require('..');

const port = process.argv[2] || process.env.DOCKER_PORT || 4243;
const runner = new DockerRunner({ host: '', port: port });

runner.start({ Image: process.env.IMAGE || undefined })
  .then(function (stream) {
    stream.pipe(process.stdout);
    return runner.run('cd /etc');
  })
  .then(function () { return runner.run('. ./os-release && echo "hello from $PRETTY_NAME in $PWD"'); })
  .then(function () { return runner.run('exit 3'); })
  .catch(function (code) {
    // A command that fails rejects with its exit code, a bare number.
    if (typeof code !== 'number') throw code;
    console.log('the last command ended with exit code ' + code);
  })
  .then(function () { return runner.stop(); })
  .catch(function (error) {
    console.error(error);
    process.exitCode = 1;
    return runner.stop();
  });
