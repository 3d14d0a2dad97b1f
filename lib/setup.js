'use strict'

// What is done to a container before it's ready: each time, or once for an image that is kept.

const { createHash } = require('node:crypto')
const { DockerExecError, ExecError } = require('./errors.js')
const { quote } = require('./quote.js')

/** What is kept of a command's output for an error, in bytes. */
const KEPT = 64 * 1024

/** The options that count for the container that an image is made in. */
const BUILDERS = ['Binds', 'HostConfig', 'NetworkingConfig', 'Shell', 'VolumesFrom', 'platform']

/** The images' name, and the label that they carry. */
const NAME = 'docker-exec-napi/setup'
const LABEL = 'docker-exec-napi.setup'

/** Runs the commands in a shell; `tell` gets their output while it comes. */
async function run(shell, commands, tell) {
  for (const [index, command] of commands.entries()) {
    const running = shell.exec(command, { all: true, overflow: 'tail', maxBuffer: KEPT })
    const step = `set-up command ${index + 1} of ${commands.length}`
    try {
      for await (const { stream, data } of running.chunks()) tell({ command, stream, data })
    } catch (error) {
      if (!(error instanceof ExecError) || error.code === 'ERR_STOPPED') throw error
      throw new DockerExecError(`${step}: ${error.message}`, 'ERR_SETUP_FAILED', { step: command, output: error.all, cause: error })
    }
  }
}

/** The tag of the image that these commands make of the image with this id. */
function imageTag(base, commands, { Env, Shell }) {
  const all = JSON.stringify([1, base, commands, Env ?? [], Shell ?? ''])
  return `${NAME}:${createHash('sha256').update(all).digest('hex').slice(0, 40)}`
}

/** Images that are being made in this process: by engine and tag, with those who wait. */
const underWay = new Map()

/**
 * Makes an image by running `commands` in a container of its own, which `runner` is for; or
 * waits for whoever does so already. The last one who doesn't wait any more, because
 * `interrupted` rejects, ends it.
 */
async function make(place, { runner, tag, base, commands, options, tell, interrupted }) {
  const name = `${place} ${tag}`
  let making = underWay.get(name)
  if (!making) {
    const waiting = new Set()
    const tellAll = (progress) => waiting.forEach((tell) => tell(progress))
    making = { runner, waiting, done: build(runner, { tag, base, commands, options, tell: tellAll }) }
    underWay.set(name, making)
  }
  const { waiting, done } = making
  let failed
  const failure = new Promise((resolve, reject) => { failed = reject })
  // A listener that throws concerns nobody else.
  const mine = (progress) => { try { tell(progress) } catch (error) { failed(error) } }
  waiting.add(mine)
  try {
    await Promise.race([done, interrupted, failure])
  } finally {
    waiting.delete(mine)
    if (waiting.size === 0) {
      underWay.delete(name)
      await making.runner.stop()
    }
  }
}

async function build(runner, { tag, base, commands, options, tell }) {
  const chosen = Object.entries(options).filter(([name]) => BUILDERS.includes(name))
  const profile = options.profile === 'none' ? 'none' : 'default'
  await runner.start({ ...Object.fromEntries(chosen), Image: base, pull: 'never', profile })
  // Not as the container's: the image would keep them.
  const variables = (options.Env ?? []).filter((text) => /^[A-Za-z_]\w*=/.test(text))
  for (const text of variables) {
    const [name] = text.split('=', 1)
    // Some shells have some that can't be set (UID in bash).
    await runner.exec(`export ${name}=${quote(text.slice(name.length + 1))}`, { reject: false })
  }
  await run(runner, commands, tell)
  await runner.commit({ tag, message: 'set up by docker-exec-napi', labels: { [LABEL]: tag } })
}

module.exports = { imageTag, make, run }
