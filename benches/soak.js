'use strict'

// What stays behind: 500 start/stop cycles (containers, descriptors, threads, memory), and
// the time until a container is gone whose client was killed in the middle of a command.
// `scripts/bench soak`

const { execFileSync, spawn } = require('node:child_process')
const { readFileSync, readdirSync } = require('node:fs')
const { createInterface } = require('node:readline')
const { setTimeout: sleep } = require('node:timers/promises')
const DockerRunner = require('..')

const Image = 'docker-exec-napi/bash'
const CYCLES = 500
const KILLS = 20
const IDLE_TIMEOUT = 12_000

const ids = () => execFileSync('docker', ['ps', '-aq', '--filter', `label=soak=${process.pid}`], { encoding: 'utf8' }).split('\n').filter(Boolean)

/** Once what was dropped has been collected, and idle connections have been closed. */
async function state() {
  globalThis.gc()
  await sleep(IDLE_TIMEOUT)
  globalThis.gc()
  const status = readFileSync('/proc/self/status', 'utf8')
  const field = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1])
  return { containers: ids().length, descriptors: readdirSync('/proc/self/fd').length, threads: field('Threads'), rssMiB: Math.round(field('VmRSS') / 1024) }
}

async function cycle() {
  const runner = new DockerRunner()
  await runner.start({ Image, Labels: { soak: String(process.pid) } })
  await runner.run(':')
  await runner.stop()
}

/** Milliseconds from the death of a client to that of its container. */
async function killed() {
  const program = `
    const runner = new (require('..'))()
    runner.start({ Image: '${Image}' }).then(() => {
      runner.run('sleep 1000')
      console.log(runner.container.id)
    })`
  const child = spawn(process.execPath, ['-e', program], { cwd: __dirname, stdio: ['ignore', 'pipe', 'inherit'] })
  const [id] = await new Promise((resolve) => createInterface({ input: child.stdout }).once('line', (line) => resolve([line])))
  const events = spawn('docker', ['events', '--since', '0', '--filter', `container=${id}`, '--filter', 'event=destroy', '--format', '{{.ID}}'])
  const gone = new Promise((resolve) => events.stdout.once('data', resolve))
  const begin = performance.now()
  child.kill('SIGKILL')
  await gone
  const time = performance.now() - begin
  events.kill()
  return time
}

async function main() {
  for (let i = 0; i < 20; i++) await cycle()
  const table = { before: await state() }
  const begin = performance.now()
  for (let i = 0; i < CYCLES; i++) await cycle()
  const time = (performance.now() - begin) / CYCLES
  table.after = await state()
  console.table(table)
  console.log(`${CYCLES} cycles of start, run, stop: ${time.toFixed(0)} ms each`)
  const times = []
  for (let i = 0; i < KILLS; i++) times.push(await killed())
  times.sort((a, b) => a - b)
  console.log(`container gone after SIGKILL, ${KILLS} times: ${times[0].toFixed(0)} to ${times.at(-1).toFixed(0)} ms, median ${times[KILLS / 2].toFixed(0)} ms`)
}

main()
