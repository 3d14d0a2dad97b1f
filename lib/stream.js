'use strict'

const { Duplex } = require('node:stream')
const { StringDecoder } = require('node:string_decoder')

/** Bytes taken from the addon at a time, at the most. */
const CHUNK = 256 * 1024

/**
 * A container's stream, as docker-exec had it: reads what belongs to no result (the output
 * of `run()`, of jobs in the background, of what was typed), writes type into the shell.
 *
 * Its `source` is the runner's side: `read(max)` takes output (a Buffer, or whether there
 * may be more), `dropped()` counts what nobody read in time, `type(text)` runs complete
 * lines (`keys(bytes)` presses keys where there is a `terminal`), `end()` ends the
 * container.
 */
class ContainerStream extends Duplex {
  #source
  #wanted = false
  #decoder = new StringDecoder('utf8')
  #line = ''

  constructor(source) {
    super({ readableHighWaterMark: CHUNK, decodeStrings: false })
    this.#source = source
  }

  /** Output has come: passes it on to whoever wants it. */
  pull() {
    while (this.#wanted && !this.destroyed) {
      const taken = this.#source.read(CHUNK)
      this.#report()
      if (taken === true) return
      this.#wanted = this.push(taken === false ? null : taken) && taken !== false
    }
  }

  #report() {
    const bytes = this.#source.dropped()
    if (bytes > 0) this.emit('dropped', bytes)
  }

  _read() {
    this.#wanted = true
    this.pull()
  }

  _write(chunk, encoding, callback) {
    if (this.#source.terminal) {
      this.#source.keys(Buffer.from(chunk, encoding)).then(() => callback(), callback)
      return
    }
    const text = this.#line + (typeof chunk === 'string' ? Buffer.from(chunk, encoding).toString() : this.#decoder.write(chunk))
    const end = text.lastIndexOf('\n')
    this.#line = text.slice(end + 1)
    if (end < 0) callback()
    else this.#source.type(text.slice(0, end)).then(() => callback(), callback)
  }

  _final(callback) {
    this.#source.end().then(() => callback(), callback)
  }

  _destroy(error, callback) {
    this.#source.end().then(() => callback(error), callback)
  }
}

module.exports = { ContainerStream }
