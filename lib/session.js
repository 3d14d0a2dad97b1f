'use strict'

const { DockerExecError, unwrap } = require('./errors.js')
const { Shell, kEvent, kNative, kType } = require('./shell.js')
const { ContainerStream } = require('./stream.js')

/**
 * Another shell in a runner's container, beside its first: with its own queue, directory
 * and variables. It ends by `close()`, or with the container.
 */
class DockerSession extends Shell {
  #runner
  #open = true

  /** `open(listener)` asks the addon for a session. */
  static async open(runner, open) {
    const session = new DockerSession()
    session[kNative] = unwrap(await open(Shell.listener(session)))
    session.#runner = runner
    session.stream = new ContainerStream({
      read: (max) => session[kNative].read(max),
      dropped: () => session[kNative].dropped(),
      type: (text) => {
        if (!session.#open) throw new DockerExecError('the session of this stream has ended', 'ERR_STOPPED')
        session[kType](text)
      },
      end: () => session.close()
    })
    return session
  }

  /** The runner in whose container this is. */
  get runner() {
    return this.#runner
  }

  async close() {
    unwrap(await this[kNative].close())
  }

  async [Symbol.asyncDispose]() {
    await this.close()
  }

  [kEvent](name) {
    if (name !== 'ended') return
    this.#open = false
    this.stream?.pull()
    this.emit('close')
  }
}

module.exports = { DockerSession }
