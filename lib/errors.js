'use strict'

// The one place where an Error is made: of what the addon reports, of bad arguments, and of
// commands that failed.

/**
 * Everything that this package rejects with or throws, but for the bare exit codes of
 * `run()`: `code` says what it is (`ERR_…`, see index.d.ts), `message` what to do.
 */
class DockerExecError extends Error {
  constructor(message, code, details) {
    super(message)
    this.code = code
    Object.assign(this, details)
  }
}

/** A command that failed, with the whole result of `exec()`. */
class ExecError extends DockerExecError {}

for (const type of [DockerExecError, ExecError]) {
  Object.defineProperty(type.prototype, 'name', { value: type.name, writable: true, configurable: true })
}

/** Bytes of stderr that an error's message shows: the last ones tell most. */
const SHOWN = 2000

/** The error that a failure of the addon stands for. */
function toError({ code, message, ...details }) {
  const known = Object.entries(details).filter(([, value]) => value != null)
  return new DockerExecError(message, code, Object.fromEntries(known))
}

/** The error of a command: why it has no exit code, or what its result says. */
function toExecError(result, why, details) {
  const stderr = typeof result.stderr === 'string' ? result.stderr.trim().slice(-SHOWN) : ''
  const message = `${why.message}: ${result.command}${stderr && `\n${stderr}`}`
  return new ExecError(message, why.code, { ...result, ...details })
}

/** The value that the addon settled with, or its failure as an exception. */
function unwrap(settled) {
  if (settled !== null && typeof settled === 'object' && 'code' in settled) throw toError(settled)
  return settled
}

function invalid(message) {
  return new DockerExecError(message, 'ERR_INVALID_ARG_VALUE')
}

/** A value, as a message shows it. */
function describe(value) {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'string' || typeof value === 'number') return JSON.stringify(value)
  if (value === undefined) return 'undefined'
  return `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`
}

module.exports = { DockerExecError, ExecError, describe, invalid, toError, toExecError, unwrap }
