'use strict'

// What can go wrong between a runner and the engine, and that it is typed, in time, and
// leaves nothing.

const assert = require('node:assert')
const { once } = require('node:events')
const { describe, test } = require('node:test')
const { DockerRunner, api, awake, bare, mine, outcomes, reading, timeout, typed } = require('./helpers.js')
const { proxy } = require('./proxy.js')

/** The steps of start() on the wire. */
const STEPS = [['ping', /^GET \/_ping/], ['create', /containers\/create/], ['attach', /attach\?/], ['start', /\/start$/]]

// The connection through which a runner goes must not be what removes its container.
async function left(own) {
  await own.vanish()
  await own.none()
}

for (const tcp of [false, true]) {
  describe(tcp ? 'over TCP' : 'over a unix socket', { timeout }, () => {
    async function through(t, onRequest, options) {
      const { options: where, ...way } = await proxy(t, onRequest, { tcp })
      const runner = new DockerRunner({ ...where, ...options })
      t.after(() => runner.stop().catch(() => {}))
      return { runner, own: mine(), ...way }
    }

    test('a proxy that changes nothing is no fault', async (t) => {
      const { runner, own } = await through(t)
      await runner.start(own.options())
      await assert.rejects(runner.run('(exit 3)'), bare(3))
      await runner.stop()
      await own.none()
    })

    for (const [step, pattern] of STEPS) {
      test(`cut at ${step}, start() rejects, and a retry works`, async (t) => {
        let cut = false
        const { runner, own } = await through(t, (line, link) => {
          if (cut || !pattern.test(line)) return
          cut = true
          link.cut()
        })
        const expected = step === 'ping' ? 'ERR_ENGINE_UNREACHABLE' : 'ERR_CONNECTION_LOST'
        await assert.rejects(runner.start(own.options()), typed(expected))
        await left(own)
        await runner.start(own.options())
        assert.equal(await runner.run('true'), 0)
      })

      test(`cut after the engine did ${step}, start() rejects, and nothing stays`, async (t) => {
        let cut = false
        const { runner, own } = await through(t, (line, link) => {
          if (cut || !pattern.test(line)) return
          link.back = () => { cut = true; link.cut() }
        })
        const expected = step === 'ping' ? 'ERR_ENGINE_UNREACHABLE' : 'ERR_CONNECTION_LOST'
        await assert.rejects(runner.start(own.options()), typed(expected))
        await left(own)
      })

      test(`without an answer to ${step}, start() rejects in time`, async (t) => {
        const { runner, own } = await through(t, (line, link) => { if (pattern.test(line)) link.mute() }, { timeout: 1000 })
        const expected = step === 'ping' ? 'ERR_ENGINE_UNREACHABLE' : 'ERR_ENGINE_TIMEOUT'
        await assert.rejects(runner.start(own.options()), typed(expected, /within 1000 ms/))
        await left(own)
      })

      for (const [what, bytes] of [
        ['garbage', '\x00\xff\x00garbage\r\n\r\n'.repeat(99)],
        ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n'],
        ['a page', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello'],
        ['no end of headers', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(10_000)}`]
      ]) {
        // A lie: nothing was started. It's found out only by waiting for the shell, so once is enough.
        const lie = step === 'start' && what === 'a page'
        if (lie && tcp) continue
        test(`with ${what} for an answer to ${step}, start() rejects`, { timeout: 30_000 }, async (t) => {
          const { runner, own } = await through(t, (line, link) => { if (pattern.test(line)) link.answer(bytes) }, { timeout: 1000 })
          const [code] = await outcomes([runner.start(own.options())])
          if (lie) assert.equal(code, 'ERR_IMAGE_UNSUITABLE')
          else assert.match(code, /^ERR_(ENGINE_UNREACHABLE|ENGINE_PROTOCOL|CONNECTION_LOST|ENGINE_TIMEOUT|CONTAINER_GONE)$/)
          await left(own)
        })
      }
    }

    test('cut in the middle of a command, all that wait reject, and the container goes', async (t) => {
      const { runner, own, cut } = await through(t)
      await runner.start(own.options())
      const seen = reading(runner.stream)
      const runs = outcomes([runner.run('echo runs; sleep 1000'), runner.exec('true')])
      await seen.until(/runs\n/)
      cut()
      for (const code of await runs) assert.match(code, /^ERR_(CONNECTION_LOST|CONTAINER_GONE)$/)
      await left(own)
      await runner.stop()
      await runner.start(own.options())
      assert.equal(await runner.run('true'), 0)
    })

    test('cut while it is idle, the runner says so', async (t) => {
      const { runner, own, cut } = await through(t)
      await runner.start(own.options())
      const stopped = once(runner, 'container:stop')
      cut()
      await awake(stopped)
      await assert.rejects(runner.run('true'), ({ code }) => /^ERR_(CONNECTION_LOST|CONTAINER_GONE)$/.test(code))
      await left(own)
    })

    /** The output stream of a started runner, through `change` from now on. */
    async function changed(t, change) {
      let attached
      const { runner, own } = await through(t, (line, link) => { if (/attach\?/.test(line)) attached = link })
      await runner.start(own.options())
      change(attached)
      return { runner, own }
    }

    for (const bytes of [1, 4, 7, 8, 9, 100, 50_000]) {
      test(`cut ${bytes} bytes into a command's output, it rejects with what came before`, async (t) => {
        const { runner, own } = await changed(t, (link) => {
          let passed = 0
          link.back = (chunk) => {
            const part = chunk.subarray(0, bytes - passed)
            passed += part.length
            if (passed < bytes) link.client.write(part)
            else link.client.end(part)
          }
        })
        const seen = reading(runner.stream)
        const ended = once(runner.stream, 'end')
        await assert.rejects(runner.run('head -c 200000 /dev/zero | tr "\\0" x'), typed('ERR_CONNECTION_LOST', /within a frame/))
        await awake(ended)
        assert.match(seen.text, /^x*$/)
        assert.ok(bytes < 9 || seen.text.length > 0)
        await left(own)
      })
    }

    test('split into single bytes, everything is as it was', async (t) => {
      const { runner } = await changed(t, (link) => {
        let queue = Promise.resolve()
        link.back = (chunk) => {
          for (const byte of chunk) queue = queue.then(() => { link.client.write(Buffer.of(byte)) }).then(() => new Promise(setImmediate))
        }
      })
      const { exitCode, stdout, stderr } = await runner.exec('seq 300; echo e >&2; (exit 7)', { reject: false })
      assert.deepEqual({ exitCode, stderr }, { exitCode: 7, stderr: 'e\n' })
      assert.equal(stdout, Array.from({ length: 300 }, (_, n) => `${n + 1}\n`).join(''))
      assert.deepEqual(await outcomes(['true', '(exit 5)', 'exit 6', 'true'].map((command) => runner.run(command))), [0, 5, 6, 0])
    })

    test('delayed, everything is as it was', async (t) => {
      const { runner } = await changed(t, (link) => {
        link.back = (chunk) => setTimeout(() => link.client.write(chunk), 50)
      })
      const { exitCode, stdout, stderr } = await runner.exec('echo o; echo e >&2; (exit 7)', { reject: false })
      assert.deepEqual({ exitCode, stdout, stderr }, { exitCode: 7, stdout: 'o\n', stderr: 'e\n' })
    })

    for (const [what, bytes] of [
      ['a stream that is none', Buffer.from([9, 0, 0, 0, 0, 0, 0, 1, 120])],
      ['a frame of 4 GB', Buffer.from([1, 0, 0, 0, 255, 255, 255, 255])],
      ['text without a frame', Buffer.from('no frame at all')]
    ]) {
      test(`with ${what} in its output, a command rejects`, async (t) => {
        const { runner, own } = await changed(t, (link) => { link.back = () => link.client.write(bytes) })
        await assert.rejects(runner.run('echo x'), typed('ERR_ENGINE_PROTOCOL', /frame/))
        await left(own)
      })
    }

    test('stop() on an engine that does not answer any more rejects in time, and the container goes', async (t) => {
      let dead = false
      const { runner, own } = await through(t, (line, link) => { if (dead) link.mute() }, { timeout: 2000 })
      await runner.start(own.options())
      dead = true
      await assert.rejects(runner.stop(), typed('ERR_ENGINE_TIMEOUT', /within 2000 ms/))
      await left(own)
    })

    test('stop() that could not remove the container can be tried again', async (t) => {
      let cut = false
      const { runner, own } = await through(t, (line, link) => {
        if (cut || !/^DELETE/.test(line)) return
        cut = true
        link.cut()
      })
      await runner.createContainer(own.options())
      await assert.rejects(runner.stop(), typed('ERR_CONNECTION_LOST'))
      assert.equal((await own.left()).length, 1)
      await runner.stop()
      await own.none()
    })

    test('stop() settles when the engine removes the container itself, and forgets to say when it has', async (t) => {
      let asked = 0
      const { runner, own } = await through(t, (line, link) => {
        if (/^DELETE/.test(line)) link.answer('HTTP/1.1 409 Conflict\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
        else if (/wait/.test(line) && ++asked === 1) link.mute()
      })
      await runner.start(own.options())
      await runner.stop()
      assert.ok(asked > 1, `asked ${asked} times`)
      await own.none()
    })

    test('a start() that could not clean up rejects with its own reason', async (t) => {
      const { runner, own } = await through(t, (line, link) => { if (/attach|^DELETE/.test(line)) link.answer('HTTP/1.1 500 X\r\nConnection: close\r\nContent-Length: 4\r\n\r\nmine') })
      await assert.rejects(runner.start(own.options()), typed('ERR_ENGINE_RESPONSE', /attach: mine/))
      for (const id of await own.left()) await api('DELETE', `/containers/${id}?force=1`)
    })

    test('a pull that is cut rejects, and leaves nothing', async (t) => {
      const image = `${process.env.DOCKER_EXEC_TEST_REGISTRY}/napi/busybox`
      const { runner, own } = await through(t, (line, link) => {
        if (/images\/create/.test(line)) link.back = () => link.cut()
      })
      await assert.rejects(runner.start(own.options({ Image: image, pull: 'always' })), typed('ERR_PULL_FAILED', /napi\/busybox/))
      await own.none()
    })
  })
}
