'use strict'

const assert = require('node:assert')
const { createHash } = require('node:crypto')
const { Writable } = require('node:stream')
const { pipeline } = require('node:stream/promises')
const { after, before, describe, test } = require('node:test')
const { awake, bare, mine, outcomes, reading, shared, started, timeout } = require('./helpers.js')

const MB = 1024 * 1024

/** Reads a stream to its end, in pauses, and hashes it. */
async function hash(stream, every = () => {}) {
  const hash = createHash('sha256')
  let bytes = 0
  await awake(pipeline(stream, new Writable({
    highWaterMark: 1,
    async write(chunk, encoding, callback) {
      hash.update(chunk)
      bytes += chunk.length
      await every(bytes)
      callback()
    }
  })))
  return { sha256: hash.digest('hex'), bytes }
}

describe('the stream', { timeout }, () => {
  test('that nobody reads stops no command, and stop() works', async (t) => {
    const own = mine()
    const runner = await started(t, own.options())
    assert.equal(await runner.run('head -c 50M /dev/zero'), 0)
    await assert.rejects(runner.run('yes | head -c 5M; (exit 3)'), bare(3))
    await runner.stop()
    await own.none()
  })

  test('that nobody reads says how much was lost when somebody does', async (t) => {
    const runner = await started(t)
    let lost = 0
    await runner.run('head -c 5M /dev/zero')
    await runner.run('echo last')
    runner.stream.on('dropped', (bytes) => { lost += bytes })
    const seen = reading(runner.stream)
    const text = await seen.until(/last\n/)
    assert.equal(lost + text.length, 5 * MB + 'last\n'.length)
    assert.ok(lost > 0)
  })

  test('that its reader has paused stops no command, and stop() works', async (t) => {
    const own = mine()
    const runner = await started(t, own.options())
    const seen = reading(runner.stream)
    await runner.run('echo first')
    await seen.until(/first\n/)
    runner.stream.pause()
    assert.equal(await runner.run('head -c 20M /dev/zero'), 0)
    await runner.stop()
    await own.none()
  })

  test('loses nothing to a slow reader', async (t) => {
    const runner = await started(t)
    const reading = hash(runner.stream, () => new Promise((resolve) => setTimeout(resolve, 1)))
    await runner.run('head -c 20M /dev/urandom >/tmp/random')
    const { stdout } = await runner.exec('sha256sum </tmp/random')
    assert.equal(await runner.run('cat /tmp/random'), 0)
    await runner.stop()
    assert.deepEqual(await reading, { sha256: stdout.slice(0, 64), bytes: 20 * MB })
  })

  test('loses nothing to a reader that the program keeps from its first look', async (t) => {
    const runner = await started(t)
    // Of this, nothing has to be kept for one who comes with the next.
    await runner.run('yes | head -c 3M')
    let lost = 0
    runner.stream.on('dropped', (bytes) => { lost += bytes })
    const reading = hash(runner.stream)
    const running = runner.run('yes | head -c 5M')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
    assert.equal(await running, 0)
    await runner.stop()
    assert.equal((await reading).bytes + lost, 8 * MB)
    assert.ok(lost <= 3 * MB, `${lost} bytes lost`)
  })

  // The two write into the same pipe at the same time: nothing can tell them apart.
  test('or the result of the command under way gets what a job in the background prints, once', async (t) => {
    const runner = await started(t)
    const seen = reading(runner.stream)
    await runner.run('mkfifo /tmp/gate; (read line </tmp/gate; echo late $line; echo gone >/tmp/done) &')
    const { stdout } = await runner.exec('echo go >/tmp/gate; while [ ! -e /tmp/done ]; do sleep 0.01; done; echo mine')
    await runner.run('echo end')
    await seen.until(/end\n/)
    assert.equal(`${stdout}${seen.text}`.split('late go\n').length, 2)
    assert.equal(stdout.replace('late go\n', ''), 'mine\n')
  })

  test('gets what such a job prints while no command is under way', async (t) => {
    const runner = await started(t)
    const seen = reading(runner.stream)
    await runner.run('(sleep 0.2; echo late) & (sleep 0.3; echo later >&2) &')
    await seen.until(/late\n(.|\n)*later\n/)
    assert.equal((await runner.exec('true')).stdout, '')
  })
})

describe('output is exact:', { timeout }, () => {
  const runner = shared({ before, after })
  const bytes = async (command, options) => (await runner.it.exec(command, { encoding: 'buffer', ...options })).stdout

  test('10 MB without a newline', async () => {
    const stdout = await bytes('head -c 10M /dev/zero | tr "\\0" x')
    assert.equal(stdout.length, 10 * MB)
    assert.ok(stdout.equals(Buffer.alloc(10 * MB, 'x')))
  })

  test('every byte, NUL and invalid UTF-8 included', async () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    const escaped = [...all].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
    assert.deepEqual(await bytes(`printf '${escaped}'`), all)
  })

  test('every byte, through the stream', async () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => 255 - byte))
    const escaped = [...all].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
    const seen = reading(runner.it.stream)
    await runner.it.run(`printf '${escaped}'; printf end`)
    assert.equal(await seen.until(/end$/), all.toString('latin1') + 'end')
  })

  test('no final newline', async () => {
    assert.equal((await bytes('printf x')).toString(), 'x')
    assert.equal((await bytes('printf "x\\n\\n"')).toString(), 'x\n\n')
  })

  test('ANSI sequences and carriage returns', async () => {
    assert.equal((await bytes("printf '\\033[31mred\\033[0m\\r\\n'")).toString(), '\x1b[31mred\x1b[0m\r\n')
  })

  test('stdout and stderr in turns, 1,000 times', async () => {
    const { stdout, stderr } = await runner.it.exec('for i in $(seq 1000); do echo o$i; echo e$i >&2; done')
    const expected = (letter) => Array.from({ length: 1000 }, (_, n) => `${letter}${n + 1}\n`).join('')
    assert.equal(stdout, expected('o'))
    assert.equal(stderr, expected('e'))
  })

  test('the last bytes of both streams, 200 times', async () => {
    const runs = Array.from({ length: 200 }, (_, n) => runner.it.exec(`head -c ${n * 97} /dev/zero; head -c ${n * 89} /dev/zero >&2`))
    const sizes = (await Promise.all(runs)).map(({ stdout, stderr }) => [stdout.length, stderr.length])
    assert.deepEqual(sizes, sizes.map((_, n) => [n * 97, n * 89]))
  })

  test('what is past maxBuffer is cut off, and said so', async () => {
    const { exitCode, stdout, truncated } = await runner.it.exec('echo 0123456789; (exit 4)', { maxBuffer: 5, overflow: 'head', reject: false })
    assert.deepEqual({ exitCode, stdout, truncated }, { exitCode: 4, stdout: '01234', truncated: true })
    assert.equal((await runner.it.exec('echo 0123', { maxBuffer: 5 })).truncated, false)
  })

  test('a command that floods settles, and the next one is whole', async () => {
    const [flood, next] = await Promise.all([
      runner.it.exec('head -c 100M /dev/zero', { maxBuffer: 10, overflow: 'head' }), runner.it.exec('echo next')
    ])
    assert.deepEqual([flood.stdout.length, flood.truncated, next.stdout], [10, true, 'next\n'])
  })

  test('closing its own output ends no command', async () => {
    assert.deepEqual(await outcomes(['exec 1>&-', 'echo x', 'exec 2>&-', 'true'].map((command) => runner.it.run(command))), [0, 1, 0, 0])
  })
})
