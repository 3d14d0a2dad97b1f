'use strict'

const { EventEmitter } = require('node:events')
const { describe, invalid, toError, unwrap } = require('./errors.js')
const { exec } = require('./exec.js')
const { template } = require('./quote.js')

/** What a shell and its subclasses share, and nobody else. */
const kNative = Symbol('native')
const kType = Symbol('type')
const kEvent = Symbol('event')

/** Shells with commands under way: whoever awaits one needs its shell. */
const busy = new Set()

/**
 * A shell that runs commands one at a time, in the order of the calls. A command goes to
 * the addon under a number, and comes back settled under it.
 */
class Shell extends EventEmitter {
  /** Output that belongs to no result, and a way to type; or null. */
  stream = null

  /** By a command's number: what resolves it, and its streams where it has some. */
  #pending = new Map()
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

  /** No async function, since many may wait; but what it fails with is made in a promise's turn, where it knows who awaits it. */
  run(command) {
    try {
      return this[kType](command).then(exitCode)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  exec(command, options) {
    const submit = (text, checked, taken) => {
      const id = this.#next()
      unwrap(this[kNative].exec(id, text, checked))
      // Before anybody hears of it, who may take his time.
      const half = taken ? this[kNative].command(id) : undefined
      const outputs = []
      const shell = this.#weak
      const native = taken ? () => half : () => shell.deref()?.[kNative].command(id) ?? null
      return { native, outputs, settled: this.#settled(outputs) }
    }
    return exec(submit, command, options)
  }

  sh(strings, ...values) {
    if (Array.isArray(strings?.raw)) return this.exec(template(strings, values))
    return (inner, ...values) => this.exec(template(inner, values), strings)
  }

  /** Runs a command whose output is the stream's; resolves with how it settled. */
  [kType](command) {
    if (typeof command !== 'string') throw invalid(`command must be a string, not ${describe(command)}`)
    const failure = this[kNative].run(this.#next(), command)
    if (failure !== null) throw toError(failure)
    return this.#settled()
  }

  /** The number of a new command. */
  #next() {
    return this.#last = (this.#last + 1) >>> 0
  }

  /** How the command last numbered settles; `outputs` are its streams. */
  #settled(outputs) {
    // Many may wait: no more than a function for each.
    const settled = new Promise((resolve) => this.#pending.set(this.#last, resolve))
    if (outputs !== undefined) this.#outputs.set(this.#last, outputs)
    if (this.#pending.size === 1) {
      this.#hold(true)
      this.emit('start')
    }
    return settled
  }

  /** While a command is under way the program stays alive, and so does this shell. */
  #hold(on) {
    this[kNative].hold(on)
    if (on) busy.add(this)
    else busy.delete(this)
  }

  /** Where there is something to read: whether somebody reads. */
  #on(name, detail) {
    if (name === 'settled') this.#settle(detail)
    else if (name === 'readable') return this.stream?.pull()
    else if (name === 'output') return this.#outputs.get(detail.id)?.[detail.stream]?.pull()
    else this[kEvent](name, detail)
  }

  #settle(detail) {
    const resolve = this.#pending.get(detail.id)
    const outputs = this.#outputs.get(detail.id) ?? []
    this.#pending.delete(detail.id)
    this.#outputs.delete(detail.id)
    if (this.#pending.size === 0) this.#hold(false)
    try {
      for (const stream of [this.stream, ...outputs]) stream?.pull(true)
    } finally {
      // Whatever a listener of theirs throws.
      resolve(detail)
      if (detail.shellRestarted) this.emit('shell:restart')
      if (!detail.failure) this.emit('exit', String(detail.exitCode))
      if (this.#pending.size > 0) this.emit('start')
    }
  }
}

/** What a `run()` comes to. */
function exitCode({ exitCode, failure }) {
  if (failure) throw toError(failure)
  if (exitCode !== 0) throw exitCode
  return 0
}

module.exports = { Shell, kEvent, kNative, kType }
