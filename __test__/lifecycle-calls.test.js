'use strict'

const assert = require('node:assert')
const { after, before, describe, test } = require('node:test')
const { DockerRunner, BASH, bare, mine, outcomes, reading, shared, started, timeout, typed } = require('./helpers.js')

describe('1,000 run() at once', { timeout }, () => {
  const runner = shared({ before, after })

  test('run in order, one at a time, each with its own code', async () => {
    await runner.it.run('n=0')
    const codes = Array.from({ length: 1000 }, (_, n) => n % 256)
    // Each fails with 99 unless exactly those before it have run to their end.
    const runs = codes.map((code, n) => runner.it.run(`[ $n = ${n} ] && [ ! -e /tmp/running ] || exit 99
      : >/tmp/running; n=$((n + 1)); rm /tmp/running; (exit ${code})`))
    assert.deepEqual(await outcomes(runs), codes)
  })

  test('settle in the order of the calls', async () => {
    const order = []
    await Promise.all(Array.from({ length: 100 }, (_, n) => runner.it.run('true').then(() => order.push(n))))
    assert.deepEqual(order, [...order].sort((a, b) => a - b))
    assert.equal(order.length, 100)
  })

  test('each exec() has its own output', async () => {
    const results = await Promise.all(Array.from({ length: 200 }, (_, n) => runner.it.exec(`echo ${n}; echo e${n} >&2`)))
    results.forEach(({ stdout, stderr }, n) => assert.deepEqual([stdout, stderr], [`${n}\n`, `e${n}\n`]))
  })
})

describe('run()', { timeout }, () => {
  test('before start rejects', async () => {
    const runner = new DockerRunner()
    await assert.rejects(runner.run('true'), typed('ERR_NOT_STARTED', /start\(\) first/))
    await assert.rejects(runner.exec('true'), typed('ERR_NOT_STARTED'))
  })

  test('while start() is under way rejects, and disturbs nothing', async (t) => {
    const runner = new DockerRunner()
    t.after(() => runner.stop())
    const start = runner.start({ Image: BASH })
    await assert.rejects(runner.run('true'), typed('ERR_NOT_STARTED'))
    await start
    assert.equal(await runner.run('true'), 0)
  })

  test('after stop rejects', async (t) => {
    const runner = await started(t)
    await runner.stop()
    await assert.rejects(runner.run('true'), typed('ERR_STOPPED'))
  })

  const runner = shared({ before, after })
  for (const [what, command, words] of [
    ['a number', 7, /command must be a string, not 7/],
    ['undefined', undefined, /not a undefined|not undefined/],
    ['an array', ['ls'], /not an array/],
    ['NUL', 'echo a\0b', /NUL character at byte 6/]
  ]) {
    test(`${what} for a command is refused before anything is sent`, async () => {
      await assert.rejects(runner.it.run(command), typed('ERR_INVALID_ARG_VALUE', words))
      await assert.rejects(runner.it.exec(command), typed('ERR_INVALID_ARG_VALUE', words))
      assert.equal(await runner.it.run('true'), 0)
    })
  }

  test('a command past the bound is refused, one of 1 MB is not', async () => {
    await assert.rejects(runner.it.run(`: ${'x'.repeat(64 << 20)}`), typed('ERR_INVALID_ARG_VALUE', /\d+ is the most/))
    await assert.rejects(runner.it.run(`: ${'x'.repeat(1 << 20)}; (exit 5)`), bare(5))
  })
})

describe('start()', { timeout }, () => {
  test('twice rejects, and the first stays as it was', async (t) => {
    const own = mine()
    const runner = await started(t, own.options())
    const { container, stream } = runner
    await runner.run('v=kept')
    await assert.rejects(runner.start(own.options()), typed('ERR_ALREADY_STARTED', /stop\(\) first/))
    assert.equal(runner.container, container)
    assert.equal(runner.stream, stream)
    assert.equal(await runner.run('[ $v = kept ]'), 0)
    assert.deepEqual(await own.left(), [container.id])
    const seen = reading(stream)
    await runner.run('echo still')
    await seen.until(/still\n/)
    await runner.stop()
    await own.none()
  })

  test('twice at once makes one container', async (t) => {
    const own = mine()
    const runner = new DockerRunner()
    t.after(() => runner.stop())
    const [first, second] = await outcomes([runner.start(own.options()), runner.start(own.options())])
    assert.equal(first, runner.stream)
    assert.equal(second, 'ERR_ALREADY_STARTED')
    assert.equal(await runner.run('true'), 0)
    assert.equal((await own.left()).length, 1)
    await runner.stop()
    await own.none()
  })

  test('with bad options on a started runner disturbs nothing', async (t) => {
    const runner = await started(t)
    await assert.rejects(runner.start({ image: 'x' }), typed('ERR_INVALID_ARG_VALUE'))
    assert.equal(await runner.run('true'), 0)
  })

  test('works again after stop, on the same runner, with a fresh shell', async (t) => {
    const own = mine()
    const runner = new DockerRunner()
    t.after(() => runner.stop())
    for (const round of [1, 2, 3]) {
      const stream = await runner.start(own.options())
      const seen = reading(stream)
      assert.equal(await runner.run(`[ ! "$v" ] && v=${round} && echo round ${round}`), 0)
      await seen.until(new RegExp(`round ${round}\n`))
      await runner.stop()
      await own.none()
    }
  })

  test('works after a start that failed', async (t) => {
    const runner = new DockerRunner()
    t.after(() => runner.stop())
    await assert.rejects(runner.start({ Image: 'docker-exec-napi/absent', pull: 'never' }), typed('ERR_IMAGE_NOT_FOUND'))
    await runner.start({ Image: BASH })
    assert.equal(await runner.run('true'), 0)
  })

  test('of many runners at once works, and each has its own container', async (t) => {
    const own = mine()
    const runners = Array.from({ length: 8 }, () => new DockerRunner())
    t.after(() => Promise.all(runners.map((runner) => runner.stop())))
    await Promise.all(runners.map((runner) => runner.start(own.options())))
    assert.deepEqual(await outcomes(runners.map((runner, n) => runner.run(`(exit ${n})`))), [0, 1, 2, 3, 4, 5, 6, 7])
    assert.equal((await own.left()).length, 8)
    await Promise.all(runners.map((runner) => runner.stop()))
    await own.none()
  })
})
