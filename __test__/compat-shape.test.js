'use strict'

const assert = require('node:assert')
const { EventEmitter } = require('node:events')
const { Duplex } = require('node:stream')
const { describe, test } = require('node:test')
const { DockerRunner, BASH, inspect, mine, node, started, timeout, typed } = require('./helpers.js')

describe('the package', { timeout }, () => {
  test('require() is the class', () => {
    assert.equal(typeof require('..'), 'function')
    assert.ok(new (require('..'))() instanceof require('..'))
  })

  test('import gives the class as default and as DockerRunner', async () => {
    const imported = await import('../index.js')
    assert.equal(imported.default, DockerRunner)
    assert.equal(imported.DockerRunner, DockerRunner)
    assert.equal(imported.DockerExecError, DockerRunner.DockerExecError)
  })

  test('a module can import it by both names', async (t) => {
    const { code, stdout, stderr } = await node(t, '', {
      flags: ['--input-type=module', '-e', "import D, { DockerRunner } from '../index.js'; process.stdout.write(String(D === DockerRunner))"]
    }).exited
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'true', stderr: '' })
  })

  test('a runner is an EventEmitter', () => {
    assert.ok(new DockerRunner() instanceof EventEmitter)
  })

  test('programs can inherit from the class', async (t) => {
    class Mine extends DockerRunner {
      async twice(command) { await this.run(command); return this.run(command) }
    }
    const runner = new Mine()
    t.after(() => runner.stop())
    await runner.start({ Image: BASH })
    assert.equal(await runner.twice('true'), 0)
  })
})

describe('fields', { timeout }, () => {
  test('docker, container and stream exist before start', () => {
    const runner = new DockerRunner()
    assert.equal(typeof runner.docker, 'object')
    assert.equal(runner.container, null)
    assert.equal(runner.stream, null)
  })

  test('container has the id of the running container', async (t) => {
    const runner = await started(t)
    const { Id, State } = await inspect(runner.container.id)
    assert.equal(Id, runner.container.id)
    assert.equal(State.Running, true)
  })

  test('stream is the duplex stream that start resolved with', async (t) => {
    const runner = new DockerRunner()
    t.after(() => runner.stop())
    const stream = await runner.start({ Image: BASH })
    assert.ok(stream instanceof Duplex)
    assert.equal(runner.stream, stream)
  })
})

describe('promises', { timeout }, () => {
  test('start, run and stop return native ones', async (t) => {
    const runner = new DockerRunner()
    t.after(() => runner.stop())
    const start = runner.start({ Image: BASH })
    assert.ok(start instanceof Promise)
    await start
    const run = runner.run('true')
    assert.ok(run instanceof Promise)
    await run
    const stop = runner.stop()
    assert.ok(stop instanceof Promise)
    assert.equal(await stop, undefined)
  })

  test('bad arguments reject, and never throw', async () => {
    const runner = new DockerRunner()
    for (const call of [
      () => runner.start(7), () => runner.run(7), () => runner.exec(7), () => runner.createContainer(7),
      () => runner.attachContainer(7), () => runner.startContainer(7), () => runner.pullContainer(7),
      () => runner.removeContainer(7), () => runner.killContainer(7)
    ]) {
      let promise
      assert.doesNotThrow(() => { promise = call() }, String(call))
      await assert.rejects(promise, typed('ERR_INVALID_ARG_VALUE'), String(call))
    }
  })
})

describe('the console', { timeout }, () => {
  test('the library prints nothing, whatever happens', async (t) => {
    const own = mine()
    const { stdout, stderr, code } = await node(t, `(async () => {
      const runner = new DockerRunner()
      await runner.run('x').catch(() => {})
      await runner.start({ Image: 'docker-exec-napi/absent', pull: 'never' }).catch(() => {})
      await runner.start(options)
      await runner.start(options).catch(() => {})
      await runner.run('echo out; echo err >&2; exit 9').catch(() => {})
      await runner.exec('echo )', { reject: false })
      runner.waitContainer('absent')
      await runner.pullContainer('127.0.0.1:1/absent').catch(() => {})
      await runner.stop()
      await runner.stop()
    })()`, { options: own.options() }).exited
    assert.deepEqual({ stdout, stderr, code }, { stdout: '', stderr: '', code: 0 })
    await own.none()
  })
})
