// CommonJS in TypeScript: the class itself, its namespace beside it.

import DockerRunner = require('docker-exec-napi')

const options: DockerRunner.StartOptions = { Image: 'ubuntu:24.04', HostConfig: { Memory: 256 << 20 } }
const runner: DockerRunner = new DockerRunner()
const named: typeof DockerRunner = DockerRunner.DockerRunner

async function main(): Promise<DockerRunner.ExecResult> {
  const stream: DockerRunner.ContainerStream = await runner.start(options)
  stream.on('dropped', (bytes) => bytes.toFixed()).pipe(process.stdout)
  await using session: DockerRunner.DockerSession = await runner.session()
  await session.sh`ls ${DockerRunner.quote('a')}`
  return runner.exec('ls')
}

main().catch((error: unknown) => {
  if (error instanceof named.DockerExecError) {
    const code: DockerRunner.ErrorCode = error.code
    console.error(code, error.status)
  }
})
