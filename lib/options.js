'use strict'

// Reads what callers pass: docker-exec's and dockerode's spellings in, checked values out.

const { fileURLToPath } = require('node:url')
const { describe, invalid } = require('./errors.js')

/** The longest time that the addon takes, in milliseconds. */
const MAX_TIME = 0x7fffffff

const ENGINE = {
  socketPath: text, host: text, port, protocol: text, version: text,
  ca: pem, cert: pem, key: pem, timeout: time
}

/** `new DockerRunner(options)`: where the engine is, for the addon. */
function engineOptions(options) {
  const checked = {}
  for (const [name, value] of Object.entries(object(options, 'options'))) {
    if (!Object.hasOwn(ENGINE, name)) {
      throw invalid(`option ${name} is unknown: use ${Object.keys(ENGINE).join(', ')}`)
    }
    if (value != null) checked[name] = ENGINE[name](value, name)
  }
  return checked
}

/** The options of a call, as JSON for the addon; what JSON would leave out silently is refused. */
function jsonOptions(options, call) {
  return JSON.stringify(object(options, `${call} options`), (name, value) => {
    if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint') {
      throw invalid(`${call} option ${name} can't be a ${typeof value}`)
    }
    return value
  })
}

/** What `build()` is told, and what it's to tell. */
function buildOptions(options) {
  const { onProgress, signal, ...rest } = object(options, 'build options')
  if (onProgress !== undefined && typeof onProgress !== 'function') throw invalid(`build option onProgress must be a function, not ${describe(onProgress)}`)
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalid(`build option signal must be an AbortSignal, not ${describe(signal)}`)
  return { json: jsonOptions(withPath(rest), 'build'), onProgress, signal }
}

/** `start()`'s options: what is for the addon, and what is done before a container is ready. */
function startOptions(options) {
  const { Build, ...rest } = object(options, 'start options')
  const [setup, cache] = [rest.setup ?? [], rest.cache ?? false]
  delete rest.setup
  delete rest.cache
  if (!Array.isArray(setup) || !setup.every(isText)) throw invalid(`start option setup must be an array of commands, which are strings that aren't empty, not ${describe(setup)}`)
  if (typeof cache !== 'boolean') throw invalid(`start option cache must be true or false, not ${describe(cache)}`)
  if (cache && setup.length === 0) throw invalid('start option cache needs a setup: the commands whose result is to be kept')
  if (Build != null) rest.Build = withPath(object(Build, 'start option Build'))
  return { rest, commands: [...setup], cache }
}

function withPath(options) {
  const { context } = options
  if (!(context instanceof URL)) return options
  if (context.protocol !== 'file:') throw invalid(`build option context must be a folder of this machine, by its path or a file: URL, not ${context}`)
  return { ...options, context: fileURLToPath(context) }
}

/**
 * The options of `exec()` or `spawn()`, with their defaults. `rules` say for a name what its
 * value must be: whether it is, and in words.
 */
function checkOptions(options = {}, defaults, rules) {
  if (options === null || typeof options !== 'object') throw invalid(`options must be an object, not ${describe(options)}`)
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(defaults, name)) {
      throw invalid(`option ${name} is unknown: use ${Object.keys(defaults).join(', ')}`)
    }
  }
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  const checked = { ...defaults, ...Object.fromEntries(given) }
  for (const [name, [is, what]] of Object.entries(rules)) {
    if (checked[name] !== undefined && !is(checked[name])) {
      throw invalid(`option ${name} must be ${what}, not ${describe(checked[name])}`)
    }
  }
  return checked
}

const isText = (value) => typeof value === 'string' && value !== '' && !value.includes('\0')
const whole = (low, high) => (value) => Number.isInteger(value) && value >= low && value <= high

/** The rule of a time, from `low` to the longest that the addon takes. */
const milliseconds = (low) => [whole(low, MAX_TIME), `whole milliseconds from ${low} to ${MAX_TIME}`]

/** The rule of variables for a command or a process. */
const environment = [
  (value) => value !== null && typeof value === 'object' && !Array.isArray(value) && Object.entries(value).every(([name, text]) =>
    /^[A-Za-z_]\w*$/.test(name) && ((typeof text === 'string' && !text.includes('\0')) || Number.isFinite(text))),
  'an object of names (letters, digits, _) with strings or numbers'
]

/** The id of a container, given as a string or as an object that has one. */
function containerId(container, fallback) {
  const id = typeof container === 'string' ? container : (container ?? fallback)?.id
  if (typeof id !== 'string' || !/^[\w.-]+$/.test(id)) {
    throw invalid('no container: give one, as its id or an object with an id, or start() first')
  }
  return id
}

function object(value, what) {
  if (value == null) return {}
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw invalid(`${what} must be an object, not ${describe(value)}`)
  }
  return value
}

function text(value, name) {
  if (typeof value !== 'string') throw invalid(`option ${name} must be a string, not ${describe(value)}`)
  return value
}

function port(value, name) {
  const number = typeof value === 'string' && /^\d+$/.test(value.trim()) ? Number(value) : value
  if (!Number.isInteger(number) || number < 1 || number > 65535) {
    throw invalid(`option ${name} must be a number from 1 to 65535, not ${describe(value)}`)
  }
  return number
}

function pem(value, name) {
  const parts = Array.isArray(value) ? value : [value]
  if (!parts.every((part) => typeof part === 'string' || Buffer.isBuffer(part))) {
    throw invalid(`option ${name} must be PEM text (the content, not a file's name), as a string or Buffer`)
  }
  return Buffer.concat(parts.map((part) => Buffer.from(part)))
}

function time(value, name) {
  const [is, what] = milliseconds(1)
  if (!is(value)) throw invalid(`option ${name} must be ${what}, not ${describe(value)}`)
  return value
}

module.exports = { buildOptions, checkOptions, containerId, engineOptions, environment, isText, jsonOptions, milliseconds, startOptions, whole }
