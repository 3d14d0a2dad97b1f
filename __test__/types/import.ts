// `import` in a file that becomes CommonJS or a module, as the program is configured.

import DockerRunner, { DockerExecError } from 'docker-exec-napi'
import type { ErrorCode, StartOptions } from 'docker-exec-napi'

const options: StartOptions = { Shell: 'sh', name: 'mine', platform: 'linux/amd64', pull: 'never' }

export async function code(): Promise<ErrorCode | number> {
  const runner = new DockerRunner({ socketPath: '/var/run/docker.sock' })
  try {
    await runner.start(options)
    const zero: 0 = await runner.run('true')
    return zero
  } catch (error) {
    if (typeof error === 'number') return error
    if (error instanceof DockerExecError) return error.code
    throw error
  } finally {
    await runner.stop()
  }
}
