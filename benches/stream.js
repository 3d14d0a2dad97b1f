'use strict'

// What one command with much output or input costs, in a process of its own: seconds of some samples, or
// (with `watched`, since watching takes time) peak memory above idle in bytes and the event
// loop's delay in ms, as JSON.
//
// `stream.js HOW COMMAND BYTES DOCKERODE SOCKET [watched]`

const { spawn } = require('node:child_process')
const { monitorEventLoopDelay } = require('node:perf_hooks')
const { Readable, Writable } = require('node:stream')
const { once: event } = require('node:events')
const DockerRunner = require('..')
const { Image } = require('./peers.js')

const [how, command, length, dockerodeFolder, socket, watched] = process.argv.slice(2)
const BYTES = Number(length)
/** Between two looks at the event loop, in ms: what is measured has it in it. */
const RESOLUTION = 1
/** Samples for so long, in ms. */
const ENOUGH = 1000
const DISCARD = { maxBuffer: 0, overflow: 'head' }

/** Bytes to give, in pieces. */
function * input() {
  const piece = Buffer.alloc(64 * 1024)
  for (let left = BYTES; left > 0; left -= piece.length) yield piece
}

async function dockerode(runner, options) {
  const docker = new (require(dockerodeFolder))({ socketPath: socket })
  const exec = await docker.getContainer(runner.container.id).exec({ Cmd: ['sh', '-c', command], AttachStdout: true, AttachStderr: true, ...options })
  return { docker, stream: await exec.start({ hijack: true, stdin: Boolean(options?.AttachStdin) }) }
}

/** How many bytes came, or none where they were given. */
const HOW = {
  async captured(runner) {
    const { stdout, stderr } = await runner.exec(command, { maxBuffer: 2 ** 31, encoding: 'buffer' })
    return stdout.length + stderr.length
  },
  async discarded(runner) {
    await runner.exec(command, DISCARD)
    return BYTES
  },
  async streamed(runner) {
    let bytes = 0
    const running = runner.exec(command, { ...DISCARD, encoding: 'buffer' })
    for await (const { data } of running.chunks()) bytes += data.length
    await running
    return bytes
  },
  async 'streamed by dockerode'(runner) {
    const { docker, stream } = await dockerode(runner)
    let bytes = 0
    const count = () => new Writable({ write: (chunk, encoding, callback) => { bytes += chunk.length; callback() } })
    docker.modem.demuxStream(stream, count(), count())
    await event(stream, 'end')
    return bytes
  },
  async 'streamed by the CLI'(runner) {
    let bytes = 0
    const child = spawn('docker', ['exec', runner.container.id, 'sh', '-c', command])
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => { bytes += chunk.length })
    await event(child, 'close')
    return bytes
  },
  async input(runner) {
    return Number((await runner.exec(command, { input: Readable.from(input()) })).stdout)
  },
  async 'input by dockerode'(runner) {
    const { docker, stream } = await dockerode(runner, { AttachStdin: true })
    const said = []
    docker.modem.demuxStream(stream, new Writable({ write: (chunk, encoding, callback) => { said.push(chunk); callback() } }), process.stderr)
    Readable.from(input()).pipe(stream)
    await event(stream, 'end')
    return Number(Buffer.concat(said))
  },
  async 'input by the CLI'(runner) {
    const child = spawn('docker', ['exec', '-i', runner.container.id, 'sh', '-c', command], { stdio: ['pipe', 'pipe', 'inherit'] })
    Readable.from(input()).pipe(child.stdin)
    const said = await child.stdout.toArray()
    return Number(Buffer.concat(said))
  }
}

async function once(runner) {
  const begin = performance.now()
  const bytes = await HOW[how](runner)
  if (bytes !== BYTES) throw new Error(`${how}: ${bytes} bytes of ${BYTES}`)
  return (performance.now() - begin) / 1000
}

/** Warm before, as the floor is after its first turn; more often where it's soon over. */
async function seconds(runner) {
  await once(runner)
  const all = []
  const begin = performance.now()
  while (all.length < 2 || performance.now() - begin < ENOUGH) all.push(await once(runner))
  return all
}

/** Warm of another kind, whose memory isn't what is asked for. */
async function watch(runner) {
  await runner.exec('head -c 268435456 /dev/zero', DISCARD)
  const idle = process.memoryUsage.rss()
  let peak = idle
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION })
  const sampling = setInterval(() => { peak = Math.max(peak, process.memoryUsage.rss()) }, 20)
  delay.enable()
  await once(runner)
  delay.disable()
  clearInterval(sampling)
  return { peak: peak - idle, delay: Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION) }
}

async function main() {
  const runner = new DockerRunner({ socketPath: socket })
  await runner.start({ Image })
  const measured = watched ? await watch(runner) : { seconds: await seconds(runner) }
  await runner.stop()
  console.log(JSON.stringify(measured))
}

main()
