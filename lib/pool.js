'use strict'

// DockerPool: started runners that nobody has used, ready to be taken.

const { EventEmitter } = require('node:events')
const { describe, invalid, toError, DockerExecError } = require('./errors.js')
const { checkOptions, isText, milliseconds, whole } = require('./options.js')

const DEFAULTS = { size: 2, max: undefined, start: {}, setup: undefined, profile: undefined, engine: undefined, maxAge: undefined }

/** The pause after a start that failed, in milliseconds; it doubles up to the second. */
const FIRST_PAUSE = 100
const LAST_PAUSE = 5000

/** The pause between two looks at those that are idle, in milliseconds. */
const LOOK = 5000

/** How long a runner may take to show that it works, in milliseconds. */
const HEALTHY = 1000

/** Waits that are remembered, for the mean. */
const WAITS = 100

const CLOSED = { code: 'ERR_STOPPED', message: 'the pool was closed' }

/** The class, for this class of runners. */
module.exports = (DockerRunner) => class DockerPool extends EventEmitter {
  #options
  #idle = []
  #starting = new Set()
  #acquired = new Set()
  /** Those who wait, in the order of their coming. */
  #waiting = []
  #failed = 0
  #waits = []
  #pause = FIRST_PAUSE
  #retry = null
  #tending = null
  #draining = false
  #closed = null
  #drained = settled()

  constructor(options) {
    super()
    this.#options = check(options)
    // Checked here, rather than by the first start.
    new DockerRunner(this.#options.engine)
    this.#tend()
    this.#fill()
  }

  /** A started runner that nobody has used. */
  acquire(options) {
    return new Promise((resolve, reject) => {
      const { timeout, signal } = checkOptions(options, { timeout: undefined, signal: undefined }, ACQUIRE)
      if (this.#draining) throw toError(CLOSED)
      if (signal?.aborted) throw aborted(signal)
      const since = performance.now()
      const leave = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', abort)
        this.#waiting = this.#waiting.filter((other) => other !== waiter)
      }
      const give = (runner) => {
        leave()
        this.#waits = [...this.#waits.slice(1 - WAITS), performance.now() - since]
        resolve(runner)
      }
      const refuse = (error) => {
        leave()
        reject(error)
        this.#settle()
      }
      const abort = () => refuse(aborted(signal))
      const late = () => refuse(new DockerExecError(`no runner was free within ${timeout} ms`, 'ERR_TIMEOUT'))
      const timer = timeout === undefined ? undefined : setTimeout(late, timeout)
      signal?.addEventListener('abort', abort, { once: true })
      const waiter = { give, refuse }
      this.#waiting.push(waiter)
      this.#serve()
    })
  }

  get metrics() {
    const mean = this.#waits.reduce((sum, ms) => sum + ms, 0) / (this.#waits.length || 1)
    return Object.freeze({
      size: this.#idle.length + this.#starting.size + this.#acquired.size,
      idle: this.#idle.length, starting: this.#starting.size, acquired: this.#acquired.size,
      pending: this.#waiting.length, failed: this.#failed, waitMs: mean
    })
  }

  /** Serves those who wait, and closes when the last runner is back. */
  async drain() {
    this.#draining = true
    this.#settle()
    await this.#drained.promise
    await this.close()
  }

  /** Ends everything, at once. */
  close() {
    this.#closed ??= this.#end()
    return this.#closed
  }

  async [Symbol.asyncDispose]() {
    await this.close()
  }

  async #end() {
    this.#draining = true
    clearTimeout(this.#retry)
    clearTimeout(this.#tending)
    this.#refuseAll(toError(CLOSED))
    const runners = [...this.#idle.map(({ runner }) => runner), ...this.#starting, ...this.#acquired]
    this.#idle = []
    const ends = await Promise.allSettled(runners.map((runner) => runner.stop()))
    this.#drained.resolve()
    const failure = ends.find(({ status }) => status === 'rejected')
    if (failure) throw failure.reason
  }

  /** Starts as many as are missing; after a failure one at a time, and only when it's due. */
  #fill() {
    const { size, max } = this.#options
    const there = this.#idle.length + this.#starting.size
    const wanted = this.#waiting.length + (this.#draining ? 0 : size)
    const room = max - this.#acquired.size
    let missing = this.#closed ? 0 : Math.min(wanted, room) - there
    if (this.#retry !== null) missing = Math.min(missing, this.#waiting.length > 0 && this.#starting.size === 0 ? 1 : 0)
    for (; missing > 0; missing--) this.#begin()
  }

  async #begin() {
    const runner = new DockerRunner(this.#options.engine)
    this.#starting.add(runner)
    try {
      await runner.start(this.#options.start)
    } catch (error) {
      this.#starting.delete(runner)
      if (!this.#closed) this.#broken(error)
      return
    }
    this.#starting.delete(runner)
    if (this.#closed) return
    clearTimeout(this.#retry)
    this.#retry = null
    this.#pause = FIRST_PAUSE
    this.#idle.push({ runner, since: performance.now() })
    runner.on('container:stop', () => this.#gone(runner))
    runner.on('container:start', () => this.#acquired.add(runner))
    this.emit('start', runner)
    this.#serve()
  }

  /** A start has failed: whoever waits is told, and it's tried again by and by. */
  #broken(error) {
    this.#failed++
    // Several that were begun together have failed once.
    if (this.#retry === null) {
      this.#retry = setTimeout(() => { this.#retry = null; this.#fill() }, this.#pause).unref()
      this.#pause = Math.min(LAST_PAUSE, this.#pause * 2)
    }
    this.#refuseAll(error)
    if (this.listenerCount('error') > 0) this.emit('error', error)
  }

  #refuseAll(error) {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { refuse } of waiting) refuse(error)
  }

  /** Gives idle runners to those who wait, the oldest to the first. */
  #serve() {
    while (this.#waiting.length > 0 && this.#idle.length > 0) {
      const { runner } = this.#idle.shift()
      this.#acquired.add(runner)
      this.#waiting[0].give(runner)
      this.emit('acquire', runner)
    }
    this.#fill()
  }

  /** A container has ended, whoever's it was. */
  #gone(runner) {
    if (this.#acquired.delete(runner)) this.emit('release', runner)
    this.#idle = this.#idle.filter((idle) => idle.runner !== runner)
    this.#settle()
  }

  #discard(runner) {
    this.#acquired.delete(runner)
    this.#idle = this.#idle.filter((idle) => idle.runner !== runner)
    runner.stop().catch((error) => { if (this.listenerCount('error') > 0) this.emit('error', error) })
  }

  /** Something has become free, or isn't waited for any more. */
  #settle() {
    this.#serve()
    if (this.#draining && this.#waiting.length === 0 && this.#acquired.size === 0) this.#drained.resolve()
  }

  /** Looks after those that are idle, again and again: replaces what is too old, or not well. */
  #tend() {
    const { maxAge } = this.#options
    this.#tending = setTimeout(async () => {
      const now = performance.now()
      for (const { runner } of this.#idle.filter(({ since }) => now - since >= maxAge)) this.#discard(runner)
      this.#fill()
      await Promise.all(this.#idle.map(async ({ runner }) => {
        if (!await healthy(runner) && !this.#acquired.has(runner)) this.#discard(runner)
      }))
      if (this.#closed) return
      this.#fill()
      this.#tend()
    }, Math.min(LOOK, maxAge ?? LOOK)).unref()
  }
}

/** A promise, and the way to resolve it. */
function settled() {
  const made = {}
  made.promise = new Promise((resolve) => { made.resolve = resolve })
  return made
}

/** Whether its shell does something, before long. */
async function healthy(runner) {
  let timer
  const late = new Promise((resolve) => { timer = setTimeout(resolve, HEALTHY, false) })
  const works = runner.run(':').then(() => true, () => false)
  const well = await Promise.race([works, late])
  clearTimeout(timer)
  return well
}

const aborted = (signal) => new DockerExecError('the wait for a runner was aborted', 'ERR_ABORTED', { cause: signal.reason })

const ACQUIRE = {
  timeout: milliseconds(0),
  signal: [(value) => value instanceof AbortSignal, 'an AbortSignal']
}

function check(options) {
  const object = [(value) => value !== null && typeof value === 'object' && !Array.isArray(value), 'an object']
  const checked = checkOptions(options, DEFAULTS, {
    size: [whole(0, 1000), 'a number from 0 to 1000'],
    max: [whole(1, 1000), 'a number from 1 to 1000'],
    maxAge: milliseconds(1),
    start: object,
    setup: [(value) => Array.isArray(value) && value.every(isText), "an array of commands, which are strings that aren't empty"],
    profile: [(value) => ['default', 'untrusted', 'none'].includes(value), "'default', 'untrusted' or 'none'"],
    engine: object
  })
  checked.max ??= Math.max(10, checked.size)
  if (checked.max < checked.size) throw invalid(`option max must be at least size, ${checked.size}, not ${describe(checked.max)}`)
  return { ...checked, start: startOptions(checked) }
}

/** What each runner is started with; a set-up of the pool's is one image for all. */
function startOptions({ start, setup, profile }) {
  const options = { ...start }
  if (setup !== undefined) Object.assign(options, { setup: [...setup], cache: setup.length > 0 })
  if (profile !== undefined) options.profile = profile
  return options
}
