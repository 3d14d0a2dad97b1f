'use strict'

// `npm run bench`: every case for everybody, in turns, in one run; benches/results.md and
// benches/results.json say what came out. `bench.js FOLDER FLOOR REFRAME [SECTION...]`

const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { existsSync, mkdtempSync, rmSync, watch, writeFileSync } = require('node:fs')
const os = require('node:os')
const { join } = require('node:path')
const cases = require('./cases.js')
const limits = require('./limits.js')
const { open, socketPath } = require('./peers.js')

const [folder, floor, reframe, ...sections] = process.argv.slice(2)

const TITLES = {
  latency: 'Latency of one command',
  throughput: 'Commands a second',
  output: 'Much output',
  input: 'Much input, and long commands',
  start: 'From nothing until a first command has settled',
  idle: 'What runners and waiting commands cost'
}

async function setting(docker) {
  const version = (name) => require(join(folder, name, 'package.json')).version
  const { Version, ApiVersion, KernelVersion } = await docker.version()
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${os.cpus().length} × ${os.cpus()[0].model}, ${Math.round(os.totalmem() / 2 ** 30)} GiB, Linux ${KernelVersion}`,
    engine: `Docker ${Version}, API ${ApiVersion}`,
    versions: {
      node: process.version,
      'docker-exec-napi': require('../package.json').version,
      dockerode: version('dockerode'),
      testcontainers: version('testcontainers'),
      'docker-exec': version('docker-exec')
    }
  }
}

/** benches/reframe.rs: a socket behind which output comes in frames of 64 bytes, and zeros REPEATED times. */
async function smallFrames() {
  const own = mkdtempSync(join(os.tmpdir(), 'reframe-'))
  const small = join(own, 'docker.sock')
  const watcher = watch(own)
  const child = spawn(reframe, [small, socketPath, '64', String(cases.REPEATED)], { stdio: ['ignore', 'inherit', 'inherit'] })
  while (!existsSync(small)) await once(watcher, 'change')
  watcher.close()
  return { small, end: () => { child.kill(); rmSync(own, { recursive: true }) } }
}

const figure = (value) => value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

/** A row as lines of a table: each peer, against the first. */
function lines({ case: name, unit, peers }) {
  const [[, first]] = Object.entries(peers)
  return Object.entries(peers).map(([peer, { median, p99, n }], i) =>
    `| ${i === 0 ? name : ''} | ${peer} | ${figure(median)} ${unit} | ${p99 === undefined ? '' : figure(p99)} | ${n} | ${i === 0 || first.median === 0 ? '' : `${figure(median / first.median)}×`} |`)
}

function markdown({ setting, results, limits }) {
  const { machine, engine, versions, date } = setting
  const known = Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', ')
  const parts = [
    '# Benchmark', '',
    `What \`npm run bench\` wrote on ${date}: ${machine}; ${engine}; ${known}.`, '',
    'Everybody in turns, in one run: medians, the 99th percentile, how many samples, and each median',
    'against the first of its case. The floors are plain clients of nothing but Rust\'s standard library:',
    '*same script* sends exactly what the addon sends and waits for both marks, *plain* types',
    '`COMMAND;echo MARK` into a bare bash.', '',
    '## What is asked of it', '',
    '| | must be | is | |', '| --- | --- | --- | --- |',
    ...limits.map(({ what, must, is, met }) => `| ${what} | ${must} | ${figure(is)} | ${met ? 'met' : 'missed'} |`)
  ]
  for (const [section, rows] of Object.entries(results)) {
    parts.push('', `## ${TITLES[section]}`, '', '| case | who | median | p99 | n | against the first |', '| --- | --- | --: | --: | --: | --: |', ...rows.flatMap(lines))
  }
  return `${parts.join('\n')}\n`
}

async function main() {
  const peers = await open(folder, floor)
  const { small, end } = await smallFrames()
  const results = {}
  for (const section of sections.length > 0 ? sections : Object.keys(TITLES)) {
    console.error(`bench: ${TITLES[section].toLowerCase()}`)
    results[section] = await cases[section]({ ...peers, folder, small })
  }
  const report = { setting: await setting(peers.docker), results, limits: limits(results) }
  await peers.close()
  end()
  const text = markdown(report)
  if (sections.length === 0) {
    writeFileSync(join(__dirname, 'results.json'), `${JSON.stringify(report, null, 2)}\n`)
    writeFileSync(join(__dirname, 'results.md'), text)
  }
  console.log(text)
}

main()
