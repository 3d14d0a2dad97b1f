'use strict'

// What can be given to a command, a process or a file: text, bytes, and streams of these.

const { describe, invalid } = require('./errors.js')

function isInput(value) {
  return typeof value === 'string' || ArrayBuffer.isView(value) ||
    typeof value?.[Symbol.asyncIterator] === 'function' || typeof value?.[Symbol.iterator] === 'function'
}

const pieces = (input) => typeof input === 'string' || ArrayBuffer.isView(input) ? [input] : input

function bytes(chunk) {
  if (typeof chunk === 'string') return Buffer.from(chunk)
  if (ArrayBuffer.isView(chunk)) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  throw invalid(`input must come as strings or buffers, not ${describe(chunk)}`)
}

module.exports = { bytes, isInput, pieces }
