'use strict'

const { EventEmitter } = require('node:events')
const { describe, invalid, toError, unwrap } = require('./errors.js')
const { exec } = require('./exec.js')
const { template } = require('./quote.js')

/** What a shell and its subclasses share, and nobody else. */
const kNative = Symbol('native')
const kType = Symbol('type')
const kRun = Symbol('run')
const kEvent = Symbol('event')

/** Shells with commands under way: whoever awaits one needs its shell. */
const busy = new Set()

/**
 * A shell that runs commands one at a time, in the order of the calls. The addon has a promise of
 * each, and asks what it comes to when the command has settled.
 */
class Shell extends EventEmitter {
  /** Output that belongs to no result, and a way to type; or null. */
  stream = null

  /** How many commands wait or run. */
  #pending = 0
  /** The streams of those of `exec()`, by their numbers. */
  #outputs = new Map()
  /** What a command that is over has of it: nobody is kept by a promise. */
  #weak = new WeakRef(this)
  #last = 0

  /**
   * The addon's listener for a shell, that doesn't keep it from being collected. Made outside
   * the constructor, whose closures share a scope that holds the shell.
   */
  static listener(shell) {
    const weak = new WeakRef(shell)
    return (name, detail) => weak.deref()?.#on(name, detail) ?? false
  }

  /** No async function, and no promise but the addon's: many may wait. */
  run(command) {
    try {
      return this[kRun](command)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  exec(command, options) {
    const submit = (text, checked, taken) => {
      const id = this.#last = (this.#last + 1) >>> 0
      const settled = unwrap(this[kNative].exec(id, text, checked))
      // Before anybody hears of it, who may take his time.
      const half = taken ? this[kNative].command(id) : undefined
      const outputs = []
      this.#outputs.set(id, outputs)
      try {
        this.#begun()
      } catch (error) {
        // A listener's, which the caller hears of instead.
        half?.abort()
        throw error
      }
      const shell = this.#weak
      const native = taken ? () => half : () => shell.deref()?.[kNative].command(id) ?? null
      return { native, outputs, settled }
    }
    return exec(submit, command, options)
  }

  sh(strings, ...values) {
    if (Array.isArray(strings?.raw)) return this.exec(template(strings, values))
    return (inner, ...values) => this.exec(template(inner, values), strings)
  }

  /** Runs a command whose output is the stream's; throws where it can't be. */
  [kRun](command) {
    if (typeof command !== 'string') throw invalid(`command must be a string, not ${describe(command)}`)
    const settled = unwrap(this[kNative].run(command))
    try {
      this.#begun()
    } catch (error) {
      // A listener's, which the caller hears of instead.
      settled.catch(() => {})
      throw error
    }
    return settled
  }

  /** As `run()`, for somebody who doesn't wait for it. */
  [kType](command) {
    this[kRun](command).catch(() => {})
  }

  /** There is one more command. */
  #begun() {
    if (++this.#pending > 1) return
    this.#hold(true)
    this.emit('start')
  }

  /** While a command is under way the program stays alive, and so does this shell. */
  #hold(on) {
    this[kNative].hold(on)
    if (on) busy.add(this)
    else busy.delete(this)
  }

  /** Where there is something to read: whether somebody reads. Of a command: what it comes to. */
  #on(name, detail) {
    if (name === 'settled') return this.#settle(detail)
    if (name === 'readable') return this.stream?.pull()
    if (name === 'output') return this.#outputs.get(detail.id)?.[detail.stream]?.pull()
    this[kEvent](name, detail)
  }

  #settle(detail) {
    const outputs = this.#outputs.get(detail.id) ?? []
    this.#outputs.delete(detail.id)
    const more = --this.#pending > 0
    if (!more) this.#hold(false)
    for (const stream of [this.stream, ...outputs]) apart(() => stream?.pull(true))
    if (detail.shellRestarted) apart(() => this.emit('shell:restart'))
    if (!detail.failure) apart(() => this.emit('exit', String(detail.exitCode)))
    if (more) apart(() => this.emit('start'))
    return detail.id === undefined ? exitCode(detail) : detail
  }
}

/** Tells listeners: what one of them throws is thrown, and keeps nobody else from anything. */
function apart(tell) {
  try {
    tell()
  } catch (error) {
    process.nextTick(() => { throw error })
  }
}

/** What a `run()` comes to. */
function exitCode({ exitCode, failure }) {
  if (failure) return fail(failure)
  return exitCode === 0 ? 0 : Promise.reject(exitCode)
}

/** Fails when somebody awaits the promise, so that the error's stack shows him. */
async function fail(failure) {
  await null
  await null
  throw toError(failure)
}

module.exports = { Shell, kEvent, kNative, kType }
