'use strict'

// What others do to the container.

const assert = require('node:assert')
const { once } = require('node:events')
const { describe, test } = require('node:test')
const { api, awake, gone, mine, outcomes, reading, started, timeout, typed } = require('./helpers.js')

/** A runner in the middle of a command, with another one waiting. */
async function busy(t, own, options) {
  const runner = await started(t, own.options(options))
  const seen = reading(runner.stream)
  const runs = outcomes([runner.run('echo runs; sleep 1000'), runner.run('true')])
  await seen.until(/runs\n/)
  return { runner, runs, seen, id: runner.container.id }
}

describe('from outside, in the middle of a command', { timeout }, () => {
  for (const [what, act] of [
    ['killed', (id) => api('POST', `/containers/${id}/kill`)],
    ['removed', (id) => api('DELETE', `/containers/${id}?force=1`)],
    ['stopped', (id) => api('POST', `/containers/${id}/stop?t=0`)],
    ['asked to end by SIGTERM', (id) => api('POST', `/containers/${id}/stop?t=1`)]
  ]) {
    test(`a container ${what} rejects its commands, and goes`, async (t) => {
      const own = mine()
      const { runner, runs, id } = await busy(t, own)
      await act(id)
      assert.deepEqual(await runs, ['ERR_CONTAINER_GONE', 'ERR_CONTAINER_GONE'])
      await gone(id)
      await assert.rejects(runner.run('true'), typed('ERR_CONTAINER_GONE'))
      await runner.stop()
      await own.none()
      await runner.start(own.options())
      assert.equal(await runner.run('true'), 0)
    })
  }

  test('a restarted container rejects its commands', async (t) => {
    const own = mine()
    const { runner, runs, id } = await busy(t, own)
    await api('POST', `/containers/${id}/restart?t=0`).catch(() => {})
    assert.deepEqual(await runs, ['ERR_CONTAINER_GONE', 'ERR_CONTAINER_GONE'])
    await runner.stop()
    await own.none()
  })

  test('a paused container goes on when it is unpaused', async (t) => {
    const runner = await started(t)
    const { id } = runner.container
    await api('POST', `/containers/${id}/pause`)
    const run = runner.run('echo thawed')
    const seen = reading(runner.stream)
    await api('POST', `/containers/${id}/unpause`)
    assert.equal(await run, 0)
    await seen.until(/thawed\n/)
  })

  test('a paused container can be stopped', async (t) => {
    const own = mine()
    const { runner, runs, id } = await busy(t, own)
    await api('POST', `/containers/${id}/pause`)
    await runner.stop()
    assert.deepEqual(await runs, ['ERR_STOPPED', 'ERR_STOPPED'])
    await own.none()
  })

  test('a command that runs out of memory settles, and the shell lives', async (t) => {
    const runner = await started(t, { Image: 'docker-exec-napi/bash', HostConfig: { Memory: 32 << 20, MemorySwap: 32 << 20 } })
    await runner.run('v=kept')
    const { exitCode } = await runner.exec('tail /dev/zero', { reject: false })
    assert.ok(exitCode > 0, String(exitCode))
    assert.equal(await runner.run('[ $v = kept ]'), 0)
  })

  test('a runner that is idle is told too', async (t) => {
    const own = mine()
    const runner = await started(t, own.options())
    const ended = once(runner.stream.resume(), 'end')
    const stopped = once(runner, 'container:stop')
    await api('DELETE', `/containers/${runner.container.id}?force=1`)
    await awake(Promise.all([stopped, ended]))
    await assert.rejects(runner.run('true'), typed('ERR_CONTAINER_GONE'))
    await own.none()
  })

  test('a process that is killed in the container is no end of the runner', async (t) => {
    const { runner, runs, id } = await busy(t, mine())
    const { Id } = await api('POST', `/containers/${id}/exec`, { Cmd: ['sh', '-c', 'kill -9 $(grep -l ^sleep /proc/[0-9]*/comm | cut -d/ -f3)'] })
    await api('POST', `/exec/${Id}/start`, { Detach: true })
    assert.deepEqual(await runs, [137, 0])
    assert.equal(await runner.run('true'), 0)
  })
})
