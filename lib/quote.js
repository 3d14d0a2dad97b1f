'use strict'

const { describe, invalid } = require('./errors.js')

/**
 * `value` as one word of a POSIX shell, that stands for exactly it; an array as several.
 * Strings and numbers only: what else there is has no one spelling. No shell can take a NUL.
 */
function quote(value) {
  if (Array.isArray(value)) return value.map(word).join(' ')
  return word(value)
}

function word(value) {
  if (typeof value !== 'string' && !Number.isFinite(value)) {
    throw invalid(`only strings, numbers and arrays of them can be quoted, not ${describe(value)}`)
  }
  const text = String(value)
  if (text.includes('\0')) throw invalid('a NUL character can\'t be quoted: no shell can take it')
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** A template's text, with every value quoted. */
function template(strings, values) {
  return strings.raw.map((text, i) => i < values.length ? text + quote(values[i]) : text).join('')
}

module.exports = { quote, template }
