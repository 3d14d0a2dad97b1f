// Modules: the default, the names, the types. And every member once.

import Default, { DockerExecError, DockerRunner } from 'docker-exec-napi'
import type {
  Container, ContainerStream, EngineOptions, ErrorCode, ExecOptions, ExecResult, HostConfig, PullProgress, StartOptions
} from 'docker-exec-napi'
import { EventEmitter, once } from 'node:events'
import { Duplex } from 'node:stream'
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

const settings: ExecOptions = { maxBuffer: 1024, encoding: 'latin1' }
const { command, exitCode, stdout, stderr, truncated, shellRestarted }: ExecResult = await runner.exec('ls', { maxBuffer: 10 })
const bytes: Buffer = (await runner.exec('ls', { encoding: 'buffer' })).stdout
const either: string | Buffer = (await runner.exec('ls', settings)).stdout
export const all = [endpoint, version, command, exitCode, stdout.trim(), stderr.trim(), truncated, shellRestarted, bytes, either, DockerExecError]

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
