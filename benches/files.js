'use strict'

// A file of 2 GiB into a container and out of it, and 2,000 small ones, beside `docker cp`, in
// turns; each way in a process of its own, with the peak of its memory above idle. Then what
// images and clean states cost: medians. `scripts/bench files`

const { execFile, execFileSync } = require('node:child_process')
const fs = require('node:fs/promises')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { promisify } = require('node:util')
const DockerRunner = require('..')

const [which, folder] = process.argv.slice(2)
const Image = 'docker-exec-napi/bash'
const BYTES = 2 * 2 ** 30
const FILES = 2000
const docker = (...args) => promisify(execFile)('docker', args)

/** What goes which way, by the library and by docker's command line. */
const CASES = {
  'folder in': [(runner) => runner.upload(join(folder, 'small'), '/srv/c'), (id) => docker('cp', join(folder, 'small'), `${id}:/srv/d`)],
  'folder out': [(runner) => runner.download('/srv/small', join(folder, 'c')), (id) => docker('cp', `${id}:/srv/small`, join(folder, 'd'))],
  'file in': [(runner) => runner.upload(join(folder, 'large'), '/srv/a'), (id) => docker('cp', join(folder, 'large'), `${id}:/srv/b`)],
  'file out': [(runner) => runner.download('/srv/large', join(folder, 'a')), (id) => docker('cp', `${id}:/srv/large`, join(folder, 'b'))]
}

/** After what others have written has reached the disk. */
async function timed(work) {
  execFileSync('sync')
  const begin = performance.now()
  await work()
  return (performance.now() - begin) / 1000
}

const median = (times) => times.sort((a, b) => a - b)[times.length >> 1]

async function measure(ours, theirs) {
  const runner = new DockerRunner()
  await runner.start({ Image })
  const [name, make] = which.startsWith('file')
    ? ['large', `head -c ${BYTES} /dev/urandom >large`]
    : ['small', `mkdir small; i=0; while [ $i -lt ${FILES} ]; do head -c 4096 /dev/urandom >small/$i; i=$((i+1)); done`]
  await runner.exec(`cd /srv; ${make}`)
  await fs.stat(join(folder, name)).catch(() => runner.download(`/srv/${name}`, join(folder, name)))
  const idle = process.memoryUsage.rss()
  let peak = idle
  const [us, them] = [[], []]
  for (let round = 0; round < 3; round++) {
    const sampling = setInterval(() => { peak = Math.max(peak, process.memoryUsage.rss()) }, 20)
    us.push(await timed(() => ours(runner)))
    clearInterval(sampling)
    them.push(await timed(() => theirs(runner.container.id)))
    await runner.run('rm -rf a b c d')
    for (const name of ['a', 'b', 'c', 'd']) await fs.rm(join(folder, name), { recursive: true, force: true })
  }
  await runner.stop()
  const [seconds, cp] = [us, them].map(median)
  const mb = (seconds) => Math.round((which.startsWith('file') ? BYTES : FILES * 4096) / 1e6 / seconds)
  return { seconds: seconds.toFixed(2), 'MB/s': mb(seconds), 'docker cp, s': cp.toFixed(2), 'times as fast': (cp / seconds).toFixed(2), 'peak above idle, MiB': Math.round((peak - idle) / 2 ** 20) }
}

async function states() {
  const rows = {}
  const measured = async (name, work, { rounds = 9, after = () => {} } = {}) => {
    const times = []
    for (let i = 0; i < rounds; i++) {
      times.push(await timed(work))
      await after()
    }
    rows[name] = { ms: Math.round(median(times) * 1000) }
  }
  for (const profile of ['default', 'untrusted']) {
    const runner = new DockerRunner()
    const start = () => runner.start({ Image, profile })
    await measured(`start, ${profile}`, start, { after: () => runner.stop() })
    await measured(`stop and start, ${profile}`, async () => { await runner.stop(); await start() })
    await measured(`reset, ${profile}`, () => runner.reset())
    await runner.stop()
  }
  const runner = new DockerRunner()
  await runner.start({ Image })
  await runner.run('head -c 10000000 /dev/urandom >/data')
  const images = []
  await measured('commit of 10 MB', async () => { images.push(await runner.commit()) })
  await runner.stop()
  const dockerfile = `FROM ${Image}\nRUN head -c 10000000 /dev/urandom >/data\n`
  await measured('build of one RUN', async () => { images.push(await DockerRunner.build({ dockerfile, noCache: true })) })
  await measured('build, all cached', () => DockerRunner.build({ dockerfile }))
  const setup = [`sleep 2; echo ${process.pid} >/made`]
  const start = async () => { await runner.start({ Image, profile: 'untrusted', setup, cache: true }) }
  const after = () => runner.stop()
  await measured('start with a set-up of 2 s, the first', start, { rounds: 1, after })
  await measured('start with it, ever after', start, { after })
  await docker('image', 'prune', '--all', '--force', '--filter', 'label=docker-exec-napi.setup')
  await docker('rmi', '--force', ...new Set(images))
  console.table(rows)
}

async function main() {
  const folder = await fs.mkdtemp(join(tmpdir(), 'docker-exec-files-'))
  try {
    const row = (name) => [name, JSON.parse(execFileSync(process.execPath, [__filename, name, folder], { stdio: ['ignore', 'pipe', 'inherit'] }))]
    console.table(Object.fromEntries(Object.keys(CASES).map(row)))
    await states()
  } finally {
    await fs.rm(folder, { recursive: true })
  }
}

if (which) measure(...CASES[which]).then((row) => console.log(JSON.stringify(row)))
else main()
