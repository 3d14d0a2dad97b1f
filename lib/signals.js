'use strict'

// Linux's signals: a container's, whatever this program runs on.

const { describe, invalid } = require('./errors.js')

const NAMES = [
  'HUP', 'INT', 'QUIT', 'ILL', 'TRAP', 'ABRT', 'BUS', 'FPE', 'KILL', 'USR1', 'SEGV', 'USR2',
  'PIPE', 'ALRM', 'TERM', 'STKFLT', 'CHLD', 'CONT', 'STOP', 'TSTP', 'TTIN', 'TTOU', 'URG',
  'XCPU', 'XFSZ', 'VTALRM', 'PROF', 'WINCH', 'IO', 'PWR', 'SYS'
]

/** A signal's name without SIG, from its name as Node has it, or its number. */
function signalName(signal) {
  const name = typeof signal === 'number' ? NAMES[signal - 1] : String(signal).replace(/^SIG/, '')
  if (!NAMES.includes(name)) throw invalid(`no such signal: ${describe(signal)}; use a name like 'SIGTERM'`)
  return name
}

/** The signal that a shell's exit code stands for (128 and its number), or null. */
function signalOf(exitCode) {
  const name = NAMES[exitCode - 129]
  return name === undefined ? null : `SIG${name}`
}

module.exports = { signalName, signalOf }
