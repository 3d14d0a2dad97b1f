'use strict'

// What the tests share: the engine without the library, containers of one's own, readers
// of streams, child processes.

const assert = require('node:assert')
const { spawn } = require('node:child_process')
const { randomUUID } = require('node:crypto')
const { once } = require('node:events')
const http = require('node:http')
const DockerRunner = require('..')

const SOCKET = process.env.DOCKER_EXEC_TEST_SOCKET
const TCP_PORT = Number(process.env.DOCKER_EXEC_TEST_TCP_PORT)
assert.ok(SOCKET && TCP_PORT, 'the tests need an engine: npm test, or eval "$(scripts/engine env)" before them')

const BASH = 'docker-exec-napi/bash'
const LABEL = 'docker-exec-napi.version'
const MINE = 'docker-exec-napi.test'

/** For a whole suite, and for each test in it: far more than it takes, so that a hang fails. */
const timeout = 120_000

/** A request to the engine, without the library: the answer's JSON or text. */
async function api(method, path, body, signal) {
  const request = http.request({ socketPath: SOCKET, method, path, signal, headers: { 'Content-Type': 'application/json' }, agent: false })
  request.end(body === undefined ? undefined : JSON.stringify(body))
  const [response] = await once(request, 'response')
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  if (response.statusCode >= 400) throw Object.assign(new Error(`${method} ${path}: ${text}`), { status: response.statusCode })
  try { return JSON.parse(text) } catch { return text }
}

const inspect = (id) => api('GET', `/containers/${id}/json`)

/** Removes an image, if it's there, and what it alone was made of. */
const forget = (image) => api('DELETE', `/images/${image}?force=1`).catch(({ status }) => assert.equal(status, 404))

/**
 * Resolves when the container has been removed; fails when it stays. Asks every second: an
 * engine that is asked just as it removes the container never answers.
 */
async function gone(id, within = 20_000) {
  const end = Date.now() + within
  for (;;) {
    try {
      return await api('POST', `/containers/${id}/wait?condition=removed`, undefined, AbortSignal.timeout(1000))
    } catch (error) {
      if (error.status === 404) return
      if (Date.now() > end) throw new Error(`container ${id} is still there after ${within} ms`, { cause: error })
    }
  }
}

/** The containers of one test: made with `options()`, counted by `left()`. */
function mine() {
  const key = randomUUID()
  const filters = encodeURIComponent(JSON.stringify({ label: [LABEL, `${MINE}=${key}`] }))
  const left = async () => (await api('GET', `/containers/json?all=1&filters=${filters}`)).map(({ Id }) => Id)
  return {
    options: (more) => ({ Image: BASH, ...more, Labels: { [MINE]: key, ...more?.Labels } }),
    left,
    /** Nothing is there, not even for a moment more. */
    none: async () => assert.deepEqual(await left(), [], 'a container was left behind'),
    /** Whatever is there goes by itself. */
    vanish: async () => { for (const id of await left()) await gone(id) }
  }
}

/** A started runner, stopped at the end of the test. */
async function started(t, options, engine) {
  const runner = new DockerRunner(engine)
  t.after(() => runner.stop())
  await runner.start(options === undefined ? { Image: BASH } : options)
  return runner
}

/** A started runner for all tests of a suite, behind `runner.it`. */
function shared({ before, after }, options = { Image: BASH }, engine) {
  const holder = { it: new DockerRunner(engine) }
  before(() => holder.it.start(options))
  after(() => holder.it.stop())
  return holder
}

/** Keeps the program alive for as long as `promise` is pending: an idle runner doesn't. */
async function awake(promise) {
  const timer = setTimeout(() => {}, timeout)
  try { return await promise } finally { clearTimeout(timer) }
}

/** Everything that comes from a stream, as text, and a way to wait for a part of it. */
function reading(stream) {
  let text = ''
  const waiting = new Set()
  const look = (wait) => {
    if (!wait.pattern.test(text)) return
    waiting.delete(wait)
    wait.resolve(text)
  }
  stream.on('data', (chunk) => {
    text += chunk.toString('latin1')
    waiting.forEach(look)
  }).resume()
  return {
    get text() { return text },
    until: (pattern) => awake(new Promise((resolve) => {
      const wait = { pattern, resolve }
      waiting.add(wait)
      look(wait)
    }))
  }
}

/** For assert.rejects: this package's error, with this code, and words in its message. */
function typed(code, ...words) {
  return (error) => {
    assert.ok(error instanceof DockerRunner.DockerExecError, `${typeof error}: ${error?.stack ?? error}`)
    assert.equal(error.code, code, error.message)
    for (const word of words) assert.match(error.message, word)
    return true
  }
}

/** For assert.rejects: the bare exit code. */
function bare(code) {
  return (error) => {
    assert.equal(typeof error, 'number', error?.stack)
    assert.equal(error, code)
    return true
  }
}

/**
 * Resolves when exactly `n` processes of the container are `sleep`, zombies aside; what was
 * killed takes a moment to be gone, and what goes on for ever makes it fail.
 */
const sleeping = (runner, n) => runner.exec(`
  until
    n=0
    for f in /proc/[0-9]*/stat; do
      read -r l 2>/dev/null <$f && case $l in *"(sleep) Z"*) ;; *"(sleep) "*) n=$((n+1)) ;; esac
    done
    [ $n = ${n} ]
  do :; done`, { timeout: 20_000 })

/** Numbers from 0 to below `n`, the same in every run of one seed. (Mulberry32.) */
function random(seed) {
  return (n) => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % n
  }
}

/** How each promise ended, in words. */
async function outcomes(promises) {
  const word = ({ status, value, reason }) => status === 'fulfilled' ? value : reason?.code ?? reason
  return (await Promise.allSettled(promises)).map(word)
}

/** What a child's script begins with. It has `options` for start() and `say()`. */
const PRELUDE = `
const DockerRunner = require('..')
const options = JSON.parse(process.env.OPTIONS ?? '{}')
const say = (...words) => require('fs').writeSync(1, words.join(' ') + '\\n');
`

/**
 * A Node process that executes `script`, or what `flags` say, started `by` another program
 * where that is said; killed at the end of the test.
 */
function node(t, script, { options = {}, env = {}, flags = [], by = [] } = {}) {
  const [file, ...args] = [...by, process.execPath, ...flags, ...script ? ['-e', PRELUDE + script] : []]
  const child = spawn(file, args, {
    cwd: __dirname,
    env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined, OPTIONS: JSON.stringify(options), ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  t.after(() => child.kill('SIGKILL'))
  const stdout = reading(child.stdout)
  const stderr = reading(child.stderr)
  const exited = once(child, 'close').then(([code, signal]) => ({ code, signal, stdout: stdout.text, stderr: stderr.text }))
  /** The words after `word` on a line of the child's; fails when the child ends without. */
  const said = async (word) => {
    const pattern = new RegExp(`^${word}(?: (.*))?\n`, 'm')
    const end = exited.then((result) => assert.match(result.stdout, pattern, `${word} was not said: ${result.stderr}`))
    await Promise.race([stdout.until(pattern), end])
    return stdout.text.match(pattern)[1]
  }
  return { child, exited, said, kill: (signal) => child.kill(signal) }
}

module.exports = {
  BASH, LABEL, SOCKET, TCP_PORT, DockerRunner,
  api, awake, bare, forget, gone, inspect, mine, node, outcomes, random, reading, shared, sleeping, started, timeout, typed
}
