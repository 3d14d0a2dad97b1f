'use strict'

const assert = require('node:assert')
const { once } = require('node:events')
const net = require('node:net')
const { describe, test } = require('node:test')
const { DockerRunner, mine, timeout, typed } = require('./helpers.js')

describe('start() refuses', { timeout }, () => {
  for (const [options, words] of [
    [7, /start options must be an object, not 7/],
    ['bash', /must be an object/],
    [[], /must be an object, not an array/],
    [{ image: 'x' }, /option image is unknown/],
    [{ Imagee: 'x' }, /option Imagee is unknown/],
    [{ HostConfig: { memory: 1 } }, /option HostConfig\.memory is unknown/],
    [{ NetworkingConfig: { x: 1 } }, /option NetworkingConfig\.x is unknown/],
    [{ Image: 7 }, /option Image\b/],
    [{ Env: 'A=1' }, /option Env\b/],
    [{ Env: [1] }, /option Env\b/],
    [{ Env: { A: 1 } }, /option Env\b/],
    [{ Labels: ['x'] }, /option Labels\b/],
    [{ Labels: { x: 1 } }, /option Labels\b/],
    [{ Binds: '/a:/b' }, /option Binds\b/],
    [{ VolumesFrom: 7 }, /option VolumesFrom\b/],
    [{ Volumes: [] }, /option Volumes\b/],
    [{ User: 1000 }, /option User\b/],
    [{ Tty: 'yes' }, /option Tty\b/],
    [{ Shell: ['bash'] }, /option Shell\b/],
    [{ name: 7 }, /option name\b/],
    [{ pull: 'sometimes' }, /option pull\b/],
    [{ pull: true }, /option pull\b/],
    [{ HostConfig: { Memory: '1g' } }, /option HostConfig\.Memory\b/],
    [{ HostConfig: 'x' }, /option HostConfig\b/],
    [{ Cmd: ['ls'] }, /option Cmd can't be set/],
    [{ Entrypoint: ['ls'] }, /option Entrypoint can't be set/],
    [{ OpenStdin: true }, /option OpenStdin can't be set/],
    [{ StdinOnce: false }, /option StdinOnce can't be set/],
    [{ AttachStdin: true }, /option AttachStdin can't be set/],
    [{ AttachStdout: true }, /option AttachStdout can't be set/],
    [{ AttachStderr: true }, /option AttachStderr can't be set/],
    [{ HostConfig: { AutoRemove: false } }, /option HostConfig\.AutoRemove can't be set/],
    [{ HostConfig: { Init: false } }, /option HostConfig\.Init can't be set/],
    [{ Env: () => {} }, /option Env can't be a function/],
    [{ HostConfig: { Memory: 1n } }, /option Memory can't be a bigint/],
    [{ Image: Symbol('x') }, /option Image can't be a symbol/]
  ]) {
    const shown = JSON.stringify(options, (_, value) => ['bigint', 'function', 'symbol'].includes(typeof value) ? typeof value : value)
    test(`${shown}, before anything is asked of the engine`, async (t) => {
      let connections = 0
      const server = net.createServer(() => connections++).listen(0, '127.0.0.1')
      t.after(() => server.close())
      await once(server, 'listening')
      const runner = new DockerRunner({ host: '127.0.0.1', port: server.address().port })
      await assert.rejects(runner.start(options), typed('ERR_INVALID_ARG_VALUE', words))
      assert.equal(connections, 0)
    })
  }

  test('what the engine refuses, in its words, and leaves nothing', async () => {
    for (const [options, words] of [
      [{ HostConfig: { Memory: 1 } }, /[Mm]inimum memory/],
      [{ HostConfig: { NetworkMode: 'absent' } }, /network absent not found/],
      [{ HostConfig: { Binds: ['relative/path:/x'] } }, /relative\/path/],
      [{ HostConfig: { Runtime: 'absent' } }, /absent/],
      [{ name: '/not a name/' }, /Invalid container name/],
      [{ User: 'nobody-of-that-name' }, /nobody-of-that-name/],
      [{ WorkingDir: '/etc/passwd' }, /\/etc\/passwd/]
    ]) {
      const own = mine()
      const runner = new DockerRunner()
      await assert.rejects(runner.start(own.options(options)), typed('ERR_ENGINE_RESPONSE', words))
      await own.none()
      await runner.stop()
    }
  })

  test('a name that is taken, and leaves its owner alone', async (t) => {
    const own = mine()
    const name = `docker-exec-test-taken-${process.pid}`
    const [first, second] = [new DockerRunner(), new DockerRunner()]
    t.after(() => first.stop())
    await first.start(own.options({ name }))
    await assert.rejects(second.start(own.options({ name })), ({ code, status, message }) => {
      assert.deepEqual([code, status], ['ERR_ENGINE_RESPONSE', 409])
      assert.match(message, /already in use/)
      return true
    })
    assert.equal(await first.run('true'), 0)
    assert.deepEqual(await own.left(), [first.container.id])
  })
})

describe('exec() refuses', { timeout }, () => {
  for (const [options, words] of [
    [{ maxBuffer: -1 }, /maxBuffer/], [{ maxBuffer: 1.5 }, /maxBuffer/], [{ maxBuffer: '1' }, /maxBuffer/], [{ encoding: 'utf-9' }, /encoding/]
  ]) {
    test(JSON.stringify(options), () =>
      assert.rejects(new DockerRunner().exec('true', options), typed('ERR_INVALID_ARG_VALUE', words)))
  }
})
