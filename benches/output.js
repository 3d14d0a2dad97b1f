'use strict'

// A command that prints 10 GiB: with a reader, with a slow one, with none, and through
// dockerode's demultiplexer. Each in a process of its own: peak memory above idle, and the
// event loop's delay meanwhile. `scripts/bench output`

const { execFileSync } = require('node:child_process')
const { monitorEventLoopDelay } = require('node:perf_hooks')
const { Writable } = require('node:stream')
const { setTimeout: sleep } = require('node:timers/promises')
const DockerRunner = require('..')

const [dockerodeFolder, which] = process.argv.slice(2)
const Image = 'docker-exec-napi/bash'
const BYTES = 10 * 2 ** 30
const COMMAND = `head -c ${BYTES} /dev/zero`
const BOUNDED = { maxBuffer: 0, overflow: 'head' }

const CASES = {
  async reader(runner) {
    let bytes = 0
    const running = runner.exec(COMMAND, { ...BOUNDED, encoding: 'buffer' })
    for await (const chunk of running.stdout) bytes += chunk.length
    await running
    return bytes
  },
  async 'slow reader'(runner) {
    let bytes = 0
    const running = runner.exec(COMMAND, { ...BOUNDED, encoding: 'buffer' })
    for await (const chunk of running.stdout) {
      bytes += chunk.length
      await sleep(2)
    }
    await running
    return bytes
  },
  async 'no reader'(runner) {
    await runner.exec(COMMAND, BOUNDED)
  },
  async dockerode(runner) {
    const Docker = require(dockerodeFolder)
    const docker = new Docker({ socketPath: new URL(process.env.DOCKER_HOST).pathname })
    const exec = await docker.getContainer(runner.container.id).exec({ Cmd: ['sh', '-c', COMMAND], AttachStdout: true, AttachStderr: true })
    const stream = await exec.start({})
    let bytes = 0
    const count = () => new Writable({ write: (chunk, encoding, callback) => { bytes += chunk.length; callback() } })
    docker.modem.demuxStream(stream, count(), count())
    await new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject))
    return bytes
  }
}

async function measure(work) {
  const runner = new DockerRunner()
  await runner.start({ Image })
  await runner.run(':')
  const idle = process.memoryUsage.rss()
  let peak = idle
  const sampling = setInterval(() => { peak = Math.max(peak, process.memoryUsage.rss()) }, 20)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const begin = performance.now()
  const bytes = await work(runner)
  const seconds = (performance.now() - begin) / 1000
  delay.disable()
  clearInterval(sampling)
  await runner.stop()
  if (bytes !== undefined && bytes !== BYTES) throw new Error(`${bytes} bytes came of ${BYTES}`)
  const mib = (bytes) => Math.round(bytes / 2 ** 20)
  return { 'GiB/s': (BYTES / 2 ** 30 / seconds).toFixed(2), 'idle, MiB': mib(idle), 'peak above idle, MiB': mib(peak - idle), 'loop delay p99, ms': (delay.percentile(99) / 1e6).toFixed(1) }
}

if (which) measure(CASES[which]).then((row) => console.log(JSON.stringify(row)))
else {
  const row = (name) => [name, JSON.parse(execFileSync(process.execPath, [__filename, dockerodeFolder, name], { stdio: ['ignore', 'pipe', 'inherit'] }))]
  console.table(Object.fromEntries(Object.keys(CASES).map(row)))
}
