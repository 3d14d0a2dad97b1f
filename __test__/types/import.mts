// Modules: the default, the names, the types. And every member once.

import Default, { ContainerProcess, DockerExecError, DockerRunner, DockerSession, ExecError, quote } from 'docker-exec-napi'
import type {
  Container, ContainerStream, EngineOptions, ErrorCode, ExecInput, ExecOptions, ExecPromise, ExecResult, ExecResultWithAll, HostConfig,
  OutputStream, PullProgress, Quotable, SessionOptions, ShellTag, Signal, StartOptions
} from 'docker-exec-napi'
import { EventEmitter, once } from 'node:events'
import { Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

const engines: Array<EngineOptions | null | undefined> = [
  null, undefined, {}, { socketPath: '/var/run/docker.sock' }, { host: '', port: 4243 }, { host: 'ssh://me@there' },
  { host: 'x', protocol: 'https', ca: 'PEM', cert: Buffer.from('PEM'), key: ['PEM'], version: '1.41', timeout: 5000 }
]
for (const engine of engines) new Default(engine)

const host: HostConfig = {
  Binds: ['/a:/b:ro'], Memory: 1e9, NanoCpus: 1.5e9, PidsLimit: 100, NetworkMode: 'none', CapAdd: ['NET_RAW'], CapDrop: ['ALL'],
  SecurityOpt: ['no-new-privileges'], ReadonlyRootfs: true, Tmpfs: { '/tmp': 'size=64m,exec' }, Dns: ['8.8.8.8'], Privileged: false,
  Runtime: 'runc', LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } }, PortBindings: { '80/tcp': [{ HostPort: '8080' }], '81/tcp': null },
  Ulimits: [{ Name: 'nofile', Soft: 1024, Hard: 1024 }], Mounts: [{ Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 1, Mode: 0o1777 } }]
}
const options = {
  Image: 'ubuntu:24.04', Env: ['A=1'], User: '1000:1000', WorkingDir: '/srv', Labels: { a: 'b' }, Hostname: 'h', ExposedPorts: { '80/tcp': {} },
  Volumes: { '/data': {} }, VolumesFrom: ['other'], NetworkDisabled: false, NetworkingConfig: { EndpointsConfig: { net: { Aliases: ['me'] } } },
  HostConfig: host, Tty: true, pull: 'always'
} as const satisfies StartOptions

const runner: DockerRunner = new DockerRunner()
const emitter: EventEmitter<any> = runner
emitter.eventNames()

runner.on('container:attach', () => {}).once('container:start', () => {}).on('container:stop', () => {}).on('start', () => {})
runner.on('exit', (code) => code.padStart(3))
runner.on('error', (error) => { const code: ErrorCode = error.code; return code })
runner.on('pull:progress', ({ id, status, progressDetail }: PullProgress) => [id, status, progressDetail?.current])
runner.on('shell:restart', () => {})
await once(runner, 'exit')

const { endpoint, version } = await runner.docker.engine()
const stream: ContainerStream = await runner.start(options)
const duplex: Duplex = stream
await pipeline(duplex, process.stdout)
const container: Container | null = runner.container
await runner.stream?.closed
stream.once('dropped', (bytes: number) => bytes).off('dropped', () => {}).on('data', (chunk: Buffer) => chunk.length)

const settings: ExecOptions = { maxBuffer: 1024, encoding: 'latin1', all: true, timeout: undefined }
const result: ExecResult = await runner.exec('ls', { maxBuffer: 10 })
const { command, exitCode, signal, stdout, stderr, durationMs, timedOut, aborted, truncated, shellRestarted } = result
const signalled: Signal | null = signal
const maybe: string | undefined = result.all
const bytes: Buffer = (await runner.exec('ls', { encoding: 'buffer' })).stdout
const both: string = (await runner.exec('ls', { all: true })).all
const hex: string = (await runner.exec('ls', { all: true, encoding: 'hex' })).all
const bothBytes: Buffer = (await runner.exec('ls', { all: true, encoding: 'buffer' })).all
const whole: ExecResultWithAll = await runner.exec('ls', { all: true })
const either: string | Buffer = (await runner.exec('ls', settings)).stdout
export const all = [
  endpoint, version, command, exitCode, signalled, stdout.trim(), stderr.trim(), durationMs, timedOut, aborted, truncated, shellRestarted,
  maybe, bytes, both, hex, bothBytes, whole, either, DockerExecError
]

const inputs: ExecInput[] = ['text', Buffer.from('x'), new Uint8Array(1), ['a', Buffer.from('b')], Readable.from(['a']), (async function * () { yield 'a' })()]
for (const input of inputs) {
  await runner.exec('cat', {
    input, timeout: 1000, signal: AbortSignal.timeout(1000), killSignal: 'SIGINT', killGrace: 0, cwd: '/tmp', env: { A: 'x', N: 1 },
    overflow: 'tail', reject: false
  })
}

const running: ExecPromise = runner.exec('ls')
const promise: Promise<ExecResult> = running
const output: OutputStream = running.stdout
output.on('dropped', (count) => count.toFixed()).on('data', (piece) => piece.trim()).pipe(process.stdout)
for await (const line of running) line.trim()
for await (const line of running.lines('stderr')) line.trim()
for await (const { stream, data } of runner.exec('ls', { encoding: 'buffer' }).chunks()) console.log(stream.padEnd(6), data.length)
for await (const piece of runner.exec('ls', { encoding: 'buffer' }).stdout) piece.readUInt8()
const sent: boolean = running.kill() && running.kill('SIGINT') && running.kill(2)

const words: Quotable = ['a', 1]
const tag: ShellTag<ExecPromise> = runner.sh({ timeout: 1000 })
const tagged: string = (await runner.sh`printf ${words} ${'x'} ${2}`).stdout + (await tag`ls ${words}`).stdout
const taggedBytes: Buffer = (await runner.sh({ encoding: 'buffer', all: true })`ls`).all
export const quoted: string = quote(words) + quote('it\'s') + String(sent) + tagged + taggedBytes.toString()

await promise.catch((error: unknown) => {
  if (!(error instanceof ExecError)) throw error
  const base: DockerExecError = error
  const code: number | undefined = error.exitCode
  const { stderr, cause }: ExecError = error
  return [base.code, code, stderr.trim(), cause]
})

const place: SessionOptions = { Shell: 'sh', WorkingDir: '/tmp', Env: ['A=1'], User: '1000' }
const session: DockerSession = await runner.session(place)
session.once('close', () => {}).on('exit', (code) => code.padStart(3)).on('shell:restart', () => {})
session.stream.write('ls\n')
const zero: 0 = await session.run('true')
export const owner: DockerRunner = zero === 0 ? session.runner : runner
await session.exec('ls', { all: true })
await session.sh`ls`
await session.close()
await session[Symbol.asyncDispose]()
await runner[Symbol.asyncDispose]()

const child: ContainerProcess = runner.spawn('convert', ['-', 'out.png'], { cwd: '/tmp', env: { A: 1 }, tty: { columns: 80, rows: 24 } })
runner.spawn('ls', { signal: AbortSignal.timeout(1), killSignal: 9 }).on('error', (error) => error.code)
child.on('exit', (code, signal) => code?.toFixed() ?? signal?.padEnd(1)).once('close', () => {}).on('spawn', () => child.pid?.toFixed())
child.stdout.on('data', (piece) => piece.readUInt8(0)).pipe(child.stdin)
const killed: boolean = child.kill('SIGINT')
await child.resize(100, 30)
await child[Symbol.asyncDispose]()
const cost: number | undefined = (await runner.exec(`: ${killed}`, { usage: true })).usage?.cpuMs

await runner.resize(100, 30)
await runner.stop()
const made: Container = await runner.createContainer(options)
await runner.attachContainer(made)
await runner.startContainer(made, options)
const nothing: void = runner.waitContainer(container)
await runner.pullContainer('ubuntu:24.04')
await runner.killContainer('an-id')
await runner.removeContainer()
await runner.streamEnd()

/** Programs may inherit. */
export class Mine extends DockerRunner {
  constructor() { super(null) }
  async twice(command: string) { await this.run(command); return this.run(command) }
}
export const none: void = nothing
export const ms = cost?.toFixed()
