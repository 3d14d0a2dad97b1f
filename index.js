'use strict'

// DockerRunner: docker-exec's contract over the addon. No protocol here: a command goes in
// under a number, and comes back settled under it.

const { EventEmitter } = require('node:events')
const { NativeRunner } = require('./native.js')
const { DockerExecError, invalid, toError, unwrap } = require('./lib/errors.js')
const { containerId, describe, engineOptions, startOptions } = require('./lib/options.js')
const { ContainerStream } = require('./lib/stream.js')

/** What `exec()` keeps of each stream, in bytes, unless `maxBuffer` says otherwise. */
const MAX_BUFFER = 16 * 1024 * 1024

/** Runners with commands under way: whoever awaits one needs its runner. */
const busy = new Set()

class DockerRunner extends EventEmitter {
  /** Where the engine is: `docker.engine()` connects and tells. */
  docker
  /** The container, or null. */
  container = null
  /** The container's stream, or null. */
  stream = null

  #native
  #pending = new Map()
  #last = 0
  #started = null
  #terminal = false

  constructor(options) {
    super()
    this.#native = new NativeRunner(engineOptions(options), DockerRunner.#listener(new WeakRef(this)))
    this.docker = Object.freeze({ engine: async () => unwrap(await this.#native.engine()) })
  }

  async start(options) {
    const container = await this.createContainer(options)
    try {
      const stream = await this.attachContainer(container)
      await this.startContainer(container)
      return stream
    } catch (error) {
      await this.#end().catch(() => {})
      throw error
    }
  }

  async run(command) {
    const { exitCode } = await this.#submit(command)
    if (exitCode !== 0) throw exitCode
    return 0
  }

  async exec(command, { maxBuffer = MAX_BUFFER, encoding = 'utf8' } = {}) {
    if (!Number.isInteger(maxBuffer) || maxBuffer < 0 || maxBuffer > 0xffffffff) {
      throw invalid(`maxBuffer must be whole bytes from 0 to ${0xffffffff}, not ${describe(maxBuffer)}`)
    }
    if (encoding !== 'buffer' && !Buffer.isEncoding(encoding)) {
      throw invalid(`encoding must be 'buffer' or one of Node's, not ${describe(encoding)}`)
    }
    const { exitCode, stdout, stderr, truncated, shellRestarted } = await this.#submit(command, maxBuffer)
    const decode = (bytes) => encoding === 'buffer' ? bytes : bytes.toString(encoding)
    return { command, exitCode, stdout: decode(stdout), stderr: decode(stderr), truncated, shellRestarted }
  }

  async stop() {
    await this.#end()
  }

  async createContainer(options) {
    const id = unwrap(await this.#native.create(startOptions(options)))
    this.#terminal = options?.Tty === true
    this.container = Object.freeze({ id })
    this.stream = null
    return this.container
  }

  async attachContainer(container) {
    this.#own(container)
    unwrap(await this.#native.attach())
    this.#started = deferred()
    this.stream = new ContainerStream(this.#source())
    this.emit('container:attach')
    return this.stream
  }

  async startContainer(container) {
    this.#own(container)
    unwrap(await this.#native.launch())
    this.#started.resolve()
    this.emit('container:start')
  }

  waitContainer(container) {
    const id = containerId(container, this.container)
    this.#native.wait(id).then(unwrap).catch((error) => this.#fail(error))
  }

  async pullContainer(image) {
    if (typeof image !== 'string' || image === '') throw invalid(`image must be a name, not ${describe(image)}`)
    unwrap(await this.#native.pull(image))
  }

  async removeContainer(container) {
    const id = containerId(container, this.container)
    if (id === this.container?.id) await this.#end()
    else unwrap(await this.#native.remove(id))
  }

  async killContainer(container) {
    unwrap(await this.#native.kill(containerId(container, this.container)))
  }

  async resize(columns, rows) {
    for (const [name, value] of Object.entries({ columns, rows })) {
      if (!Number.isInteger(value) || value < 1 || value > 0xffff) {
        throw invalid(`${name} must be a number from 1 to ${0xffff}, not ${describe(value)}`)
      }
    }
    unwrap(await this.#native.resize(columns, rows))
  }

  async streamEnd() {
    const { stream } = this
    if (stream === null || stream.closed) return
    const closed = new Promise((resolve) => stream.once('close', resolve))
    stream.end()
    stream.resume()
    await closed
  }

  /** Made outside the constructor, whose closures share a scope that holds the runner. */
  static #listener(runner) {
    return (name, detail) => runner.deref()?.#on(name, detail)
  }

  #own(container) {
    if (this.container === null || containerId(container, this.container) !== this.container.id) {
      throw invalid('only the container that createContainer() of this runner made last')
    }
  }

  /** Runs a command to its end; with `capture`, keeps so many bytes of each stream. */
  async #submit(command, capture) {
    if (typeof command !== 'string') throw invalid(`command must be a string, not ${describe(command)}`)
    const id = this.#last = (this.#last + 1) >>> 0
    const failure = this.#native.run(id, command, capture)
    if (failure) throw toError(failure)
    const settled = await new Promise((resolve) => {
      this.#pending.set(id, resolve)
      if (this.#pending.size > 1) return
      this.#hold(true)
      this.emit('start')
    })
    if (settled.failure) throw toError(settled.failure)
    return settled
  }

  /** While a command is under way the program stays alive, and so does this runner. */
  #hold(on) {
    this.#native.hold(on)
    if (on) busy.add(this)
    else busy.delete(this)
  }

  #on(name, detail) {
    if (name === 'settled') this.#settle(detail)
    else if (name === 'readable') this.stream?.pull()
    else if (name === 'pull') this.emit('pull:progress', JSON.parse(detail.progress))
    else this.#ended(detail.failure)
  }

  #settle(detail) {
    const resolve = this.#pending.get(detail.id)
    this.#pending.delete(detail.id)
    if (this.#pending.size === 0) this.#hold(false)
    this.stream?.pull()
    resolve(detail)
    if (detail.shellRestarted) this.emit('shell:restart')
    if (!detail.failure) this.emit('exit', String(detail.exitCode))
    if (this.#pending.size > 0) this.emit('start')
  }

  #ended(failure) {
    this.#gone()
    if (failure.code !== 'ERR_STOPPED') this.#fail(toError(failure))
  }

  /** Tells once that the container has gone. */
  #gone() {
    if (this.#started === null) return
    this.#started.reject(toError({ code: 'ERR_STOPPED', message: 'the container has ended' }))
    this.#started = null
    this.stream.pull()
    this.emit('container:stop')
  }

  /** An `error` that nobody listens to would end the program: what failed says so itself. */
  #fail(error) {
    if (this.listenerCount('error') > 0) this.emit('error', error)
  }

  async #end() {
    unwrap(await this.#native.stop())
    this.#gone()
  }

  /** The stream's side of this runner, for as long as the container is this one. */
  #source() {
    const { container } = this
    const current = () => this.container === container
    const started = this.#started.promise
    started.catch(() => {})
    return {
      read: (max) => current() && this.#native.read(max),
      dropped: () => current() ? this.#native.dropped() : 0,
      type: async (text) => {
        await started
        await this.#submit(text)
      },
      terminal: this.#terminal,
      keys: async (bytes) => {
        await started
        unwrap(await this.#native.type(bytes))
      },
      end: async () => {
        if (current()) await this.#end()
      }
    }
  }
}

function deferred() {
  const made = {}
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }))
  return made
}

module.exports = DockerRunner
module.exports.DockerRunner = DockerRunner
module.exports.DockerExecError = DockerExecError
