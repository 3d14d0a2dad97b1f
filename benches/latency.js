'use strict'

// One command's latency: `await run(':')` against the floor (benches/floor.rs: the same
// script over a plain socket) and one exec through dockerode, in turns, in one run.
// `npm run bench` brings up the engine, builds the floor and installs dockerode.

const { spawn } = require('node:child_process')
const { createInterface } = require('node:readline')
const DockerRunner = require('..')

const [floorProgram, dockerodeFolder] = process.argv.slice(2)
const Image = 'docker-exec-napi/bash'
const socketPath = new URL(process.env.DOCKER_HOST).pathname
const ROUNDS = 10
const COMMANDS = 500
const EXECS = 10

const median = (times) => times.toSorted((a, b) => a - b)[times.length >> 1]

async function ours(runner) {
  const times = []
  for (let i = 0; i < COMMANDS; i++) {
    const begin = process.hrtime.bigint()
    await runner.run(':')
    times.push(Number(process.hrtime.bigint() - begin))
  }
  return times
}

function floor() {
  const child = spawn(floorProgram, [socketPath, Image], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async times() {
      child.stdin.write(`${COMMANDS}\n`)
      return JSON.parse((await lines.next()).value)
    },
    end: () => child.stdin.end()
  }
}

async function dockerode(container) {
  const times = []
  for (let i = 0; i < EXECS; i++) {
    const begin = process.hrtime.bigint()
    const exec = await container.exec({ Cmd: ['sh', '-c', ':'], AttachStdout: true, AttachStderr: true })
    const stream = await exec.start({})
    await new Promise((resolve, reject) => stream.resume().on('end', resolve).on('error', reject))
    await exec.inspect()
    times.push(Number(process.hrtime.bigint() - begin))
  }
  return times
}

async function main() {
  const Docker = require(dockerodeFolder)
  const runner = new DockerRunner({ socketPath })
  await runner.start({ Image })
  const peer = new Docker({ socketPath }).getContainer(runner.container.id)
  const plain = floor()
  const all = { ours: [], floor: [], dockerode: [] }
  for (let round = 0; round < ROUNDS; round++) {
    all.floor.push(...await plain.times())
    all.ours.push(...await ours(runner))
    all.dockerode.push(...await dockerode(peer))
  }
  plain.end()
  await runner.stop()
  const [mine, low, exec] = [all.ours, all.floor, all.dockerode].map(median)
  const us = (ns) => `${(ns / 1000).toFixed(0)} µs`
  console.log(`await run(':')     ${us(mine)}  (median of ${all.ours.length})`)
  console.log(`floor              ${us(low)}  ${(mine / low).toFixed(2)}× is ours`)
  console.log(`dockerode's exec   ${us(exec)}  ${(exec / mine).toFixed(0)}× as long as ours`)
}

main()
