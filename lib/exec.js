'use strict'

// exec(): options in, a promise of the result out, with the command's streams on it.

const { createInterface } = require('node:readline')
const { Readable } = require('node:stream')
const { NativeExecOptions } = require('../native.js')
const { describe, invalid, toExecError } = require('./errors.js')
const { bytes, isInput, pieces } = require('./input.js')
const { checkOptions, environment, isText, milliseconds, whole } = require('./options.js')
const { quote } = require('./quote.js')
const { signalName, signalOf } = require('./signals.js')
const { OutputStream } = require('./stream.js')

const DEFAULTS = {
  timeout: undefined, signal: undefined, killSignal: 'SIGTERM', killGrace: 5000,
  input: undefined, cwd: undefined, env: undefined, encoding: 'utf8', all: false,
  maxBuffer: 16 * 1024 * 1024, overflow: 'error', reject: true, usage: false
}

const CAUSES = {
  timeout: { code: 'ERR_TIMEOUT', message: 'the command was ended because its time was up' },
  abort: { code: 'ERR_ABORTED', message: 'the command was aborted' },
  overflow: { code: 'ERR_MAX_BUFFER', message: 'the command was ended because it printed more than maxBuffer' }
}

const LIMITS = {
  memory: 'perhaps since the container ran out of memory: limits.memory',
  pids: 'perhaps since the container had no room for another process: limits.pids',
  disk: 'perhaps since there was no space left: limits.disk'
}

/**
 * Runs a command. `submit(text, options)` queues it: gives a promise of how it settled, where to
 * hang its streams, and a function for the addon's half of it: `taken`, or else null once it has
 * settled. Never throws: whatever is wrong, the promise rejects.
 */
function exec(submit, command, options) {
  try {
    return begin(submit, command, check(command, options))
  } catch (error) {
    return decorate(Promise.reject(error), () => null, [], DEFAULTS)
  }
}

function begin(submit, command, options) {
  if (options.signal?.aborted) {
    const failure = { code: 'ERR_ABORTED', message: 'the command was aborted before it began' }
    return decorate(Promise.resolve({ failure }).then(finish(command, options)), () => null, [], options)
  }
  const { native, settled, outputs } = submit(withPlace(command, options), forAddon(options), options !== DEFAULTS)
  // Most commands end without a look at it; of these it has all that a late look is for.
  if (options === DEFAULTS) return decorate(settled.then(finish(command, options)), native, outputs, options)
  const half = native()
  if (options.signal !== undefined) {
    const abort = () => half.abort()
    options.signal.addEventListener('abort', abort, { once: true })
    settled.then(() => options.signal.removeEventListener('abort', abort))
  }
  const fed = {}
  if (options.input !== undefined) feed(half, options.input, fed)
  return decorate(settled.then(finish(command, options, fed)), () => half, outputs, options)
}

/** How a command that has settled ends for its caller; `fed.error` is what its input had failed with by then. */
const finish = (command, options, fed) => (detail) => {
  const inputError = fed?.error
  const result = toResult(command, options, detail, inputError)
  if (inputError !== undefined) {
    throw toExecError(result, { code: 'ERR_INPUT', message: 'the input failed' }, { cause: inputError })
  }
  const cause = CAUSES[detail.cause]
  if (detail.failure) throw toExecError(result, detail.failure, reasonOf(options, detail.failure.code))
  if (!options.reject) return result
  const why = result.limit === null ? '' : ` (${LIMITS[result.limit]})`
  if (cause) throw toExecError(result, { code: cause.code, message: cause.message + why }, reasonOf(options, cause.code))
  if (result.exitCode === 0) return result
  throw toExecError(result, { code: 'ERR_EXIT_CODE', message: `the command failed with exit code ${result.exitCode}${why}` })
}

const reasonOf = ({ signal }, code) => code === 'ERR_ABORTED' && signal ? { cause: signal.reason } : undefined

function toResult(command, { encoding, usage }, detail, inputError) {
  const decode = (bytes) => {
    if (encoding === 'buffer') return bytes ?? Buffer.alloc(0)
    return bytes === undefined ? '' : bytes.toString(encoding)
  }
  return Object.freeze({
    command,
    exitCode: detail.exitCode,
    signal: signalOf(detail.exitCode),
    stdout: decode(detail.stdout),
    stderr: decode(detail.stderr),
    ...(detail.all && { all: decode(detail.all) }),
    durationMs: detail.durationMs ?? 0,
    timedOut: detail.cause === 'timeout',
    aborted: inputError === undefined && (detail.cause === 'abort' || detail.failure?.code === 'ERR_ABORTED'),
    truncated: detail.truncated ?? false,
    shellRestarted: detail.shellRestarted ?? false,
    limit: detail.limit ?? null,
    ...(usage && { usage: usageOf(detail) })
  })
}

const usageOf = ({ cpuMs, memoryPeak }) => cpuMs == null ? null : Object.freeze({ cpuMs, memoryPeak: memoryPeak ?? null })

/** What the promise of a result has of its command. */
const kCommand = Symbol('command')

/** The promise, with the command's streams and what can be done about it. */
function decorate(promise, native, outputs, { encoding }) {
  Object.defineProperty(promise, kCommand, { value: { native, outputs, encoding } })
  return Object.setPrototypeOf(promise, COMMAND)
}

/** Of such a promise: a prototype, since it takes microseconds to define properties. */
const COMMAND = Object.create(Promise.prototype, {
  stdout: { get () { return stream(this, 0) } },
  stderr: { get () { return stream(this, 1) } },
  kill: { value (signal = 'SIGTERM') { return kill(this[kCommand], signalName(signal)) } },
  lines: { value (name = 'stdout') { return lines(this, stream(this, streamIndex(name))) } },
  chunks: { value () { return chunks(this, stream(this, 0), stream(this, 1)) } },
  [Symbol.asyncIterator]: { value () { return lines(this, stream(this, 0)) } }
})

/** The addon's half of a command, which it gives once; null where it has settled before. */
function half(command) {
  if (command.half === undefined) command.half = command.native()
  return command.half
}

const kill = (command, signal) => half(command)?.signal(signal) ?? false

function stream(promise, index) {
  const command = promise[kCommand]
  if (half(command) === null) return (command.late ??= [])[index] ??= late(promise, index)
  return command.outputs[index] ??= output(half(command), index, command.encoding)
}

/** One stream of a command that has settled: what its result has. */
function late(promise, index) {
  const { encoding } = promise[kCommand]
  const kept = async function * () {
    const { [STREAMS[index]]: output } = await promise.catch((error) => error)
    if (output?.length > 0) yield Buffer.from(output, encoding)
  }
  const readable = Readable.from(kept(), { objectMode: false })
  return encoding === 'buffer' ? readable : readable.setEncoding(encoding)
}

const STREAMS = ['stdout', 'stderr']

function streamIndex(name) {
  const index = STREAMS.indexOf(name)
  if (index < 0) throw invalid(`a stream is 'stdout' or 'stderr', not ${describe(name)}`)
  return index
}

function output(native, index, encoding) {
  const readable = new OutputStream({
    read: (max) => native.read(index, max),
    dropped: () => native.dropped(index)
  })
  return encoding === 'buffer' ? readable : readable.setEncoding(encoding)
}

/** One stream's lines, while they come; fails in the end if the command does. */
async function * lines(promise, readable) {
  promise.catch(() => {})
  yield * createInterface({ input: readable, crlfDelay: Infinity })
  await promise
}

/**
 * Both streams' pieces, while they come; fails in the end if the command does. Not by racing the
 * streams' next pieces: a race that one of them has lost is remembered by it until it ends.
 */
async function * chunks(promise, stdout, stderr) {
  promise.catch(() => {})
  const ready = []
  let open = 2
  let failed
  let wake
  const pump = async (stream, readable) => {
    try {
      for await (const data of readable) {
        await new Promise((taken) => {
          ready.push({ piece: { stream, data }, taken })
          wake?.()
        })
      }
    } catch (error) {
      failed ??= { error }
    }
    open--
    wake?.()
  }
  pump('stdout', stdout)
  pump('stderr', stderr)
  while (!failed && (open > 0 || ready.length > 0)) {
    if (ready.length === 0) await new Promise((resolve) => { wake = resolve })
    for (const { piece, taken } of ready.splice(0)) {
      yield piece
      taken()
    }
  }
  if (failed) throw failed.error
  await promise
}

/** Passes the input on; notes what its source has failed with, if it has. */
async function feed(native, input, fed) {
  try {
    for await (const chunk of pieces(input)) {
      if (!await native.write(bytes(chunk))) break
    }
  } catch (error) {
    fed.error = error
    native.abort()
    return
  }
  native.end()
}

/** The command in another directory, with more variables: in a subshell, so that it ends there. */
function withPlace(command, { cwd, env }) {
  if (cwd === undefined && env === undefined) return command
  const variables = Object.entries(env ?? {}).map(([name, value]) => `${name}=${quote(value)}`)
  const directory = cwd === undefined ? '' : `\\command cd -- ${quote(cwd)} || \\command exit 126; `
  const exports = variables.length > 0 ? `\\command export ${variables.join(' ')}; ` : ''
  return `(${directory}${exports}\\command eval ${quote(command)})`
}

/** The options as the addon wants them; most commands share the default ones. */
function forAddon(options) {
  return options === DEFAULTS ? PLAIN : native(options, true)
}

function native({ maxBuffer, overflow, all, timeout, killSignal, killGrace, input, signal, usage }, taken) {
  return new NativeExecOptions({
    limit: maxBuffer, overflow, all, timeout, killGrace, usage,
    killSignal: signalName(killSignal),
    taken,
    input: input !== undefined,
    restore: timeout !== undefined || signal !== undefined
  })
}

const PLAIN = native(DEFAULTS, false)

function check(command, options) {
  if (typeof command !== 'string') throw invalid(`command must be a string, not ${describe(command)}`)
  if (options === undefined) return DEFAULTS
  const checked = checkOptions(options, DEFAULTS, RULES)
  signalName(checked.killSignal)
  return checked
}

const boolean = [(value) => typeof value === 'boolean', 'true or false']
const RULES = {
  timeout: milliseconds(1),
  killGrace: milliseconds(0),
  maxBuffer: [whole(0, 0xffffffff), `whole bytes from 0 to ${0xffffffff}`],
  signal: [(value) => value instanceof AbortSignal, 'an AbortSignal'],
  cwd: [isText, 'a path'],
  env: environment,
  encoding: [(value) => value === 'buffer' || Buffer.isEncoding(value), "'buffer' or an encoding of Node's"],
  overflow: [(value) => ['error', 'head', 'tail'].includes(value), "'error', 'head' or 'tail'"],
  input: [isInput, 'a string, a Buffer, a Readable or an iterable of these'],
  all: boolean,
  reject: boolean,
  usage: boolean
}

module.exports = { exec }
