'use strict'

const assert = require('node:assert')
const { once } = require('node:events')
const { setTimeout: sleep } = require('node:timers/promises')
const { describe, test } = require('node:test')
const { DockerRunner, bare, mine, outcomes, reading, started, timeout, typed } = require('./helpers.js')

describe('stop()', { timeout }, () => {
  test('before start, after it, twice and at once resolves', async (t) => {
    const own = mine()
    const runner = new DockerRunner()
    await runner.stop()
    await runner.start(own.options())
    assert.deepEqual(await outcomes([runner.stop(), runner.stop(), runner.stop()]), [undefined, undefined, undefined])
    await own.none()
    assert.equal(await runner.stop(), undefined)
  })

  test('during a command rejects it and all that wait', async (t) => {
    const own = mine()
    const runner = await started(t, own.options())
    const seen = reading(runner.stream)
    const runs = outcomes([runner.run('echo runs; sleep 1000'), runner.run('true'), runner.exec('true')])
    await seen.until(/runs\n/)
    await runner.stop()
    assert.deepEqual(await runs, ['ERR_STOPPED', 'ERR_STOPPED', 'ERR_STOPPED'])
    await own.none()
  })

  for (const [what, command] of [
    ['ignores signals', "trap '' TERM INT HUP; echo runs; sleep 1000"],
    ['floods its output', 'echo runs; yes'],
    ['has many processes', 'for i in 1 2 3 4 5 6 7 8; do setsid sleep 1000 & done; echo runs; wait'],
    ['stopped its shell', 'echo runs; kill -STOP $$'],
    ['is busy', 'echo runs; while :; do :; done']
  ]) {
    test(`during a command that ${what} leaves nothing`, async (t) => {
      const own = mine()
      const runner = await started(t, own.options())
      const seen = once(runner.stream, 'data')
      const run = outcomes([runner.run(command)])
      await seen
      await runner.stop()
      assert.deepEqual(await run, ['ERR_STOPPED'])
      await own.none()
    })
  }

  test('from within an event of the runner works', async (t) => {
    const own = mine()
    const runner = await started(t, own.options())
    runner.once('start', () => runner.stop())
    await assert.rejects(runner.run('sleep 1000'), typed('ERR_STOPPED'))
    await runner.stop()
    await own.none()
  })

  test('1,000 waiting commands all reject', async (t) => {
    const runner = await started(t)
    const runs = outcomes(Array.from({ length: 1000 }, () => runner.run('sleep 1000')))
    await runner.stop()
    assert.deepEqual(new Set(await runs), new Set(['ERR_STOPPED']))
  })

  test('leaves the output that had come in the stream', async (t) => {
    const runner = await started(t)
    await runner.run('echo first')
    await runner.stop()
    const seen = reading(runner.stream)
    await seen.until(/first\n/)
    if (!runner.stream.readableEnded) await once(runner.stream, 'end')
  })
})

describe('stop() during start()', { timeout }, () => {
  // What start() does takes some 100 ms: whenever stop() comes, the two agree.
  const moments = [0, 1, 2, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300]

  async function both(own, runner, stop) {
    const start = runner.start(own.options())
    const ended = start.then(() => 'started', (error) => error.code)
    await stop()
    await runner.stop()
    const how = await ended
    assert.ok(['ERR_STOPPED', 'started'].includes(how), how)
    await own.none()
    await assert.rejects(runner.run('true'), ({ code }) => ['ERR_STOPPED', 'ERR_NOT_STARTED'].includes(code))
    return how
  }

  test('in the same turn rejects the start, each time', async () => {
    const own = mine()
    const runner = new DockerRunner()
    await runner.docker.engine()
    for (let round = 0; round < 30; round++) {
      assert.deepEqual(await outcomes([runner.start(own.options()), runner.stop()]), ['ERR_STOPPED', undefined])
      await own.none()
    }
  })

  for (const event of ['container:attach', 'container:start']) {
    test(`at ${event} leaves nothing`, async () => {
      const runner = new DockerRunner()
      await both(mine(), runner, () => once(runner, event))
    })
  }

  for (const after of moments) {
    test(`${after} ms later leaves nothing`, async () => {
      await both(mine(), new DockerRunner(), () => sleep(after))
    })
  }

  test('the runner can start again', async (t) => {
    const own = mine()
    const runner = new DockerRunner()
    t.after(() => runner.stop())
    for (const after of [0, 10, 100]) {
      await both(own, runner, () => sleep(after))
      await runner.start(own.options())
      await assert.rejects(runner.run('(exit 8)'), bare(8))
      await runner.stop()
      await own.none()
    }
  })

  test('start() right after stop(), without awaiting it, is typed or works', async (t) => {
    const own = mine()
    const runner = new DockerRunner()
    t.after(() => runner.stop())
    for (let round = 0; round < 3; round++) {
      const [first, stop, second] = await outcomes([runner.start(own.options()), runner.stop(), runner.start(own.options())])
      assert.equal(first, 'ERR_STOPPED')
      assert.equal(stop, undefined)
      if (second === runner.stream) assert.equal(await runner.run('true'), 0)
      else assert.ok(['ERR_STOPPED', 'ERR_ALREADY_STARTED'].includes(second), second)
      await runner.stop()
      await own.none()
    }
  })
})
