'use strict'

// exec(): a command's streams while it runs, with each shell.

const assert = require('node:assert')
const { after, before, describe, test } = require('node:test')
const DockerRunner = require('..')

/** Keeps this thread from doing anything else, for some ms. */
const block = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

describe('the streams of exec()', { concurrency: 3 }, () => {
  for (const shell of ['bash', 'dash', 'busybox']) describeWith(shell)
})

function describeWith(shell) {
  describe(`with ${shell}`, { concurrency: 1, timeout: 120_000 }, () => {
    const runner = new DockerRunner()
    before(() => runner.start({ Image: `docker-exec-napi/${shell}` }))
    after(() => runner.stop())

    test('has its streams while it runs', async () => {
      const lines = []
      for await (const line of runner.exec('for i in 1 2 3; do echo $i; done; printf end')) lines.push(line)
      assert.deepStrictEqual(lines, ['1', '2', '3', 'end'])
      let open
      const opened = new Promise((resolve) => { open = resolve })
      const input = (async function * () {
        await opened
        yield 'opened\n'
      })()
      const gate = runner.exec('echo first; read line; echo "$line"', { input })
      const seen = []
      for await (const line of gate.lines()) {
        seen.push(line)
        open()
      }
      assert.deepStrictEqual(seen, ['first', 'opened'])
      const chunks = []
      for await (const { stream, data } of runner.exec('echo o; echo e >&2').chunks()) chunks.push(`${stream} ${data}`)
      assert.deepStrictEqual(chunks.toSorted(), ['stderr e\n', 'stdout o\n'])
    })

    test('loses nothing to a program that is busy when it begins', async () => {
      const bytes = 5_000_000
      for (const options of [{ encoding: 'buffer', maxBuffer: 0, overflow: 'head' }, undefined]) {
        const running = runner.exec(`head -c ${bytes} /dev/zero; sleep 0.1`, options)
        block(200)
        let seen = 0
        for await (const { data } of running.chunks()) seen += data.length
        assert.strictEqual(seen, bytes)
      }
    })

    test('chunks() fails at once with a stream that fails', async () => {
      const running = runner.exec('echo first; sleep 60', { reject: false })
      const error = new Error('destroyed')
      const reading = (async () => { for await (const _ of running.chunks()) running.stdout.destroy(error) })()
      await assert.rejects(reading, error)
      running.kill('SIGKILL')
      assert.strictEqual((await running).signal, 'SIGKILL')
    })

    test('a piece of a stream is its reader\'s own, whatever he does to it', async () => {
      const bytes = 1_000_000
      const running = runner.exec(`head -c ${bytes} /dev/zero | tr '\\0' x`, { encoding: 'buffer', all: true })
      const pieces = []
      for await (const piece of running.stdout) {
        assert.ok(piece.every((byte) => byte === 0x78))
        pieces.push(piece.fill('y'))
      }
      const { stdout, all } = await running
      const x = Buffer.alloc(bytes, 'x')
      assert.ok(stdout.equals(x) && all.equals(x))
      assert.ok(Buffer.concat(pieces).equals(Buffer.alloc(bytes, 'y')))
    })

    test('chunks() keeps none of the pieces that it has given', async () => {
      const options = { encoding: 'buffer', maxBuffer: 0, overflow: 'head' }
      const [before, bytes] = [process.memoryUsage().external, 300_000_000]
      let [total, most] = [0, 0]
      for await (const { data } of runner.exec(`head -c ${bytes} /dev/zero`, options).chunks()) {
        total += data.length
        most = Math.max(most, process.memoryUsage().external - before)
      }
      assert.strictEqual(total, bytes)
      assert.ok(most < bytes / 2, `${most} bytes at a time`)
    })

    test('a reader that is always busy leaves the event loop its turns, and its pieces to be collected', async () => {
      const options = { encoding: 'buffer', maxBuffer: 0, overflow: 'head' }
      const [before, bytes] = [process.memoryUsage().external, 100_000_000]
      let [total, most, turns, over] = [0, 0, 0, false]
      const turn = () => {
        turns++
        if (!over) setImmediate(turn)
      }
      setImmediate(turn)
      for await (const piece of runner.exec(`head -c ${bytes} /dev/zero`, options).stdout) {
        total += piece.length
        most = Math.max(most, process.memoryUsage().external - before)
        block(1)
      }
      over = true
      assert.strictEqual(total, bytes)
      assert.ok(turns > 40, `${turns} turns`)
      assert.ok(most < bytes / 2, `${most} bytes at a time`)
    })

    test('iterating fails in the end when the command does', async () => {
      const lines = []
      const reading = (async () => {
        for await (const line of runner.exec('echo one; false')) lines.push(line)
      })()
      await assert.rejects(reading, { code: 'ERR_EXIT_CODE' })
      assert.deepStrictEqual(lines, ['one'])
    })
  })
}
