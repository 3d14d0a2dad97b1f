'use strict'

// A way between a runner and the engine on which things go wrong.

const { once } = require('node:events')
const { mkdtemp, rm } = require('node:fs/promises')
const net = require('node:net')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { SOCKET } = require('./helpers.js')

const REQUEST = /^(GET|POST|PUT|DELETE|HEAD) (\S+) HTTP\/1\.1\r\n/

/**
 * Listens on a unix socket or, with `tcp`, on a port, and passes bytes both ways. Each
 * request is shown to `onRequest(line, link)` first, where `line` is its method and path.
 * What it does to `link` decides:
 * `link.cut()` ends the connection, `link.mute()` passes nothing on any more,
 * `link.answer(bytes)` speaks for the engine and hangs up, `link.back = (chunk) => …`
 * takes what the engine says instead of passing it on with `link.client.write(chunk)`.
 */
async function proxy(t, onRequest = () => {}, { tcp = false } = {}) {
  const links = new Set()
  const server = net.createServer((client) => {
    const engine = net.connect(SOCKET)
    const link = {
      client,
      engine,
      muted: false,
      cut: () => { client.destroy(); engine.destroy() },
      mute: () => { link.muted = true },
      answer: (bytes) => { link.muted = true; client.end(bytes) },
      back: (chunk) => client.write(chunk)
    }
    links.add(link)
    client.setNoDelay(true)
    client.on('data', (chunk) => {
      const request = REQUEST.exec(chunk.toString('latin1'))
      if (request) onRequest(`${request[1]} ${request[2]}`, link)
      if (!link.muted && !engine.destroyed) engine.write(chunk)
    })
    engine.on('data', (chunk) => { if (!link.muted && !client.destroyed) link.back(chunk) })
    for (const [one, other] of [[client, engine], [engine, client]]) {
      one.on('error', () => {})
      one.on('end', () => { if (!link.muted) other.end() })
      one.on('close', () => { links.delete(link); other.destroy() })
    }
  })
  const folder = await mkdtemp(join(tmpdir(), 'docker-exec-'))
  const socketPath = join(folder, 'proxy.sock')
  if (tcp) server.listen(0, '127.0.0.1')
  else server.listen(socketPath)
  await once(server, 'listening')
  t.after(async () => {
    links.forEach((link) => link.cut())
    server.close()
    await rm(folder, { recursive: true })
  })
  return {
    options: tcp ? { host: '127.0.0.1', port: server.address().port } : { socketPath },
    cut: () => links.forEach((link) => link.cut())
  }
}

module.exports = { proxy }
