'use strict'

// What is measured: each gives rows, `{ case, unit, peers: { name: { median, p99, n } } }`.

const { execFile } = require('node:child_process')
const { once } = require('node:events')
const { join } = require('node:path')
const { promisify } = require('node:util')
const DockerRunner = require('..')
const { Image, dockerodeExec, ours, run, socketPath, times } = require('./peers.js')

const { DockerPool } = DockerRunner
const file = promisify(execFile)
const NONE = { Image, NetworkDisabled: true }
const GIB = 2 ** 30

function summary(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]
  return { median: at(0.5), p99: at(0.99), n: sorted.length }
}

const row = (name, unit, samples) => ({ case: name, unit, peers: Object.fromEntries(Object.entries(samples).map(([peer, values]) => [peer, summary(values)])) })

/** Samples by peer, in turns: A B C A B C. The first turn warms up, and isn't counted. */
async function turns(rounds, peers) {
  for (const sample of Object.values(peers)) await sample()
  const samples = {}
  for (let round = 0; round < rounds; round++) {
    for (const [name, sample] of Object.entries(peers)) (samples[name] ??= []).push(...await sample())
  }
  return samples
}

const micro = (nanoseconds) => nanoseconds.map((time) => time / 1000)
const milli = (nanoseconds) => nanoseconds.map((time) => time / 1e6)

/** Commands in a turn, of those that take microseconds and of those that take far more. */
const QUICK = 2500
const SLOW = 25
/** The part of them that isn't counted: a machine that has been idle, or busy with others, takes some hundreds to get up to speed. */
const WARM = 0.2

/** One command: latencies, by what it prints. */
async function latency({ byName }) {
  const commands = { ':': ':', '1 byte of output': 'printf x', '64 KiB of output': 'head -c 65536 /dev/zero' }
  const rows = []
  for (const [name, command] of Object.entries(commands)) {
    const peers = {}
    for (const [peer, measure] of Object.entries(byName)) {
      // A longer line wraps in its terminal, where it takes the echo for an exit code.
      if (peer.startsWith('docker-exec') && command !== ':') continue
      const slow = peer.endsWith(' exec') || peer.endsWith('(CLI)')
      const n = slow ? SLOW : QUICK
      peers[peer] = async () => micro((await measure(command, n)).slice(n * WARM))
    }
    rows.push(row(name, 'µs', await turns(5, peers)))
  }
  return rows
}

/** Commands a second, through so many at once. */
async function throughput({ docker }) {
  const rows = []
  const rate = async (runners, n, each) => {
    const begin = performance.now()
    await Promise.all(runners.map((runner) => each(runner, n)))
    return [runners.length * n / ((performance.now() - begin) / 1000)]
  }
  const oneByOne = (call) => async (runner, n) => { for (let i = 0; i < n; i++) await call(runner) }
  const queued = (runner, n) => Promise.all(Array.from({ length: n }, () => runner.run(':')))
  for (const count of [1, 10, 50, 100]) {
    const runners = []
    while (runners.length < count) runners.push(...await Promise.all(Array.from({ length: Math.min(4, count - runners.length) }, ours)))
    rows.push(row(`through ${count} at once`, 'commands/s', await turns(3, {
      'exec()': () => rate(runners, 3000 / count, oneByOne((runner) => runner.exec(':'))),
      'run(), all queued': () => rate(runners, 3000 / count, queued),
      'dockerode exec': () => rate(runners, Math.max(1, 40 / count), oneByOne((runner) => dockerodeExec(docker, runner.container.id, ':')))
    })))
    await Promise.all(runners.map((runner) => runner.stop()))
  }
  return rows
}

/** A process for each sample: benches/stream.js. */
async function stream(folder, how, command, bytes, socket = socketPath, ...watched) {
  const { stdout } = await file(process.execPath, [join(__dirname, 'stream.js'), how, command, String(bytes), join(folder, 'dockerode'), socket, ...watched])
  return JSON.parse(stdout)
}

/** Runs whose memory and loop delay are watched: one of them has some 20 samples beyond its 99th percentile. */
const WATCHED = 7

/** How often zeros come that pass the proxy of benches/reframe.rs. */
const REPEATED = 16

/** Much output: MiB a second, memory and the loop's delay. */
async function output({ folder, low, small }) {
  const zeros = `head -c ${GIB} /dev/zero`
  const writes = (size, bytes) => [`${bytes / 2 ** 20} MiB in writes of ${size}`, `dd if=/dev/zero bs=${size} count=${bytes / size} status=none`, bytes]
  const both = 'perl -e \'$b = "x" x 32768; for (1 .. 16384) { syswrite STDOUT, $b; syswrite STDERR, $b }\''
  const commands = [
    ['1 GiB in writes of 32 KiB', zeros, GIB],
    ['1 GiB, both streams in turns', both, GIB],
    writes(1024, 256 * 2 ** 20),
    writes(64, 32 * 2 ** 20)
  ]
  const rows = []
  for (const [name, command, bytes] of commands) {
    const rate = (seconds) => bytes / 2 ** 20 / seconds
    const child = (how) => async () => (await stream(folder, how, command, bytes)).seconds.map(rate)
    const plain = (how) => async () => (await low.times(how, command, 2)).map((time) => rate(time / 1e9))
    const samples = await turns(5, {
      'floor, plain, captured': plain('plain'),
      captured: child('captured'),
      'floor, plain, discarded': plain('discarded'),
      discarded: child('discarded'),
      streamed: child('streamed'),
      'streamed by dockerode': child('streamed by dockerode'),
      'streamed by the CLI': child('streamed by the CLI')
    })
    rows.push(row(name, 'MiB/s', samples))
    const [memory, delay] = [{}, {}]
    const children = Object.keys(samples).filter((how) => !how.startsWith('floor'))
    for (const how of Array.from({ length: WATCHED }, () => children).flat()) {
      const watched = await stream(folder, how, command, bytes, socketPath, 'watched')
      ;(memory[how] ??= []).push(watched.peak / 2 ** 20)
      ;(delay[how] ??= []).push(watched.delay)
    }
    rows.push(row(`${name}: peak RSS above idle`, 'MiB', memory), row(`${name}: loop delay, p99`, 'ms', delay))
  }
  const bytes = 64 * 2 ** 20
  const rate = (seconds) => bytes / 2 ** 20 / seconds
  const cut = (how) => async () => (await stream(folder, how, `head -c ${bytes / REPEATED} /dev/zero`, bytes, small)).seconds.map(rate)
  rows.push(row('64 MiB in frames of 64 bytes', 'MiB/s', await turns(3, { streamed: cut('streamed'), 'streamed by dockerode': cut('streamed by dockerode') })))
  return rows
}

/** Much input, and long commands. */
async function input({ folder, byName }) {
  const bytes = 256 * 2 ** 20
  const child = (how) => async () => (await stream(folder, how, 'wc -c', bytes)).seconds.map((seconds) => bytes / 2 ** 20 / seconds)
  const rows = [row('256 MiB of input', 'MiB/s', await turns(3, { 'exec()': child('input'), 'dockerode exec': child('input by dockerode'), 'docker exec (CLI)': child('input by the CLI') }))]
  for (const megabytes of [1, 10]) {
    const command = `: '${'x'.repeat(megabytes * 1e6)}'`
    const of = (peer) => async () => milli(await byName[peer](command, 1))
    rows.push(row(`a command of ${megabytes} MB`, 'ms', await turns(5, { 'exec()': of('exec()'), 'floor, same script': of('floor, same script'), 'floor, plain': of('floor, plain') })))
  }
  return rows
}

/** From nothing until a first command has settled. */
async function start({ docker, folder, low }) {
  const timed = async (begin, end) => {
    const at = performance.now()
    const started = await begin()
    const time = performance.now() - at
    await end?.(started)
    return [time]
  }
  const mine = (options) => () => timed(async () => {
    const runner = new DockerRunner()
    await runner.start(options)
    await runner.exec(':')
    return runner
  }, (runner) => runner.stop())
  const raw = (options) => async () => milli(await low.times('start', JSON.stringify(options), 1))
  const cli = (...options) => () => timed(() => run('docker', ['run', '--rm', ...options, Image, 'sh', '-c', ':']))
  const rows = [row('on the bridge', 'ms', await turns(15, {
    'start() and exec()': mine({ Image }),
    'raw create, attach, start': raw({ Image }),
    'docker run (CLI)': cli(),
    dockerode: () => timed(async () => {
      const container = await docker.createContainer({ Image, Cmd: ['sleep', 'infinity'], HostConfig: { AutoRemove: true, Init: true } })
      await container.start()
      await dockerodeExec(docker, container.id, ':')
      return container
    }, (container) => container.remove({ force: true })),
    testcontainers: () => timed(async () => {
      const { GenericContainer } = require(join(folder, 'testcontainers'))
      const container = await new GenericContainer(Image).withCommand(['sleep', 'infinity']).start()
      await container.exec(['sh', '-c', ':'])
      return container
    }, (container) => container.stop())
  }))]
  rows.push(row('without network', 'ms', await turns(15, {
    'start() and exec()': mine(NONE), 'raw create, attach, start': raw(NONE), 'docker run (CLI)': cli('--network', 'none')
  })))
  return rows.concat(await phases(), await pooled())
}

/** A start by its phases, a stop and a reset. */
async function phases() {
  const samples = {}
  const timed = async (phase, call) => {
    const begin = performance.now()
    const value = await call()
    ;(samples[phase] ??= []).push(performance.now() - begin)
    return value
  }
  for (let i = 0; i < 15; i++) {
    const runner = new DockerRunner()
    const container = await timed('connect, create', () => runner.createContainer({ Image }))
    await timed('attach', () => runner.attachContainer(container))
    await timed('start, shell ready', () => runner.startContainer(container))
    await timed('first command', () => runner.exec(':'))
    await timed('reset()', () => runner.reset())
    await timed('stop()', () => runner.stop())
  }
  return [row('by phase, on the bridge', 'ms', samples)]
}

/** A warm pool: until a runner is there. */
async function pooled() {
  const pool = new DockerPool({ size: 1, start: NONE })
  const acquired = []
  for (let i = 0; i < 15; i++) {
    while (pool.metrics.idle === 0) await once(pool, 'start')
    acquired.push(...milli(await times(async () => { acquired.runner = await pool.acquire() }, 1)))
    await acquired.runner.stop()
  }
  await pool.close()
  return [row('warm, without network', 'ms', { 'pool.acquire()': [...acquired] })]
}

/** Runners that do nothing, and commands that wait: benches/idle.js. */
async function idle() {
  const { stdout } = await file(process.execPath, ['--expose-gc', join(__dirname, 'idle.js')])
  const { states, queues } = JSON.parse(stdout)
  const [, few, many] = states
  const each = (what) => (many[what] - few[what]) / (many.runners - few.runners)
  const single = (name, unit, values) => ({ case: name, unit, peers: Object.fromEntries(Object.entries(values).map(([peer, value]) => [peer, { median: value, n: 1 }])) })
  const byQueue = (value) => Object.fromEntries(queues.map((queue) => [`${queue.commands} commands`, value(queue)]))
  return [
    single('each of 90 more runners', '', { 'kB of RSS': each('rss') / 1000, descriptors: each('descriptors'), threads: each('threads') }),
    single('run() that waits: RSS each', 'bytes', byQueue(({ bytes, commands }) => bytes / commands)),
    single('run() that waits: until they have run, each', 'µs', byQueue(({ run, commands }) => run * 1e6 / commands))
  ]
}

module.exports = { REPEATED, latency, throughput, output, input, start, idle }
