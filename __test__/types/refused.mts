// What must not compile.

import { DockerExecError, DockerRunner, DockerSession, ExecError, quote } from 'docker-exec-napi'
import type { ErrorCode, StartOptions } from 'docker-exec-napi'

const runner = new DockerRunner()

// @ts-expect-error an unknown option
new DockerRunner({ hots: 'x' })
// @ts-expect-error a number where a path belongs
new DockerRunner({ socketPath: 7 })
// @ts-expect-error errors are made by the library
new DockerExecError('x')
// @ts-expect-error errors are made by the library
new ExecError('x')
// @ts-expect-error sessions are made by session()
new DockerSession()

const options: StartOptions[] = [
  // @ts-expect-error the API's spelling has a capital
  { image: 'ubuntu' },
  // @ts-expect-error a list of NAME=value
  { Env: { A: '1' } },
  // @ts-expect-error numbers are no labels
  { Labels: { a: 1 } },
  // @ts-expect-error bytes are a number
  { HostConfig: { Memory: '1g' } },
  // @ts-expect-error unknown, one level down
  { HostConfig: { memory: 1 } },
  // @ts-expect-error the session's own
  { Cmd: ['ls'] },
  // @ts-expect-error the session's own
  { Healthcheck: { Test: ['NONE'] } },
  // @ts-expect-error the session's own
  { HostConfig: { AutoRemove: false } },
  // @ts-expect-error ours is one name, not the API's list
  { Shell: ['bash'] },
  // @ts-expect-error one of three words
  { pull: 'sometimes' }
]
await runner.start(options[0])

// @ts-expect-error a command is a string
await runner.run(['ls'])
// @ts-expect-error run() has no options
await runner.run('ls', { timeout: 1 })
// @ts-expect-error an unknown option
await runner.exec('ls', { time: 1 })
// @ts-expect-error an unknown option, beside one that decides the type
await runner.exec('ls', { encoding: 'buffer', time: 1 })
// @ts-expect-error milliseconds
await runner.exec('ls', { timeout: '1s' })
// @ts-expect-error no signal of Linux's
await runner.exec('ls', { killSignal: 'SIGBREAK' })
// @ts-expect-error the controller's signal, not the controller
await runner.exec('ls', { signal: new AbortController() })
// @ts-expect-error numbers are no input
await runner.exec('cat', { input: [1] })
// @ts-expect-error strings and numbers
await runner.exec('ls', { env: { A: undefined } })
// @ts-expect-error one of three words
await runner.exec('ls', { overflow: 'drop' })
// @ts-expect-error not one of Node's encodings
await runner.exec('ls', { encoding: 'utf-9' })
// @ts-expect-error text unless it's asked for as bytes
export const bytes: Buffer = (await runner.exec('ls')).stdout
// @ts-expect-error bytes where they are asked for
export const text: string = (await runner.exec('ls', { encoding: 'buffer', all: true })).all
// @ts-expect-error not unless it's asked for
export const all: string = (await runner.exec('ls')).all
// @ts-expect-error results are frozen
;(await runner.exec('ls')).exitCode = 1
// @ts-expect-error stdout or stderr
runner.exec('ls').lines('all')
// @ts-expect-error no signal of Linux's
runner.exec('ls').kill('SIGNOPE')
// @ts-expect-error there is no one spelling of an object
await runner.sh`ls ${{}}`
// @ts-expect-error nor of what isn't there
quote(undefined)
// @ts-expect-error an unknown option
await runner.sh({ time: 1 })`ls`
// @ts-expect-error the API's spelling
await runner.session({ workingDir: '/' })
// @ts-expect-error a session has no container of its own
;(await runner.session()).container
// @ts-expect-error no shell
runner.spawn('ls', [], { shell: true })
// @ts-expect-error a signal's name
runner.spawn('ls').kill('SIGNOPE')
// @ts-expect-error two numbers
await runner.resize('100', 30)
// @ts-expect-error there may be no container
runner.container.id
// @ts-expect-error fields are the runner's to set
runner.container = null
// @ts-expect-error no such event
runner.on('exti', () => {})
// @ts-expect-error the code is a string
runner.on('exit', (code: number) => code)
// @ts-expect-error no such code
export const code: ErrorCode = 'ENOENT'
