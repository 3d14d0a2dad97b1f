'use strict'

// Warm runners: taken, thrown away, replaced.

const assert = require('node:assert')
const { once } = require('node:events')
const { describe, test } = require('node:test')
const { DockerRunner, SOCKET, api, awake, forget, inspect, mine, node, outcomes, timeout, typed } = require('./helpers.js')
const { DockerPool } = DockerRunner

/** A pool of this test's containers, closed at the end of it. */
function made(t, options, start) {
  const own = mine()
  const pool = new DockerPool({ ...options, start: own.options({ profile: 'untrusted', ...start }) })
  t.after(() => pool.close())
  /** Resolves when so many are idle, and nothing else is being started. */
  const idle = async (n) => {
    while (pool.metrics.idle !== n || pool.metrics.starting > 0) await awake(once(pool, 'start'))
  }
  return { own, pool, idle }
}

describe('DockerPool', { timeout }, () => {
  test('keeps as many ready as it was told to, and replaces what is taken', async (t) => {
    const { own, pool, idle } = made(t, { size: 2, max: 3 })
    await idle(2)
    assert.equal((await own.left()).length, 2)
    const runner = await pool.acquire()
    assert.equal((await runner.exec('id -u')).stdout, '65534\n')
    await idle(2)
    assert.deepEqual({ ...pool.metrics, waitMs: 0 }, { size: 3, idle: 2, starting: 0, acquired: 1, pending: 0, failed: 0, waitMs: 0 })
    assert.ok(pool.metrics.waitMs > 0)
    await runner.stop()
    assert.equal(pool.metrics.acquired, 0)
    await pool.close()
    await own.none()
  })

  test('takes a profile and a set-up, whose commands run once for all', async (t) => {
    const own = mine()
    const mark = `/mark-${process.pid}-${Date.now()}`
    const pool = new DockerPool({ size: 2, profile: 'untrusted', setup: [`date +%s%N >${mark}`], start: own.options() })
    t.after(() => pool.close())
    const marks = new Set()
    for (let i = 0; i < 3; i++) {
      const runner = await pool.acquire()
      const { Image } = await inspect(runner.container.id)
      t.after(() => forget(Image))
      assert.equal((await runner.exec('id -u')).stdout, '65534\n')
      marks.add((await runner.exec(`cat ${mark}`)).stdout)
      await runner.stop()
    }
    assert.equal(marks.size, 1)
    await pool.close()
    await own.none()
  })

  test('never gives the same container twice, and gives it clean', async (t) => {
    const { own, pool } = made(t, { size: 1, max: 2 })
    const ids = new Set()
    for (let i = 0; i < 6; i++) {
      const runner = await pool.acquire()
      ids.add(runner.container.id)
      assert.equal(await runner.exists('/tmp/dirt'), false)
      await runner.writeFile('/tmp/dirt', '')
      await runner[Symbol.asyncDispose]()
    }
    assert.equal(ids.size, 6)
    await pool.close()
    await own.none()
  })

  test('is bounded, and serves those who wait in their order', async (t) => {
    const { own, pool } = made(t, { size: 1, max: 2 })
    const order = []
    await Promise.all(Array.from({ length: 6 }, async (_, i) => {
      const runner = await pool.acquire()
      order.push(i)
      assert.ok((await own.left()).length <= 4, 'those that are being removed aside')
      assert.ok(pool.metrics.acquired <= 2)
      await runner.run('sleep 0.05')
      await runner.stop()
    }))
    assert.deepEqual(order, [0, 1, 2, 3, 4, 5])
  })

  test('a wait ends by its time, or its signal, and takes no runner with it', async (t) => {
    const { pool, idle } = made(t, { size: 1, max: 1 })
    const runner = await pool.acquire()
    await assert.rejects(pool.acquire({ timeout: 20 }), typed('ERR_TIMEOUT', /20 ms/))
    const abort = new AbortController()
    const waiting = pool.acquire({ signal: abort.signal })
    abort.abort('enough')
    await assert.rejects(waiting, (error) => typed('ERR_ABORTED')(error) && error.cause === 'enough')
    await assert.rejects(pool.acquire({ signal: AbortSignal.abort() }), typed('ERR_ABORTED'))
    assert.equal(pool.metrics.pending, 0)
    await runner.stop()
    await idle(1)
    const next = await pool.acquire()
    assert.equal(await next.run('true'), 0)
  })

  test('a container that has ended, or does not answer, is replaced and not given', async (t) => {
    const { pool, idle } = made(t, { size: 2, max: 4 })
    await idle(2)
    const ids = []
    pool.on('start', (runner) => ids.push(runner.container.id))
    const first = await pool.acquire()
    await idle(2)
    const [dead] = ids
    await api('DELETE', `/containers/${dead}?force=1`)
    for (let i = 0; i < 3; i++) {
      const runner = await pool.acquire()
      assert.notEqual(runner.container.id, dead)
      assert.equal(await runner.run('true'), 0)
      await runner.stop()
    }
    await first.stop()
    await idle(2)
    const frozen = ids.at(-1)
    await api('POST', `/containers/${frozen}/pause`)
    await awake(once(pool, 'start'))
    const runners = [await pool.acquire(), await pool.acquire()]
    assert.ok(runners.every(({ container }) => container.id !== frozen))
  })

  test('what is older than maxAge is replaced', async (t) => {
    const { pool, idle } = made(t, { size: 1, maxAge: 300 })
    await idle(1)
    const [runner] = await awake(once(pool, 'start'))
    const given = await pool.acquire()
    assert.equal(given, runner)
  })

  test('an engine that is not there gives typed errors, and the pool recovers when it is', async (t) => {
    const net = require('node:net')
    const { mkdtempSync } = require('node:fs')
    const path = require('node:path').join(mkdtempSync(require('node:path').join(require('node:os').tmpdir(), 'pool-')), 'docker.sock')
    const own = mine()
    const pool = new DockerPool({ size: 1, start: own.options(), engine: { socketPath: path } })
    t.after(() => pool.close())
    const errors = []
    pool.on('error', (error) => errors.push(error.code))
    const ends = await outcomes(Array.from({ length: 20 }, () => pool.acquire()))
    assert.deepEqual(ends, Array(20).fill('ERR_ENGINE_UNREACHABLE'))
    while (pool.metrics.starting > 0) await awake(once(pool, 'error'))
    const { failed } = pool.metrics
    assert.ok(failed <= 10, `${failed} starts, for one pool of at most 10`)
    assert.deepEqual(await outcomes(Array.from({ length: 20 }, () => pool.acquire())), ends)
    assert.ok(pool.metrics.failed <= failed + 2, 'then one at a time, which tells all who wait')
    assert.ok(errors.every((code) => code === 'ERR_ENGINE_UNREACHABLE'))
    const open = new Set()
    const proxy = net.createServer((near) => {
      open.add(near)
      const far = net.connect(SOCKET)
      near.on('error', () => far.destroy()).on('close', () => far.destroy())
      far.on('error', () => near.destroy()).on('close', () => near.destroy())
      near.pipe(far).pipe(near)
    })
    await new Promise((resolve) => proxy.listen(path, resolve))
    t.after(() => { proxy.close(); open.forEach((socket) => socket.destroy()) })
    const [runner] = await awake(once(pool, 'start'))
    assert.equal(await runner.run('true'), 0)
    await pool.close()
    await own.none()
  })

  test('drain() waits for what is out, and close() does not', async (t) => {
    const { own, pool } = made(t, { size: 1 })
    const runner = await pool.acquire()
    const drained = [pool.drain(), pool.drain()]
    await assert.rejects(pool.acquire(), typed('ERR_STOPPED'))
    assert.equal(await runner.run('true'), 0)
    assert.equal(await Promise.race([drained[0], 'waits']), 'waits')
    await runner.stop()
    await Promise.all(drained)
    await own.none()

    const other = made(t, { size: 2, max: 2 })
    const taken = await other.pool.acquire()
    const waiting = outcomes([other.pool.acquire(), other.pool.acquire()])
    const running = outcomes([taken.run('sleep 1000')])
    await other.pool.close()
    assert.deepEqual(await running, ['ERR_STOPPED'])
    assert.ok((await waiting).includes('ERR_STOPPED'))
    await other.own.none()
  })

  test('reset() of a runner that was taken keeps it taken', async (t) => {
    const { pool } = made(t, { size: 0, max: 1 })
    const runner = await pool.acquire()
    await runner.reset()
    assert.equal(pool.metrics.acquired, 1)
    await runner.stop()
    assert.equal(pool.metrics.acquired, 0)
  })

  test("doesn't keep a program alive", async (t) => {
    const own = mine()
    const { code, stdout } = await node(t, `
      const pool = new DockerRunner.DockerPool({ size: 1, maxAge: 100_000, start: options })
      pool.acquire().then((runner) => runner.run('true')).then(() => say('works'))
    `, { options: own.options() }).exited
    assert.deepEqual({ code, stdout }, { code: 0, stdout: 'works\n' })
    await own.vanish()
  })

  for (const [options, ...words] of [
    [{ size: -1 }, /size/], [{ size: 5, max: 2 }, /max must be at least size, 5/], [{ sise: 1 }, /sise is unknown/], [{ start: [] }, /start/],
    [{ engine: { colour: 1 } }, /colour/], [{ maxAge: 0 }, /maxAge/]
  ]) test(`refuses ${JSON.stringify(options)}`, () => assert.throws(() => new DockerPool(options), typed('ERR_INVALID_ARG_VALUE', ...words)))
})
