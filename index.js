'use strict'

// DockerRunner: docker-exec's contract over the addon. No protocol here: a command goes in,
// and a promise of it comes out.

const { NativeRunner } = require('./native.js')
const { DockerExecError, ExecError, describe, invalid, toError, unwrap } = require('./lib/errors.js')
const files = require('./lib/files.js')
const { buildOptions, containerId, engineOptions, jsonOptions, startOptions } = require('./lib/options.js')
const pool = require('./lib/pool.js')
const { ContainerProcess } = require('./lib/process.js')
const { quote } = require('./lib/quote.js')
const { DockerSession } = require('./lib/session.js')
const setup = require('./lib/setup.js')
const { Shell, kEvent, kNative, kType } = require('./lib/shell.js')
const { ContainerStream } = require('./lib/stream.js')

const ALREADY_STARTED = 'this runner already has a container: await stop() first, or make another runner'

/** What a reset fails with before it has changed anything. */
const UNTOUCHED = ['ERR_NOT_STARTED', 'ERR_ALREADY_STARTED']

/** Runners whose container doesn't run yet: only they can remove it. */
const unborn = new Set()
process.on('exit', () => { for (const discard of unborn) discard() })

class DockerRunner extends Shell {
  /** Where the engine is: `docker.engine()` connects and tells. */
  docker
  /** The container, or null. */
  container = null
  #started = null
  #terminal = false
  #turn = 0
  #stopping = null
  /** Where the engine is, as it was given. */
  #engine
  /** Commands that are run in every container of this start. */
  #setup = []
  /** Has a start that waits for an image fail; resolves when nothing of it is left. */
  #interrupt = null
  #discard = () => this[kNative].discard()

  constructor(options) {
    super()
    this.#engine = options
    this[kNative] = new NativeRunner(engineOptions(options), Shell.listener(this))
    this.docker = Object.freeze({ engine: async () => unwrap(await this[kNative].engine()) })
  }

  static async prune(engine) {
    const pruned = unwrap(await new DockerRunner(engine)[kNative].prune())
    return Object.freeze(pruned)
  }

  static async build(options, engine) {
    const { json, onProgress, signal } = buildOptions(options)
    const runner = new DockerRunner(engine)
    const native = runner[kNative]
    const abort = () => native.stop()
    let thrown
    runner.on('build:progress', (progress) => {
      try { onProgress?.(progress) } catch (error) {
        thrown ??= { error }
        abort()
      }
    })
    const turn = native.turn()
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort, { once: true })
    let built
    try {
      built = await native.build(json, turn)
    } finally {
      signal?.removeEventListener('abort', abort)
      runner.removeAllListeners()
    }
    if (thrown) throw thrown.error
    if (built.code === 'ERR_STOPPED') throw new DockerExecError('the build was aborted', 'ERR_ABORTED', { cause: signal.reason })
    return unwrap(built)
  }

  async start(options) {
    return this.#launch(await this.createContainer(options))
  }

  async reset() {
    let container
    try {
      container = await this.#create((turn) => this[kNative].reset(turn))
    } catch (error) {
      if (!UNTOUCHED.includes(error.code)) await this.#end().catch(() => {})
      throw error
    }
    return this.#launch(container)
  }

  async #launch(container) {
    try {
      const stream = await this.attachContainer(container)
      await this.startContainer(container)
      return stream
    } catch (error) {
      await this.#end().catch(() => {})
      throw error
    }
  }

  async stop() {
    await this.#end()
  }

  async [Symbol.asyncDispose]() {
    await this.stop()
  }

  async commit(options) {
    return unwrap(await this[kNative].commit(jsonOptions(options, 'commit')))
  }

  async session(options) {
    const json = jsonOptions(options, 'session')
    return DockerSession.open(this, (listener) => this[kNative].session(json, listener))
  }

  spawn(file, args, options) {
    return ContainerProcess.spawn(this, (checked, listener) => this[kNative].spawn({ ...checked, endless: false }, listener), file, args, options)
  }

  async writeFile(path, data, options) {
    await files.writeFile(this.#program, path, data, options)
  }

  readFile(path, options) {
    return files.readFile(this.#program, path, options)
  }

  async mkdir(path) {
    await files.mkdir(this.#program, path)
  }

  async rm(path, options) {
    await files.rm(this.#program, path, options)
  }

  stat(path) {
    return files.stat(this.#program, path)
  }

  exists(path) {
    return files.exists(this.#program, path)
  }

  readdir(path) {
    return files.readdir(this.#program, path)
  }

  async upload(local, remote, options) {
    await files.upload((...all) => this[kNative].upload(...all), local, remote, options)
  }

  async download(remote, local, options) {
    await files.download((...all) => this[kNative].download(...all), remote, local, options)
  }

  /** Starts a program whose output waits for its reader. */
  #program = (file, args) =>
    ContainerProcess.spawn(this, (checked, listener) => this[kNative].spawn({ ...checked, endless: true }, listener), file, args)

  async createContainer(options) {
    const { rest, commands, cache } = startOptions(options)
    const json = jsonOptions(rest, 'start')
    const container = await this.#create(async (turn) => {
      const made = cache ? jsonOptions(await this.#setUp(json, commands, turn), 'start') : json
      return this[kNative].create(made, turn)
    })
    this.#terminal = rest.Tty === true
    this.#setup = cache ? [] : commands
    return container
  }

  /** The options with the image that the set-up makes, or has made some time, of theirs. */
  async #setUp(json, commands, turn) {
    const { promise: interrupted, reject } = deferred()
    const left = deferred()
    const interrupt = this.#interrupt = () => {
      reject(toError({ code: 'ERR_STOPPED', message: 'the runner was stopped while it was starting' }))
      return left.promise
    }
    const unlessStopped = (promise) => Promise.race([promise, interrupted])
    try {
      const { Build, ...options } = JSON.parse(json)
      const base = unwrap(await unlessStopped(this[kNative].image(json, turn)))
      const Image = setup.imageTag(base, commands, options)
      const made = { ...options, Image, pull: 'never' }
      const found = await unlessStopped(this[kNative].image(JSON.stringify(made), turn))
      if (found.code !== 'ERR_IMAGE_NOT_FOUND') {
        unwrap(found)
        return made
      }
      const { endpoint } = await unlessStopped(this.docker.engine())
      const tell = (progress) => this.emit('setup:progress', progress)
      await setup.make(endpoint, { runner: new DockerRunner(this.#engine), tag: Image, base, commands, options, tell, interrupted })
      return made
    } finally {
      if (this.#interrupt === interrupt) this.#interrupt = null
      left.resolve()
    }
  }

  async #create(create) {
    if (this.#stopping) await this.#stopping
    // Here, since two calls may reach the addon's threads in any order.
    if (unborn.has(this.#discard)) throw toError({ code: 'ERR_ALREADY_STARTED', message: ALREADY_STARTED })
    const turn = this.#turn = this[kNative].turn()
    unborn.add(this.#discard)
    let id
    try {
      id = unwrap(await create(turn))
    } catch (error) {
      unborn.delete(this.#discard)
      throw error
    }
    this.#gone()
    const { stream } = this
    this.container = Object.freeze({ id })
    this.stream = null
    // It looks again, and sees its end.
    stream?.pull()
    return this.container
  }

  async attachContainer(container) {
    this.#own(container)
    unwrap(await this[kNative].attach(this.#turn))
    this.#started = deferred()
    this.stream = new ContainerStream(this.#source())
    this.emit('container:attach')
    return this.stream
  }

  async startContainer(container) {
    this.#own(container)
    unwrap(await this[kNative].launch(this.#turn))
    if (this.#setup.length > 0) await this.#runSetup()
    unborn.delete(this.#discard)
    // It may have ended by now.
    if (this.#started === null) throw toError(ENDED)
    this.#started.resolve()
    this.emit('container:start')
  }

  /** In a shell of its own, so that the runner's is as after a start without. */
  async #runSetup() {
    const session = await this.session()
    await setup.run(session, this.#setup, (progress) => this.emit('setup:progress', progress))
    await session.close()
  }

  waitContainer(container) {
    const id = containerId(container, this.container)
    this[kNative].wait(id).then(unwrap).catch((error) => this.#fail(error))
  }

  async pullContainer(image) {
    if (typeof image !== 'string' || image === '') throw invalid(`image must be a name, not ${describe(image)}`)
    unwrap(await this[kNative].pull(image))
  }

  async removeContainer(container) {
    const id = containerId(container, this.container)
    if (id === this.container?.id) await this.#end()
    else unwrap(await this[kNative].remove(id))
  }

  async killContainer(container) {
    unwrap(await this[kNative].kill(containerId(container, this.container)))
  }

  async resize(columns, rows) {
    for (const [name, value] of Object.entries({ columns, rows })) {
      if (!Number.isInteger(value) || value < 1 || value > 0xffff) {
        throw invalid(`${name} must be a number from 1 to ${0xffff}, not ${describe(value)}`)
      }
    }
    unwrap(await this[kNative].resize(columns, rows))
  }

  async streamEnd() {
    const { stream } = this
    if (stream === null || stream.closed) return
    const closed = new Promise((resolve) => stream.once('close', resolve))
    stream.end()
    stream.resume()
    await closed
  }

  #own(container) {
    if (this.container === null || containerId(container, this.container) !== this.container.id) {
      throw invalid('only the container that createContainer() of this runner made last')
    }
  }

  [kEvent](name, detail) {
    if (name === 'ended') this.#ended(detail.failure)
    else this.emit(`${name}:progress`, JSON.parse(detail.progress))
  }

  #ended(failure) {
    // What has it stopped tells so itself, before there may be another container.
    if (failure.code === 'ERR_STOPPED') return
    this.#gone()
    this.#fail(toError(failure))
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
    const stopping = Promise.all([this[kNative].stop(), this.#interrupt?.()])
    this.#stopping = stopping
    const [stopped] = await stopping
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
      read: (max) => this.container === container && this[kNative].read(max),
      dropped: () => this.container === container ? this[kNative].dropped() : 0,
      type: (text) => {
        // Typed, not awaited: how it ends is its own affair.
        const now = () => {
          if (!current()) throw toError(ENDED)
          this[kType](text)
        }
        // What was typed into a container that never started ends with it; start() tells.
        return started.settled ? now() : started.promise.then(now, () => {})
      },
      keys: async (bytes) => {
        await started.promise
        if (!current()) throw toError(ENDED)
        if (!unwrap(await this[kNative].type(bytes))) throw toError(ENDED)
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
module.exports.DockerSession = DockerSession
module.exports.DockerExecError = DockerExecError
module.exports.ExecError = ExecError
module.exports.ContainerProcess = ContainerProcess
module.exports.DockerPool = pool(DockerRunner)
module.exports.quote = quote
