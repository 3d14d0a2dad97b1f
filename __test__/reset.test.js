'use strict'

// The same runner, a fresh container.

const assert = require('node:assert')
const { once } = require('node:events')
const { mkdtempSync, rmdirSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { describe, test } = require('node:test')
const { BASH, DockerRunner, api, awake, gone, inspect, mine, outcomes, reading, started, timeout, typed } = require('./helpers.js')

describe('reset()', { timeout }, () => {
  test('gives a fresh container with the same settings, and removes the old one', async (t) => {
    const own = mine()
    const runner = await started(t, own.options({ Env: ['A=1'], WorkingDir: '/srv', HostConfig: { Memory: 64 << 20, MemorySwap: 64 << 20 } }))
    const { id } = runner.container
    await runner.run('touch /dirt; cd /; b=2')
    const stream = await runner.reset()
    assert.equal(stream, runner.stream)
    assert.notEqual(runner.container.id, id)
    assert.deepEqual(await own.left(), [runner.container.id])
    const { stdout } = await runner.exec('echo $A $b $PWD; ls /dirt 2>/dev/null || echo clean')
    assert.equal(stdout, '1 /srv\nclean\n')
    assert.equal((await inspect(runner.container.id)).HostConfig.Memory, 64 << 20)
  })

  test('may be called again and again', async (t) => {
    const own = mine()
    const runner = await started(t, own.options({ profile: 'untrusted' }))
    for (let i = 0; i < 5; i++) {
      await runner.run('[ ! -e /tmp/dirt ]; touch /tmp/dirt')
      await runner.reset()
    }
    assert.deepEqual(await own.left(), [runner.container.id])
    await runner.stop()
    await own.none()
  })

  test('ends what runs, waits, or is open in the old one', async (t) => {
    const runner = await started(t)
    const { stream } = runner
    const session = await runner.session()
    const ends = outcomes([runner.run('sleep 1000'), runner.exec('true'), session.run('sleep 1000')])
    const closed = [once(stream.resume(), 'end'), once(session, 'close'), once(runner, 'container:stop')]
    await runner.reset()
    assert.deepEqual(await ends, ['ERR_STOPPED', 'ERR_STOPPED', 'ERR_STOPPED'])
    await awake(Promise.all(closed))
    assert.equal(await runner.run('true'), 0)
    const seen = reading(runner.stream)
    await runner.run('echo fresh')
    await seen.until(/^fresh\n$/)
  })

  test('keeps the image, also when its name means another by now', async (t) => {
    const tag = async (image) => api('POST', `/images/${image}/tag?repo=docker-exec-napi/moving&tag=1`)
    await tag(BASH)
    t.after(() => api('DELETE', '/images/docker-exec-napi/moving:1?force=1'))
    const runner = await started(t, { Image: 'docker-exec-napi/moving:1' })
    const { Image } = await inspect(runner.container.id)
    await tag('docker-exec-napi/busybox')
    await runner.reset()
    assert.equal((await inspect(runner.container.id)).Image, Image)
  })

  test('keeps a name, a port and a terminal', async (t) => {
    const name = `reset-${process.pid}`
    const PortBindings = { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '18099' }] }
    const runner = await started(t, { Image: BASH, name, Tty: true, ExposedPorts: { '80/tcp': {} }, HostConfig: { PortBindings } })
    await runner.reset()
    const { Name, NetworkSettings } = await inspect(runner.container.id)
    assert.equal(Name, `/${name}`)
    assert.equal(NetworkSettings.Ports['80/tcp'][0].HostPort, '18099')
    assert.equal(await runner.run('test -t 1'), 0)
  })

  test('helps when the container has ended by itself', async (t) => {
    const runner = await started(t)
    const { id } = runner.container
    const ended = once(runner, 'container:stop')
    await api('DELETE', `/containers/${id}?force=1`)
    await awake(ended)
    await gone(id)
    await runner.reset()
    assert.equal(await runner.run('true'), 0)
  })

  test('needs a started runner, and is one start at a time', async (t) => {
    const runner = new DockerRunner()
    await assert.rejects(runner.reset(), typed('ERR_NOT_STARTED', /reset\(\)/))
    await started(t).then(async (runner) => {
      const both = await outcomes([runner.reset().then(() => 'reset'), runner.reset(), runner.start({ Image: BASH })])
      assert.deepEqual(both, ['reset', 'ERR_ALREADY_STARTED', 'ERR_ALREADY_STARTED'])
      await runner.stop()
      await assert.rejects(runner.reset(), typed('ERR_NOT_STARTED'))
    })
  })

  test('what is just being opened in the old container ends as with stop()', async (t) => {
    for (const end of ['reset', 'stop']) {
      const runner = await started(t)
      const opening = []
      for (let i = 0; i < 3; i++) {
        opening.push(outcomes([runner.readFile('/etc/passwd').then(() => 'read'), runner.session().then(() => 'open'), runner.writeFile('/x', 'y').then(() => 'written')]))
        await new Promise((resolve) => setTimeout(resolve, 8))
      }
      await runner[end]()
      for (const outcome of (await Promise.all(opening)).flat()) assert.ok(['read', 'open', 'written', 'ERR_STOPPED'].includes(outcome), `${end}: ${outcome}`)
      await runner.stop()
    }
  })

  test('a stop() overtakes it, and nothing is left', async (t) => {
    for (const turns of [0, 1, 5, 20]) {
      const own = mine()
      const runner = await started(t, own.options())
      const reset = outcomes([runner.reset()])
      for (let i = 0; i < turns; i++) await new Promise(setImmediate)
      await runner.stop()
      assert.deepEqual(await reset, ['ERR_STOPPED'])
      await own.none()
    }
  })

  test('one that fails leaves nothing, and the runner can start again', async (t) => {
    const own = mine()
    const Source = mkdtempSync(join(tmpdir(), 'reset-'))
    const runner = await started(t, own.options({ HostConfig: { Mounts: [{ Type: 'bind', Source, Target: '/mnt' }] } }))
    rmdirSync(Source)
    await assert.rejects(runner.reset(), typed('ERR_ENGINE_RESPONSE', /bind source path does not exist/))
    await own.none()
    await assert.rejects(runner.run('true'), typed('ERR_STOPPED'))
    await runner.start(own.options())
    assert.equal(await runner.run('true'), 0)
  })
})
