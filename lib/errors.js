'use strict'

// The one place where an Error is made: of what the addon reports, and of bad arguments.

/**
 * Everything that this package rejects with or throws, but for exit codes: `code` says
 * what it is (`ERR_…`, see index.d.ts), `message` what to do.
 */
class DockerExecError extends Error {
  constructor(message, code, details) {
    super(message)
    this.code = code
    Object.assign(this, details)
  }
}
Object.defineProperty(DockerExecError.prototype, 'name', {
  value: 'DockerExecError', writable: true, configurable: true
})

/** The error that a failure of the addon stands for. */
function toError({ code, message, status }) {
  return new DockerExecError(message, code, status == null ? undefined : { status })
}

/** The value that the addon settled with, or its failure as an exception. */
function unwrap(settled) {
  if (settled !== null && typeof settled === 'object' && 'code' in settled) throw toError(settled)
  return settled
}

function invalid(message) {
  return new DockerExecError(message, 'ERR_INVALID_ARG_VALUE')
}

module.exports = { DockerExecError, invalid, toError, unwrap }
