'use strict'

const assert = require('node:assert')
const { once } = require('node:events')
const { after, before, describe, test } = require('node:test')
const { DockerRunner, BASH, api, awake, bare, gone, inspect, mine, reading, shared, started, timeout, typed } = require('./helpers.js')

/** Notes the runner's events as they come, each with its arguments. */
function log(runner) {
  const events = []
  for (const name of ['container:attach', 'container:start', 'container:stop', 'start', 'exit', 'error']) {
    runner.on(name, (...args) => events.push([name, ...args]))
  }
  return events
}

describe('events', { timeout }, () => {
  test('come in order, each with its arguments', async (t) => {
    const runner = new DockerRunner()
    t.after(() => runner.stop())
    const events = log(runner)
    await runner.start({ Image: BASH })
    assert.deepEqual(events.splice(0), [['container:attach'], ['container:start']])
    await runner.run('true')
    await assert.rejects(runner.run('(exit 3)'), bare(3))
    assert.deepEqual(events.splice(0), [['start'], ['exit', '0'], ['start'], ['exit', '3']])
    await runner.stop()
    assert.deepEqual(events, [['container:stop']])
  })

  test('start and exit come in pairs when runs are queued', async (t) => {
    const runner = await started(t)
    const events = log(runner)
    await Promise.allSettled([1, 2, 3].map((code) => runner.run(`(exit ${code})`)))
    assert.deepEqual(events, [['start'], ['exit', '1'], ['start'], ['exit', '2'], ['start'], ['exit', '3']])
  })

  test('a listener of start that throws fails its run, and nothing else', async (t) => {
    const runner = await started(t)
    runner.once('start', () => { throw new Error('a listener') })
    await assert.rejects(runner.run('(exit 3)'), /^Error: a listener$/)
    assert.equal(await runner.run('true'), 0)
  })

  test('a listener of start that throws fails its exec, which is aborted where it waits for input', async (t) => {
    const runner = await started(t)
    runner.once('start', () => { throw new Error('a listener') })
    const events = log(runner)
    const input = (async function * () { await new Promise(() => {}) })()
    await assert.rejects(runner.exec('cat', { input }), /^Error: a listener$/)
    assert.equal(await runner.run('true'), 0)
    // 143 is SIGTERM; cat itself would end with 0.
    assert.deepEqual(events, [['exit', '143'], ['start'], ['exit', '0']])
  })

  test('start comes once for a run that an exit listener begins', async (t) => {
    const runner = await started(t)
    const events = log(runner)
    const second = new Promise((resolve) => runner.once('exit', () => resolve(runner.run('(exit 2)'))))
    await runner.run('true')
    await assert.rejects(second, bare(2))
    assert.deepEqual(events, [['start'], ['exit', '0'], ['start'], ['exit', '2']])
  })

  test('an error of run() shows who awaits it', async (t) => {
    const runner = await started(t)
    const theCaller = async () => { await runner.run('sleep 1000') }
    const failed = theCaller().then(assert.fail, (error) => error)
    await runner.stop()
    assert.match((await failed).stack, /at async theCaller/)
  })

  test('container:stop comes once, however the container ends', async (t) => {
    const runner = await started(t)
    const events = log(runner)
    const stopped = once(runner, 'container:stop')
    await api('POST', `/containers/${runner.container.id}/kill`)
    await awake(stopped)
    await runner.stop()
    await runner.stop()
    const names = events.map(([name]) => name)
    assert.deepEqual(names.filter((name) => name === 'container:stop').length, 1)
  })

  test('error says that the container ended unasked', async (t) => {
    const runner = await started(t)
    const failed = once(runner, 'error')
    await api('POST', `/containers/${runner.container.id}/kill`)
    const [error] = await awake(failed)
    typed('ERR_CONTAINER_GONE', /exit code 137/)(error)
  })

  test('nobody has to listen to error', async (t) => {
    const runner = await started(t)
    const stopped = once(runner, 'container:stop')
    await api('POST', `/containers/${runner.container.id}/kill`)
    await awake(stopped)
    await assert.rejects(runner.run('true'), typed('ERR_CONTAINER_GONE'))
  })
})

describe('stop()', { timeout }, () => {
  test('kills and removes the container, and resolves with nothing', async (t) => {
    const runner = await started(t)
    assert.equal(await runner.stop(), undefined)
    await assert.rejects(inspect(runner.container.id), { status: 404 })
  })
})

describe('the steps of start(), one promise each', { timeout }, () => {
  test('createContainer, attachContainer and startContainer', async (t) => {
    const own = mine()
    const runner = new DockerRunner()
    t.after(() => runner.stop())
    const container = await runner.createContainer(own.options())
    assert.equal((await inspect(container.id)).State.Status, 'created')
    const stream = await runner.attachContainer(container)
    const seen = reading(stream)
    await runner.startContainer(container, own.options())
    assert.equal((await inspect(container.id)).State.Status, 'running')
    await runner.run('echo stepwise')
    await seen.until(/stepwise\n/)
    await runner.killContainer(container)
    await runner.removeContainer(container)
    await own.none()
  })

  test('stop() after each of them leaves nothing', async () => {
    const own = mine()
    for (const steps of [1, 2, 3]) {
      const runner = new DockerRunner()
      const container = await runner.createContainer(own.options())
      if (steps > 1) await runner.attachContainer(container)
      if (steps > 2) await runner.startContainer(container)
      await runner.stop()
      await own.none()
    }
  })

  test('out of order they reject', async (t) => {
    const runner = new DockerRunner()
    t.after(() => runner.stop())
    await assert.rejects(runner.attachContainer({ id: 'x' }), typed('ERR_INVALID_ARG_VALUE'))
    await assert.rejects(runner.startContainer(), typed('ERR_INVALID_ARG_VALUE'))
    const container = await runner.createContainer({ Image: BASH })
    await assert.rejects(runner.startContainer(container), typed('ERR_NOT_STARTED'))
    await assert.rejects(runner.createContainer({ Image: BASH }), typed('ERR_ALREADY_STARTED'))
    await runner.attachContainer(container)
    await assert.rejects(runner.attachContainer(container), typed('ERR_ALREADY_STARTED'))
    await runner.startContainer(container)
    await assert.rejects(runner.startContainer(container), typed('ERR_ALREADY_STARTED'))
    assert.equal(await runner.run('true'), 0)
  })
})

describe('the other methods', { timeout }, () => {
  const runner = shared({ before, after })

  test('pullContainer(image) pulls', async () => {
    const image = `${process.env.DOCKER_EXEC_TEST_REGISTRY}/napi/busybox`
    assert.equal(await runner.it.pullContainer(image), undefined)
    assert.ok((await api('GET', `/images/${image}/json`)).Id)
  })

  test('killContainer(container) kills a container, which then ends the runner', async (t) => {
    const runner = await started(t)
    const stopped = once(runner, 'container:stop')
    assert.equal(await runner.killContainer(runner.container), undefined)
    await awake(stopped)
    await gone(runner.container.id)
    assert.equal(await runner.killContainer(runner.container), undefined)
  })

  test('removeContainer(container) removes', async (t) => {
    const runner = await started(t)
    assert.equal(await runner.removeContainer(runner.container), undefined)
    await assert.rejects(inspect(runner.container.id), { status: 404 })
    assert.equal(await runner.removeContainer(runner.container), undefined)
  })

  test('removeContainer takes another container by its id', async (t) => {
    const other = await started(t)
    await runner.it.removeContainer(other.container.id)
    await assert.rejects(inspect(other.container.id), { status: 404 })
    assert.equal(await runner.it.run('true'), 0)
  })

  test('waitContainer(container) gives no promise; that it failed is an error event', async () => {
    const failed = once(runner.it, 'error')
    assert.equal(runner.it.waitContainer('absent'), undefined)
    const [error] = await failed
    typed('ERR_ENGINE_RESPONSE', /No such container: absent/)(error)
    assert.equal(error.status, 404)
  })

  test('waitContainer(container) says nothing when all is well', async (t) => {
    const runner = await started(t)
    const events = log(runner)
    runner.waitContainer(runner.container)
    await runner.stop()
    assert.deepEqual(events, [['container:stop']])
  })

  test('streamEnd() ends the stream, and the container with it', async (t) => {
    const runner = await started(t)
    const { stream } = runner
    assert.equal(await runner.streamEnd(), undefined)
    assert.equal(stream.closed, true)
    await gone(runner.container.id)
    await assert.rejects(runner.run('true'), typed('ERR_STOPPED'))
    assert.equal(await runner.streamEnd(), undefined)
  })
})
