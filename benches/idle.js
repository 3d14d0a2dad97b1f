'use strict'

// What runners cost that do nothing, and commands that wait, in a process of its own; as JSON.

const { readFileSync, readdirSync } = require('node:fs')
const { setTimeout: sleep } = require('node:timers/promises')
const { ours } = require('./peers.js')

const RUNNERS = [1, 10, 100]
const QUEUES = [10, 100, 1_000, 10_000, 100_000]
/** Connections that were used for requests are closed after 10 s. */
const IDLE = 12_000

async function state() {
  await sleep(IDLE)
  for (let i = 0; i < 3; i++) globalThis.gc()
  const status = readFileSync('/proc/self/status', 'utf8')
  const field = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1])
  return { rss: field('VmRSS') * 1024, descriptors: readdirSync('/proc/self/fd').length, threads: field('Threads') }
}

/** Bytes and seconds of n commands that wait while another runs, and then run. */
async function queue(runner, n) {
  for (let i = 0; i < 3; i++) globalThis.gc()
  const blocking = runner.run('read -r line </tmp/gate')
  const before = process.memoryUsage.rss()
  const begin = performance.now()
  const all = Array.from({ length: n }, () => runner.run(':'))
  const queued = performance.now()
  for (let i = 0; i < 3; i++) globalThis.gc()
  const bytes = process.memoryUsage.rss() - before
  await runner.writeFile('/tmp/gate', 'open\n')
  await blocking
  const opened = performance.now()
  await Promise.all(all)
  return { commands: n, bytes, queue: (queued - begin) / 1000, run: (performance.now() - opened) / 1000 }
}

async function main() {
  const runners = [await ours()]
  await runners[0].run('mkfifo /tmp/gate')
  const states = []
  for (const count of RUNNERS) {
    while (runners.length < count) {
      const more = Math.min(4, count - runners.length)
      runners.push(...await Promise.all(Array.from({ length: more }, ours)))
    }
    await Promise.all(runners.map((runner) => runner.run(':')))
    states.push({ runners: count, ...await state() })
  }
  await Promise.all(runners.splice(1).map((runner) => runner.stop()))
  const queues = []
  for (const n of QUEUES) queues.push(await queue(runners[0], n))
  await runners[0].stop()
  console.log(JSON.stringify({ states, queues }))
}

main()
