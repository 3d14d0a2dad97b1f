'use strict'

// gVisor as the container's runtime: a kernel of its own between the container and the host.

const assert = require('node:assert')
const os = require('node:os')
const { before, describe, test } = require('node:test')
const { BASH, api, mine, shared, timeout, typed } = require('./helpers.js')

const options = { profile: 'untrusted', limits: { pids: 1024 }, HostConfig: { Runtime: 'runsc' } }

describe('with gVisor', { timeout }, () => {
  before(async () => {
    const { Runtimes } = await api('GET', '/info')
    assert.ok(Runtimes.runsc, 'the engine has no gVisor: install the package runsc, and bring the engine up again (scripts/engine down, then up)')
  })
  const own = mine()
  const runner = shared(require('node:test'), own.options({ Image: BASH, ...options }))

  test('a container has another kernel', async () => {
    const { stdout } = await runner.it.exec('cat /proc/sys/kernel/osrelease; dmesg')
    assert.doesNotMatch(stdout, new RegExp(os.release().replaceAll('.', '\\.')))
    assert.match(stdout, /Starting gVisor/)
  })

  test('commands have their codes, and the shell keeps its state', async () => {
    await runner.it.run('cd /etc; v=1')
    await assert.rejects(runner.it.run('(exit 7)'), (code) => code === 7)
    const { exitCode, shellRestarted } = await runner.it.exec('exit 3', { reject: false })
    assert.deepEqual({ exitCode, shellRestarted }, { exitCode: 3, shellRestarted: true })
    await assert.rejects(runner.it.exec('echo out; echo err >&2; false'), ({ stdout, stderr }) => stdout === 'out\n' && stderr === 'err\n')
  })

  test('a time limit ends a command, and the shell stays', async () => {
    await runner.it.run('v=kept')
    await assert.rejects(runner.it.exec('sleep 1000', { timeout: 300 }), typed('ERR_TIMEOUT'))
    assert.equal(await runner.it.run('[ $v = kept ]'), 0)
  })

  test('files go in and out', async () => {
    await runner.it.writeFile('/tmp/deep/file', 'data')
    assert.equal(await runner.it.readFile('/tmp/deep/file', { encoding: 'utf8' }), 'data')
  })

  test('a session and a process run beside the shell', async () => {
    const session = await runner.it.session()
    assert.equal((await session.exec('echo $((6 * 7))')).stdout, '42\n')
    await session.close()
    const child = runner.it.spawn('cat')
    child.stdin.end('through')
    assert.equal(Buffer.concat(await child.stdout.toArray()).toString(), 'through')
  })

  test('reset() and stop() leave nothing', async () => {
    await runner.it.reset()
    assert.equal(await runner.it.exists('/tmp/deep'), false)
    await runner.it.stop()
    await own.none()
  })
})
