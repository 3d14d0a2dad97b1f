'use strict'

// spawn(): a program of its own in the container, with the habits of child_process.

const { EventEmitter, once } = require('node:events')
const { Writable } = require('node:stream')
const { DockerExecError, describe, invalid, toError, unwrap } = require('./errors.js')
const { checkOptions, environment, isText, milliseconds, whole } = require('./options.js')
const { signalName, signalOf } = require('./signals.js')
const { OutputStream } = require('./stream.js')

const DEFAULTS = {
  cwd: undefined, env: undefined, user: undefined, tty: false,
  signal: undefined, timeout: undefined, killSignal: 'SIGTERM'
}

/** A terminal's size, unless one is given. */
const SIZE = { columns: 80, rows: 24 }

const isSize = (value) => whole(1, 0xffff)(value)
const RULES = {
  cwd: [isText, 'a path'],
  env: environment,
  user: [isText, 'a user, as name or uid, with :group or not'],
  tty: [(tty) => typeof tty === 'boolean' || (isSize(tty?.columns) && isSize(tty?.rows)), 'true, false or { columns, rows }'],
  signal: [(value) => value instanceof AbortSignal, 'an AbortSignal'],
  timeout: milliseconds(1)
}

/** Processes that run: whoever listens to one needs it. */
const running = new Set()

class ContainerProcess extends EventEmitter {
  pid = undefined
  exitCode = null
  signalCode = null
  killed = false

  #native = null
  #tty = false
  /** Where it was asked for, as of an Error's stack. */
  #caller = callerOf(ContainerProcess.spawn)
  /** Whoever listens knows that it runs. */
  #told = false
  #over = false
  #open = 3
  #waiting = []
  #held = true
  #release = () => {}

  /** `start(options, listener)` asks the addon for a process. Throws for what can't be one. */
  static spawn(runner, start, file, args, options) {
    if (!Array.isArray(args)) [args, options] = [[], args ?? options]
    if (typeof file !== 'string') throw invalid(`a program's name must be a string, not ${describe(file)}`)
    const words = [file, ...args].map(word)
    if (file === '' || file.startsWith('-')) throw invalid(`${describe(file)} is no program's name: give its path`)
    const checked = checkOptions(options, DEFAULTS, RULES)
    signalName(checked.killSignal)
    const child = new ContainerProcess(runner, words)
    child.#limit(checked)
    if (checked.signal?.aborted) child.#failed(aborted(checked.signal))
    else child.#start(start, checked)
    return child
  }

  constructor(runner, words) {
    super()
    this.runner = runner
    this.spawnfile = words[0]
    this.spawnargs = words
    this.stdin = new Writable({
      write: (chunk, encoding, callback) => { this.#write(chunk).then(() => callback(), callback) },
      final: (callback) => { this.#closeInput(); callback() },
      destroy: (error, callback) => { this.#closeInput(); callback(error) }
    })
    ;[this.stdout, this.stderr] = [0, 1].map((stream) => new OutputStream({
      read: (max) => this.#native ? this.#native.read(stream, max) : !this.#over,
      dropped: () => this.#native?.dropped(stream) ?? 0
    }))
    for (const stream of [this.stdout, this.stderr]) stream.once('close', () => this.#closed())
    this.stdio = [this.stdin, this.stdout, this.stderr]
  }

  /** The end of its input. */
  #closeInput() {
    this.#later(() => this.#native?.end())
  }

  kill(signal = 'SIGTERM') {
    const name = signalName(signal)
    if (this.#over) return false
    this.killed = true
    this.#later(() => this.#native?.signal(name).then(unwrap).catch((error) => this.#tell(error)))
    return true
  }

  async resize(columns, rows) {
    if (!isSize(columns) || !isSize(rows)) throw invalid(`a terminal has 1 to ${0xffff} columns and rows, not ${describe(columns)} and ${describe(rows)}`)
    await new Promise((resolve) => this.#later(resolve))
    if (!this.#tty) throw invalid('resize() needs a terminal: spawn with tty')
    if (this.#native === null || this.#over) throw new DockerExecError('there is no such process any more', 'ERR_STOPPED')
    unwrap(await this.#native.resize(columns, rows))
  }

  ref() {
    this.#hold(true)
  }

  unref() {
    this.#hold(false)
  }

  async [Symbol.asyncDispose]() {
    if (this.#open === 0) return
    const closed = once(this, 'close')
    this.kill('SIGKILL')
    await closed
  }

  async #start(start, { cwd = '', env = {}, user, tty }) {
    this.#tty = tty !== false
    const [file, ...args] = this.spawnargs
    const size = tty === true ? SIZE : tty || {}
    const weak = new WeakRef(this)
    const listener = (name, detail) => weak.deref()?.#on(name, detail) ?? false
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
    running.add(this)
    const native = await start({ file, args, cwd: place(cwd), env: variables, user, columns: size.columns, rows: size.rows }, listener)
    if ('code' in native) return this.#failed(toError(native))
    this.#native = native
    this.pid = native.pid
    this.#hold(this.#held)
    // One after the other, whatever a listener does.
    process.nextTick(() => this.emit('spawn'))
    process.nextTick(() => this.#next())
  }

  /** Has `signal` and `timeout` kill it. */
  #limit({ signal, timeout, killSignal }) {
    const abort = () => {
      this.kill(killSignal)
      this.#tell(aborted(signal))
    }
    signal?.addEventListener('abort', abort, { once: true })
    const timer = timeout === undefined ? undefined : setTimeout(() => this.kill(killSignal), timeout)
    timer?.unref()
    this.#release = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
  }

  /** Does it once the process has been started, or can't be any more. */
  #later(work) {
    if (this.#told || this.#over) work()
    else this.#waiting.push(work)
  }

  #next() {
    this.#told = true
    for (const work of this.#waiting.splice(0)) work()
    this.stdout.pull()
    this.stderr.pull()
  }

  async #write(chunk) {
    await new Promise((resolve) => this.#later(resolve))
    if (this.#native !== null && unwrap(await this.#native.write(chunk))) return
    throw brokenPipe()
  }

  #hold(on) {
    this.#held = on
    if (!this.#over) this.#native?.hold(on)
  }

  #on(name, detail) {
    if (name === 'output') return this[['stdout', 'stderr'][detail.stream]].pull()
    // It may come before the process itself does.
    else if (name === 'exited') this.#later(() => this.#exited(detail))
  }

  #exited({ exitCode, failure }) {
    this.#native.hold(false)
    if (failure) this.#tell(toError(failure))
    else {
      this.exitCode = exitCode
      this.signalCode = signalOf(exitCode)
    }
    this.#end()
    this.emit('exit', this.exitCode, this.signalCode)
    this.#closed()
  }

  /** It never was one. Later, as of a child process, so that there is time to listen. */
  #failed(error) {
    process.nextTick(() => {
      this.#end()
      error.stack = `${error.name}: ${error.message}\n${this.#caller}`
      this.emit('error', error)
      this.#closed()
    })
  }

  #end() {
    this.#over = true
    this.#release()
    running.delete(this)
    this.stdin.destroy(this.stdin.writableLength > 0 ? brokenPipe() : null)
    this.#next()
    // As of a child process: what nobody reads, or not now, doesn't keep it from closing.
    process.nextTick(() => {
      for (const stream of [this.stdout, this.stderr]) if (stream.readable) stream.resume()
    })
  }

  #closed() {
    if (--this.#open === 0) this.emit('close', this.exitCode, this.signalCode)
  }

  /** An `error` that nobody listens to would end the program; `exitCode` tells it as well. */
  #tell(error) {
    if (this.listenerCount('error') > 0) this.emit('error', error)
  }
}

const brokenPipe = () => Object.assign(new Error('write EPIPE: the process takes no more input'), { code: 'EPIPE', syscall: 'write' })

/** The stack below a function, as an Error's shows it. */
function callerOf(below) {
  const at = {}
  Error.captureStackTrace(at, below)
  return at.stack.split('\n').slice(1).join('\n')
}

/** A directory that `cd` takes for nothing else: not `-`, nor one of CDPATH. */
const place = (cwd) => cwd === '' || cwd.startsWith('/') ? cwd : `./${cwd}`

const aborted = ({ reason }) => new DockerExecError('the process was aborted', 'ERR_ABORTED', { cause: reason })

function word(value) {
  if (typeof value !== 'string' && !Number.isFinite(value)) throw invalid(`an argument must be a string, not ${describe(value)}`)
  if (String(value).includes('\0')) throw invalid(`the argument ${describe(value)} has a NUL character, which no program can take`)
  return String(value)
}

module.exports = { ContainerProcess }
