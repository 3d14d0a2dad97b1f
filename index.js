'use strict'

// DockerRunner: docker-exec's contract over the addon. No protocol here: a command goes in
// under a number, and comes back settled under it.

const { EventEmitter } = require('node:events')
const { NativeRunner } = require('./native.js')
const { DockerExecError, ExecError, describe, invalid, toError, unwrap } = require('./lib/errors.js')
const { exec } = require('./lib/exec.js')
const { containerId, engineOptions, startOptions } = require('./lib/options.js')
const { quote, template } = require('./lib/quote.js')
const { ContainerStream } = require('./lib/stream.js')

/** Runners whose container doesn't run yet: only they can remove it. */
const unborn = new Set()
process.on('exit', () => { for (const discard of unborn) discard() })

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
  #turn = 0
  #stopping = null
  #discard = () => this.#native.discard()

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
    const { exitCode, failure } = await this.#type(command)
    if (failure) throw toError(failure)
    if (exitCode !== 0) throw exitCode
    return 0
  }

  exec(command, options) {
    return exec((text, checked) => this.#submit((id) => this.#native.exec(id, text, checked)), command, options)
  }

  sh(strings, ...values) {
    if (Array.isArray(strings?.raw)) return this.exec(template(strings, values))
    return (inner, ...values) => this.exec(template(inner, values), strings)
  }

  async stop() {
    await this.#end()
  }

  async [Symbol.asyncDispose]() {
    await this.stop()
  }

  async createContainer(options) {
    const json = startOptions(options)
    if (this.#stopping) await this.#stopping
    this.#turn = this.#native.turn()
    unborn.add(this.#discard)
    const created = await this.#native.create(json, this.#turn)
    if (typeof created !== 'string') unborn.delete(this.#discard)
    const id = unwrap(created)
    this.#terminal = options?.Tty === true
    this.container = Object.freeze({ id })
    this.stream = null
    return this.container
  }

  async attachContainer(container) {
    this.#own(container)
    unwrap(await this.#native.attach(this.#turn))
    this.#started = deferred()
    this.stream = new ContainerStream(this.#source())
    this.emit('container:attach')
    return this.stream
  }

  async startContainer(container) {
    this.#own(container)
    unwrap(await this.#native.launch(this.#turn))
    unborn.delete(this.#discard)
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

  /** Runs a command whose output is the stream's. */
  #type(command) {
    if (typeof command !== 'string') throw invalid(`command must be a string, not ${describe(command)}`)
    return this.#submit((id) => this.#native.run(id, command)).settled
  }

  /** Queues a command with the addon, under a new number. */
  #submit(queue) {
    const id = this.#last = (this.#last + 1) >>> 0
    const native = queue(id)
    if (native !== null) unwrap(native)
    const outputs = []
    const settled = new Promise((resolve) => this.#pending.set(id, { resolve, outputs }))
    if (this.#pending.size === 1) {
      this.#hold(true)
      this.emit('start')
    }
    return { native, settled, outputs }
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
    else if (name === 'output') this.#pending.get(detail.id)?.outputs[detail.stream]?.pull()
    else if (name === 'pull') this.emit('pull:progress', JSON.parse(detail.progress))
    else this.#ended(detail.failure)
  }

  #settle(detail) {
    const { resolve, outputs } = this.#pending.get(detail.id)
    this.#pending.delete(detail.id)
    if (this.#pending.size === 0) this.#hold(false)
    for (const stream of [this.stream, ...outputs]) stream?.pull()
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
    this.#started.reject(toError(ENDED))
    this.#started = null
    this.stream.pull()
    this.emit('container:stop')
  }

  /** An `error` that nobody listens to would end the program: what failed says so itself. */
  #fail(error) {
    if (this.listenerCount('error') > 0) this.emit('error', error)
  }

  async #end() {
    const stopping = this.#native.stop()
    this.#stopping = stopping
    const stopped = await stopping
    if (this.#stopping === stopping) this.#stopping = null
    unwrap(stopped)
    unborn.delete(this.#discard)
    this.#gone()
  }

  /** The stream's side of this runner, for as long as the container is this one. */
  #source() {
    const { container } = this
    const started = this.#started
    const current = () => this.container === container && this.#started === started
    return {
      terminal: this.#terminal,
      read: (max) => this.container === container && this.#native.read(max),
      dropped: () => this.container === container ? this.#native.dropped() : 0,
      type: async (text) => {
        // What was typed into a container that never started ends with it; start() tells.
        if (!started.settled && !await started.promise.then(() => true, () => false)) return
        if (!current()) throw toError(ENDED)
        // Typed, not awaited: how it ends is its own affair.
        this.#type(text)
      },
      keys: async (bytes) => {
        await started.promise
        if (!current()) throw toError(ENDED)
        if (!unwrap(await this.#native.type(bytes))) throw toError(ENDED)
      },
      end: async () => {
        if (current()) await this.#end()
      }
    }
  }
}

const ENDED = { code: 'ERR_STOPPED', message: 'the container of this stream has ended' }

function deferred() {
  const made = { settled: false }
  made.promise = new Promise((resolve, reject) => {
    made.resolve = () => { made.settled = true; resolve() }
    made.reject = reject
  })
  made.promise.catch(() => {})
  return made
}

module.exports = DockerRunner
module.exports.DockerRunner = DockerRunner
module.exports.DockerExecError = DockerExecError
module.exports.ExecError = ExecError
module.exports.quote = quote
