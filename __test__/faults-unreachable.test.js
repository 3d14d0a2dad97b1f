'use strict'

// No engine, or not like that: what was tried is in the message, and what to do.

const assert = require('node:assert')
const { execFileSync } = require('node:child_process')
const { once } = require('node:events')
const { chmod, mkdtemp, readFile, rm, writeFile } = require('node:fs/promises')
const net = require('node:net')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const tls = require('node:tls')
const { after, before, describe, test } = require('node:test')
const { DockerRunner, BASH, SOCKET, TCP_PORT, node, timeout, typed } = require('./helpers.js')

async function unreachable(options, ...words) {
  const runner = new DockerRunner(options)
  const expected = typed('ERR_ENGINE_UNREACHABLE', /no Docker engine could be reached/, ...words)
  await assert.rejects(runner.start({ Image: BASH }), expected)
  await assert.rejects(runner.pullContainer(BASH), expected)
  await runner.stop()
}

async function listen(t, server, where) {
  server.listen(...where)
  await once(server, 'listening')
  t.after(() => server.close())
  return server.address().port
}

/** A port on which nothing listens. */
async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

describe('an engine that is not there', { timeout }, () => {
  let folder
  before(async () => { folder = await mkdtemp(join(tmpdir(), 'docker-exec-')) })
  after(() => rm(folder, { recursive: true }))

  test('a socket that does not exist', () =>
    unreachable({ socketPath: '/nonexistent/docker.sock' }, /unix:\/\/\/nonexistent\/docker\.sock: no such socket/, /path right.*engine running/))

  test('a file that is no socket', async () => {
    await writeFile(join(folder, 'file'), '')
    await unreachable({ socketPath: join(folder, 'file') }, /file: refused/)
  })

  test('a wrong port', async () => {
    const port = await freePort()
    await unreachable({ host: '127.0.0.1', port }, new RegExp(`tcp://127\\.0\\.0\\.1:${port}: refused`), /host and port right/)
  })

  test('a host that does not exist', () =>
    unreachable({ host: 'no-such-host.invalid', port: 2375 }, /no-such-host\.invalid:2375: no such host/, /spelling/))

  test('a port of something else', async (t) => {
    const port = await listen(t, net.createServer((socket) => {
      socket.on('error', () => {}).once('data', () => socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope'))
    }), [0, '127.0.0.1'])
    await unreachable({ host: '127.0.0.1', port }, /not like a Docker engine/, /Something else listens there/)
  })

  test('a port of something that speaks first', async (t) => {
    const port = await listen(t, net.createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-OpenSSH_9.2\r\n')), [0, '127.0.0.1'])
    await unreachable({ host: '127.0.0.1', port }, new RegExp(`tcp://127\\.0\\.0\\.1:${port}: .`))
  })

  test('a port that says nothing', async (t) => {
    const sockets = []
    const port = await listen(t, net.createServer((socket) => sockets.push(socket)), [0, '127.0.0.1'])
    t.after(() => sockets.forEach((socket) => socket.destroy()))
    await unreachable({ host: '127.0.0.1', port, timeout: 300 }, /no answer within 300 ms/, /raise the option timeout/)
  })

  test('a port that hangs up', async (t) => {
    const port = await listen(t, net.createServer((socket) => socket.destroy()), [0, '127.0.0.1'])
    await unreachable({ host: '127.0.0.1', port }, /closed the connection/, /engine's port/)
  })

  test('a socket that this user may not open', async (t) => {
    const path = join(folder, 'closed.sock')
    await listen(t, net.createServer(), [path])
    await chmod(folder, 0o755)
    await chmod(path, 0o600)
    const { stdout, stderr } = await node(t, `
      const runner = new DockerRunner({ socketPath: ${JSON.stringify(path)} })
      if (process.getuid() === 0) { process.setgroups([]); process.setgid(65534); process.setuid(65534) }
      runner.start(options).catch((error) => say(error.code, error.message))
    `).exited
    assert.equal(stderr, '')
    assert.match(stdout, /^ERR_ENGINE_UNREACHABLE .*\n.*closed\.sock: permission denied\n.*docker group/)
  })

  test('DOCKER_HOST that leads nowhere is named, and no other engine is tried', async (t) => {
    const { stdout } = await node(t, 'new DockerRunner().start(options).catch((error) => say(error.code, error.message))',
      { env: { DOCKER_HOST: 'unix:///nonexistent' } }).exited
    assert.match(stdout, /^ERR_ENGINE_UNREACHABLE .*\n {2}unix:\/\/\/nonexistent: no such socket\n[^\n]+\n$/)
  })

  test('a failed try is no last word: the engine can come later', async (t) => {
    const path = join(folder, 'later.sock')
    const runner = new DockerRunner({ socketPath: path })
    t.after(() => runner.stop())
    await assert.rejects(runner.start({ Image: BASH }), typed('ERR_ENGINE_UNREACHABLE'))
    const server = net.createServer((client) => {
      const engine = net.connect(SOCKET)
      client.on('error', () => {}).pipe(engine).on('error', () => {}).pipe(client)
    })
    await listen(t, server, [path])
    await runner.start({ Image: BASH })
    assert.equal(await runner.run('true'), 0)
    await runner.stop()
  })

  test('is an error of the program that nobody caught, with a stack that shows its call', async (t) => {
    const { code, stderr } = await node(t, `
      async function mine() { await new DockerRunner({ socketPath: '/nonexistent' }).start(options) }
      mine()
    `).exited
    assert.equal(code, 1)
    assert.match(stderr, /DockerExecError: no Docker engine could be reached/)
    assert.match(stderr, /at async mine/)
  })
})

describe('TLS', { timeout }, () => {
  let folder, cert, key
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'docker-exec-'))
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
      '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-addext', 'basicConstraints=critical,CA:FALSE',
      '-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')], { stdio: 'ignore' })
    cert = await readFile(join(folder, 'cert.pem'))
    key = await readFile(join(folder, 'key.pem'))
  })
  after(() => rm(folder, { recursive: true }))

  /** An engine that speaks TLS: the real one, behind a door. */
  const behindTls = (t, options) => listen(t, tls.createServer({ cert, key, ...options }, (client) => {
    const engine = net.connect(SOCKET)
    client.on('error', () => {}).pipe(engine).on('error', () => {}).pipe(client)
  }).on('tlsClientError', () => {}), [0, '127.0.0.1'])

  test('spoken to an engine that does not', () =>
    unreachable({ protocol: 'https', host: '127.0.0.1', port: TCP_PORT }, /https:\/\/127\.0\.0\.1:\d+: it speaks plain HTTP/, /protocol: 'https'/))

  test('implied by certificates, to an engine that does not', () =>
    unreachable({ host: '127.0.0.1', port: TCP_PORT, ca: cert, cert, key }, /it speaks plain HTTP/, /Leave out ca, cert, key/))

  test('not spoken to an engine that does', async (t) => {
    const port = await behindTls(t)
    await unreachable({ host: '127.0.0.1', port }, /tcp:\/\/127\.0\.0\.1/, /protocol: 'https'/)
  })

  test('with a certificate that nobody trusts', async (t) => {
    const port = await behindTls(t)
    await unreachable({ protocol: 'https', host: '127.0.0.1', port }, /certificate can't be trusted/, /as ca/)
  })

  test('with a certificate for another host', async (t) => {
    const port = await behindTls(t)
    await unreachable({ host: '127.0.0.2', port, ca: cert }, /refused|certificate can't be trusted/)
  })

  test('with the certificate given as ca works', async (t) => {
    const port = await behindTls(t)
    const runner = new DockerRunner({ host: 'localhost', port, ca: cert.toString() })
    t.after(() => runner.stop())
    await runner.start({ Image: BASH })
    assert.equal(await runner.run('true'), 0)
    await runner.stop()
  })

  test('without the client certificate that the engine wants', async (t) => {
    const port = await behindTls(t, { requestCert: true, rejectUnauthorized: true, ca: cert })
    await unreachable({ host: 'localhost', port, ca: cert }, /rejected the TLS connection|closed the connection/, /cert and key|certificate/)
  })

  test('with a certificate that is none', async () => {
    const runner = new DockerRunner({ host: 'localhost', port: 1, ca: 'no PEM' })
    await assert.rejects(runner.start(), typed('ERR_INVALID_ARG_VALUE', /ca/))
  })
})
