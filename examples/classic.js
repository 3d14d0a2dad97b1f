// The classic program: install GraphicsMagick in a container that is thrown away
// afterwards, and make a thumbnail that stays on the host.
//
//   node examples/classic.js [FOLDER]
//
// IMAGE names another image than the library's default; it has to have apt-get.

const DockerRunner = require('..');
const fs = require('fs');
const path = require('path');

const folder = path.resolve(process.argv[2] || path.join(__dirname, '..', 'target', 'demo'));
const picture = 'picture.jpg';
const thumbnail = 'thumbnail.jpg';

fs.mkdirSync(folder, { recursive: true });

const runner = new DockerRunner();
const began = Date.now();
const report = [];

// Runs one command, and notes how long it took and how it ended.
function step(command) {
  const start = Date.now();
  console.log('\n$ ' + command);
  function note(code) {
    report.push({ command: command, seconds: (Date.now() - start) / 1000, 'exit code': code });
  }
  return runner.run(command).then(
    function (code) { note(code); },
    function (code) { note(code); throw code; }
  );
}

runner.start({ Image: process.env.IMAGE || undefined, Volumes: { '/pictures': {} }, Binds: [folder + ':/pictures'] })
  .then(function (stream) {
    report.push({ command: '(start)', seconds: (Date.now() - began) / 1000, 'exit code': '' });
    stream.pipe(process.stdout);
  })
  .then(function () { return step('export DEBIAN_FRONTEND=noninteractive'); })
  .then(function () { return step('apt-get update'); })
  .then(function () { return step('apt-get -y install --no-install-recommends graphicsmagick'); })
  .then(function () { return step('cd /pictures'); })
  .then(function () { return step('gm convert -size 1600x1200 plasma:fractal ' + picture); })
  .then(function () { return step('gm convert -size 120x120 ' + picture + ' -resize 120x120 +profile "*" ' + thumbnail); })
  .then(function () { return step('gm identify ' + thumbnail); })
  .catch(function (error) {
    // A command that fails rejects with its exit code, a bare number.
    console.error(typeof error === 'number' ? 'the command ended with exit code ' + error : error);
    process.exitCode = 1;
  })
  .then(function () {
    const start = Date.now();
    return runner.stop().then(function () {
      report.push({ command: '(stop)', seconds: (Date.now() - start) / 1000, 'exit code': '' });
    });
  })
  .then(function () {
    console.log();
    report.forEach(function (row) {
      console.log(row.seconds.toFixed(2).padStart(8) + ' s  ' + String(row['exit code']).padStart(3) + '  ' + row.command);
    });
    if (process.exitCode) return;
    const file = path.join(folder, thumbnail);
    console.log('\nthumbnail: ' + file + ' (' + fs.statSync(file).size + ' bytes)');
  })
  .catch(function (error) {
    console.error(error);
    process.exitCode = 1;
  });
