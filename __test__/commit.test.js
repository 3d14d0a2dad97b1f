'use strict'

// An image of what the commands have done.

const assert = require('node:assert')
const { describe, test } = require('node:test')
const { BASH, DockerRunner, api, forget, mine, started, timeout, typed } = require('./helpers.js')

const image = (id) => api('GET', `/images/${id}/json`)

/** Commits, and removes the image at the end of the test. */
async function commit(t, runner, options) {
  const id = await runner.commit(options)
  t.after(() => forget(id))
  return id
}

describe('commit()', { timeout }, () => {
  test('keeps files, and not what belongs to a runner', async (t) => {
    const own = mine()
    const runner = await started(t, own.options())
    await runner.run('echo built >/result; cd /tmp; export v=1')
    const tag = 'docker-exec-napi/committed:1'
    const id = await commit(t, runner, { tag, message: 'why', author: 'who', labels: { stage: 'test' } })
    assert.match(id, /^sha256:[0-9a-f]{64}$/)
    const { Id, Config, Comment, Author } = await image(tag)
    const base = await image(BASH)
    assert.equal(Id, id)
    assert.deepEqual([Config.Entrypoint ?? [], Config.Cmd ?? []], [base.Config.Entrypoint ?? [], base.Config.Cmd ?? []])
    assert.deepEqual([Comment, Author, Config.Labels.stage], ['why', 'who', 'test'])
    for (const [name, value] of Object.entries(Config.Labels)) {
      if (name.startsWith('docker-exec-napi.') && !name.endsWith('.test')) assert.equal(value, '', name)
    }
    assert.equal(await runner.run('[ $v = 1 ]'), 0)

    const other = await started(t, { ...own.options(), Image: tag, profile: 'untrusted' })
    assert.equal((await other.exec('cat /result; pwd; echo $v')).stdout, 'built\n/tmp\n\n')
    await Promise.all([runner.stop(), other.stop()])
    await own.none()
  })

  test('leaves what the image starts, and its health check, as they were', async (t) => {
    const Config = { Entrypoint: ['/bin/sh', '-c'], Cmd: ['echo "I am $0"', 'own'], Healthcheck: { Test: ['CMD', 'true'] } }
    const { Id: made } = await api('POST', '/containers/create', { Image: BASH, ...Config })
    const { Id: from } = await api('POST', `/commit?container=${made}`)
    await api('DELETE', `/containers/${made}`)
    const runner = await started(t, { Image: from })
    const id = await commit(t, runner)
    const { Config: { Entrypoint, Cmd, Healthcheck } } = await image(id)
    assert.deepEqual({ Entrypoint, Cmd, Healthcheck }, Config)
  })

  test('a container that is made of it is not pruned', async (t) => {
    const runner = await started(t)
    const { Id } = await api('POST', '/containers/create', { Image: await commit(t, runner), Cmd: ['true'] })
    t.after(() => api('DELETE', `/containers/${Id}?force=1`))
    const { removed, unknown } = await DockerRunner.prune()
    assert.ok(![...removed, ...unknown].includes(Id))
  })

  test('does not get in the way of what is being started', async (t) => {
    const runner = await started(t, { Image: 'docker-exec-napi/busybox' })
    for (let round = 0; round < 5; round++) {
      const reads = []
      for (let i = 0; i < 6; i++) {
        reads.push(runner.readFile('/etc/passwd'))
        await new Promise((resolve) => setTimeout(resolve, 3))
      }
      await commit(t, runner)
      await Promise.all(reads)
    }
  })

  test('refuses what it can not do', async (t) => {
    const runner = new DockerRunner()
    await assert.rejects(runner.commit(), typed('ERR_NOT_STARTED', /commit\(\)/))
    await started(t).then(async (runner) => {
      await assert.rejects(runner.commit({ tags: 'x' }), typed('ERR_INVALID_ARG_VALUE', /commit option tags is unknown/))
      await assert.rejects(runner.commit({ tag: 7 }), typed('ERR_INVALID_ARG_VALUE', /tag/))
      for (const tag of ['', ':v1']) await assert.rejects(runner.commit({ tag }), typed('ERR_INVALID_ARG_VALUE', /tag needs a name/))
      await assert.rejects(runner.commit({ tag: 'No Name' }), typed('ERR_ENGINE_RESPONSE', /invalid reference format/))
      await runner.stop()
      await assert.rejects(runner.commit(), typed('ERR_STOPPED'))
    })
  })
})
