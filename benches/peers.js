'use strict'

// Who is compared: each opens a container, and then times commands in it. Peers come from a
// folder that `scripts/bench` installs them into.

const { execFile, spawn } = require('node:child_process')
const { join } = require('node:path')
const { createInterface } = require('node:readline')
const { promisify } = require('node:util')
const DockerRunner = require('..')

const Image = 'docker-exec-napi/bash'
const socketPath = new URL(process.env.DOCKER_HOST).pathname
const run = promisify(execFile)

/** Nanoseconds of each of n calls, one after the other. */
async function times(call, n) {
  const all = []
  for (let i = 0; i < n; i++) {
    const begin = process.hrtime.bigint()
    await call()
    all.push(Number(process.hrtime.bigint() - begin))
  }
  return all
}

/** benches/floor.rs, as a process that is asked by lines. */
function floor(program) {
  const child = spawn(program, [socketPath, Image], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async times(what, text, n) {
      child.stdin.write(`${JSON.stringify([what, text, n])}\n`)
      return JSON.parse((await lines.next()).value)
    },
    close: () => child.stdin.end()
  }
}

async function ours() {
  const runner = new DockerRunner({ socketPath })
  await runner.start({ Image })
  return runner
}

/** One command through dockerode: create, start, read to the end, ask for its exit code. */
async function dockerodeExec(docker, id, command) {
  const exec = await docker.getContainer(id).exec({ Cmd: ['sh', '-c', command], AttachStdout: true, AttachStderr: true })
  const stream = await exec.start({})
  await new Promise((resolve, reject) => stream.resume().on('end', resolve).on('error', reject))
  return (await exec.inspect()).ExitCode
}

/** docker-exec 0.3.0 in a container of its own; as mended by `scripts/bench`. */
async function original(folder) {
  // It says that its container is ready.
  const { log } = console
  console.log = () => {}
  const DockerExec = require(join(folder, 'docker-exec'))
  const runner = new DockerExec({ socketPath })
  // It would pull the image each time.
  runner.pullContainer = async () => {}
  await runner.start({ Image })
  console.log = log
  runner.stream.on('data', () => {})
  return runner
}

async function testcontainer(folder) {
  process.env.TESTCONTAINERS_RYUK_DISABLED = 'true'
  const { GenericContainer } = require(join(folder, 'testcontainers'))
  return new GenericContainer(Image).withCommand(['sleep', 'infinity']).start()
}

/** All of them, open: `times(command, n)` of each, by its name, and how to end them. */
async function open(folder, floorProgram) {
  const runner = await ours()
  const { id } = runner.container
  const docker = new (require(join(folder, 'dockerode')))({ socketPath })
  const low = floor(floorProgram)
  const old = await original(folder)
  const contained = await testcontainer(folder)
  const commands = {
    'exec()': (command) => runner.exec(command),
    'run()': (command) => runner.run(command),
    'docker-exec 0.3.0, mended': (command) => old.run(command),
    'dockerode exec': (command) => dockerodeExec(docker, id, command),
    'testcontainers exec': (command) => contained.exec(['sh', '-c', command]),
    'docker exec (CLI)': (command) => run('docker', ['exec', id, 'sh', '-c', command], { maxBuffer: 2 ** 30 })
  }
  const byName = {
    'floor, same script': (command, n) => low.times('same', command, n),
    'floor, plain': (command, n) => low.times('plain', command, n)
  }
  for (const [name, call] of Object.entries(commands)) byName[name] = (command, n) => times(() => call(command), n)
  return {
    byName,
    runner,
    docker,
    low,
    async close() {
      low.close()
      await Promise.all([runner.stop(), old.stop(), contained.stop()])
    }
  }
}

module.exports = { Image, dockerodeExec, open, ours, run, socketPath, times }
