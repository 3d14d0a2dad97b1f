'use strict'

const { Duplex, Readable } = require('node:stream')
const { StringDecoder } = require('node:string_decoder')

/** Small bytes are taken from the addon so many at a time, at the most; a large piece is taken whole. */
const CHUNK = 64 * 1024

/** A readable that holds more than this is given no more before it has been read: it would copy all together. */
const SMALL = 16 * 1024

/**
 * So many bytes are given in one turn of the event loop, at the most: the loop has others to
 * serve, and the memory of pieces that were read is only given back in another turn.
 */
const TURN = 512 * 1024

/**
 * Feeds a readable from the addon, as fast as it is read. `source.read(max)` takes output:
 * a Buffer, or whether there may be more; `source.dropped()` counts what nobody read in
 * time, which the readable tells as `dropped`.
 */
class Feed {
  #readable
  #source
  #wanted = false
  /** Bytes given in this turn. */
  #given = 0
  /** It goes on in the next turn. */
  #paused = false

  constructor(readable, source) {
    this.#readable = readable
    this.#source = source
  }

  /** The readable has room. */
  want() {
    this.#wanted = true
    if (this.#readable.readableLength < SMALL) this.pull()
    else queueMicrotask(() => this.pull())
  }

  /** There may be output: gives it, or `all` that there is. Whether somebody waits for it. */
  pull(all = false) {
    while (this.#wanted && !this.#readable.destroyed) {
      if (!all && this.#given >= TURN) return this.#pause()
      const taken = this.#source.read(CHUNK)
      const bytes = this.#source.dropped()
      if (bytes > 0) this.#readable.emit('dropped', bytes)
      if (taken === true) {
        this.#given = 0
        return true
      }
      this.#given += taken.length ?? 0
      this.#wanted = this.#readable.push(taken === false ? null : taken) && taken !== false
    }
    return false
  }

  /** Goes on in the next turn. */
  #pause() {
    if (this.#paused) return true
    this.#paused = true
    setImmediate(() => {
      this.#paused = false
      this.#given = 0
      this.pull()
    })
    return true
  }
}

/** One stream of a command's output: it has a piece before it's asked for one, not more. */
class OutputStream extends Readable {
  #feed

  constructor(source) {
    super({ highWaterMark: 1 })
    this.#feed = new Feed(this, source)
  }

  pull(all) {
    return this.#feed.pull(all)
  }

  _read() {
    this.#feed.want()
  }
}

/**
 * A container's stream, as docker-exec had it: reads what belongs to no result (the output
 * of `run()`, of jobs in the background, of what was typed), writes type into the shell.
 *
 * Its source is a feed's; `type(text)` runs complete lines, at once or in the promise that it returns (`keys(bytes)` presses keys
 * where there is a `terminal`), `end()` ends the container.
 */
class ContainerStream extends Duplex {
  #source
  #feed
  #decoder = new StringDecoder('utf8')
  #line = ''

  constructor(source) {
    super({ readableHighWaterMark: 1, decodeStrings: true })
    this.#source = source
    this.#feed = new Feed(this, source)
  }

  pull(all) {
    return this.#feed.pull(all)
  }

  _read() {
    this.#feed.want()
  }

  _write(chunk, encoding, callback) {
    if (this.#source.terminal) {
      this.#source.keys(chunk).then(() => callback(), callback)
      return
    }
    const text = this.#line + this.#decoder.write(chunk)
    const end = text.lastIndexOf('\n')
    this.#line = text.slice(end + 1)
    if (end < 0) callback()
    else this.#type(text.slice(0, end), callback)
  }

  /** At once where it can be, so that nothing overtakes it. */
  #type(text, callback) {
    try {
      const later = this.#source.type(text)
      if (later) later.then(() => callback(), callback)
      else callback()
    } catch (error) {
      callback(error)
    }
  }

  _final(callback) {
    this.#source.end().then(() => callback(), callback)
  }

  _destroy(error, callback) {
    this.#source.end().then(() => callback(error), callback)
  }
}

module.exports = { ContainerStream, OutputStream }
