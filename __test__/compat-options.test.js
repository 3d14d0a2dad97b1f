'use strict'

const assert = require('node:assert')
const { describe, test } = require('node:test')
const { DockerRunner, BASH, SOCKET, TCP_PORT, node, timeout, typed } = require('./helpers.js')

const TCP = `tcp://127.0.0.1:${TCP_PORT}`

async function works(t, options, endpoint) {
  const runner = new DockerRunner(options)
  t.after(() => runner.stop())
  assert.equal((await runner.docker.engine()).endpoint, endpoint)
  await runner.start({ Image: BASH })
  assert.equal(await runner.run('true'), 0)
  await runner.stop()
}

describe('new DockerRunner(options)', { timeout }, () => {
  test('socketPath', (t) => works(t, { socketPath: SOCKET }, `unix://${SOCKET}`))

  for (const host of ['http://127.0.0.1', '127.0.0.1', 'tcp://127.0.0.1', '', 'localhost', 'http://127.0.0.1/']) {
    const endpoint = host === 'localhost' ? `tcp://localhost:${TCP_PORT}` : TCP
    for (const port of [TCP_PORT, String(TCP_PORT)]) {
      test(`host ${JSON.stringify(host)} with the port as a ${typeof port}`, (t) => works(t, { host, port }, endpoint))
    }
  }

  test('the port alone is one of this machine', (t) => works(t, { port: TCP_PORT }, TCP))
  test('a host with its port in it', (t) => works(t, { host: TCP }, TCP))
  test("protocol 'http'", (t) => works(t, { protocol: 'http', host: '127.0.0.1', port: TCP_PORT }, TCP))
  test('host https:// without a port means 2376, with TLS', async () => {
    const runner = new DockerRunner({ host: 'https://localhost' })
    await assert.rejects(runner.docker.engine(), typed('ERR_ENGINE_UNREACHABLE', /https:\/\/localhost:2376/))
  })
  test('fields that are null or undefined count as absent', (t) =>
    works(t, { socketPath: SOCKET, host: undefined, port: null, ca: undefined }, `unix://${SOCKET}`))

  test('version is the one that is spoken', async () => {
    const runner = new DockerRunner({ socketPath: SOCKET, version: 'v1.40' })
    assert.equal((await runner.docker.engine()).version, '1.40')
  })

  for (const options of ['', 'null', 'undefined', '{}']) {
    test(`new DockerRunner(${options}) goes where DOCKER_HOST says`, async (t) => {
      for (const DOCKER_HOST of [`unix://${SOCKET}`, TCP]) {
        const { stdout, stderr } = await node(t, `
          new DockerRunner(${options}).docker.engine().then(({ endpoint }) => say(endpoint))
        `, { env: { DOCKER_HOST } }).exited
        assert.deepEqual({ stdout, stderr }, { stdout: `${DOCKER_HOST}\n`, stderr: '' })
      }
    })
  }

  test('options go before DOCKER_HOST', async (t) => {
    const { stdout } = await node(t, `
      new DockerRunner({ host: '', port: ${TCP_PORT} }).docker.engine().then(({ endpoint }) => say(endpoint))
    `, { env: { DOCKER_HOST: 'unix:///nonexistent' } }).exited
    assert.equal(stdout, `${TCP}\n`)
  })

  for (const [options, words] of [
    [7, /options must be an object/],
    [[], /an array/],
    [{ hots: 'x' }, /option hots is unknown/],
    [{ host: 7 }, /option host must be a string/],
    [{ port: 'x' }, /option port must be a number/],
    [{ port: 0 }, /option port must be a number/],
    [{ port: 65536 }, /option port must be a number/],
    [{ socketPath: true }, /option socketPath must be a string/],
    [{ timeout: 0 }, /option timeout must be/],
    [{ timeout: '5' }, /option timeout must be/],
    [{ ca: 7 }, /option ca must be PEM/]
  ]) {
    test(`${JSON.stringify(options)} is refused at once`, () => {
      assert.throws(() => new DockerRunner(options), typed('ERR_INVALID_ARG_VALUE', words))
    })
  }

  for (const [options, words] of [
    [{ host: 'ftp://x' }, /scheme "ftp"/],
    [{ host: 'a b' }, /not an engine's address/],
    [{ socketPath: SOCKET, port: 1 }, /socketPath names a local socket/],
    [{ host: 'http://x:1', port: 2 }, /has port 1 in it, but port is 2/],
    [{ host: 'x', cert: 'x' }, /cert is given without key/],
    [{ socketPath: SOCKET, version: 'new' }, /version/]
  ]) {
    test(`${JSON.stringify(options)} is refused by every call that needs the engine`, async () => {
      const runner = new DockerRunner(options)
      await assert.rejects(runner.start({ Image: BASH }), typed('ERR_INVALID_ARG_VALUE', words))
      await assert.rejects(runner.pullContainer(BASH), typed('ERR_INVALID_ARG_VALUE', words))
      await runner.stop()
    })
  }
})
