'use strict'

// exec(): results, input, limits, and what ends a command, with each shell. Its streams:
// exec-streams.test.js.

const assert = require('node:assert')
const { Readable } = require('node:stream')
const { after, before, describe, test } = require('node:test')
const DockerRunner = require('..')
const { awake, sleeping } = require('./helpers.js')

const { ExecError, DockerExecError, quote } = DockerRunner

/** What a promise rejects with. */
const failure = (promise) => promise.then((value) => assert.fail(`resolved with ${value}`), (error) => error)

describe('exec()', { concurrency: 3 }, () => {
  for (const shell of ['bash', 'dash', 'busybox']) describeWith(shell)
})

function describeWith(shell) {
  describe(`with ${shell}`, { concurrency: 1, timeout: 120_000 }, () => {
    const runner = new DockerRunner()
    before(() => runner.start({ Image: `docker-exec-napi/${shell}` }))
    after(() => runner.stop())

    test('gives the whole result, frozen', async () => {
      const result = await runner.exec('echo out; echo err >&2', { all: true })
      assert.deepStrictEqual({ ...result, durationMs: 0 }, {
        command: 'echo out; echo err >&2', exitCode: 0, signal: null, stdout: 'out\n', stderr: 'err\n', all: result.all,
        durationMs: 0, timedOut: false, aborted: false, truncated: false, shellRestarted: false, limit: null
      })
      assert.deepStrictEqual(result.all.split('\n').toSorted(), ['', 'err', 'out'])
      assert.ok(result.durationMs > 0)
      assert.ok(Object.isFrozen(result))
    })

    test('rejects with an error that carries the result, and the caller\'s line', async () => {
      const error = await failure(runner.exec('echo out; echo bad >&2; (exit 4)'))
      assert.ok(error instanceof ExecError && error instanceof DockerExecError && error instanceof Error)
      assert.deepStrictEqual([error.name, error.code, error.exitCode, error.stdout, error.stderr], ['ExecError', 'ERR_EXIT_CODE', 4, 'out\n', 'bad\n'])
      assert.match(error.message, /exit code 4: echo out.*\nbad/)
      const caught = await (async () => { await runner.exec('false') })().catch((error) => error)
      assert.match(caught.stack, /exec\.test\.js/)
    })

    test('with reject: false gives the result of a command that failed', async () => {
      const { exitCode, signal } = await runner.exec("sh -c 'kill -9 $$'", { reject: false })
      assert.deepStrictEqual([exitCode, signal], [137, 'SIGKILL'])
    })

    test('passes bytes on as they are, or decoded, however they were split', async () => {
      const bytes = await runner.exec("printf '\\000\\377\\303'; sleep 0.05; printf '\\251'", { encoding: 'buffer' })
      assert.deepStrictEqual([...bytes.stdout], [0, 255, 0xc3, 0xa9])
      const text = runner.exec("printf '\\303'; sleep 0.05; printf '\\251'")
      const pieces = []
      for await (const piece of text.stdout) pieces.push(piece)
      assert.deepStrictEqual([pieces.join(''), (await text).stdout], ['é', 'é'])
    })

    test('has all of them when they are asked for after it has ended', async () => {
      const command = 'head -c 3000000 /dev/zero; echo é >&2'
      const ended = runner.exec(command)
      await ended
      assert.deepStrictEqual((await ended.stdout.toArray()).join('').length, 3000000)
      assert.deepStrictEqual((await ended.stderr.toArray()).join(''), 'é\n')
      assert.strictEqual(ended.stdout, ended.stdout)
      assert.strictEqual(ended.kill(), false)
      const failed = runner.exec('echo out; false')
      await assert.rejects(failed)
      assert.deepStrictEqual(await failed.stdout.toArray(), ['out\n'])
      assert.deepStrictEqual(await failed.stderr.toArray(), [])
      const bytes = runner.exec('printf "\\377"', { encoding: 'buffer' })
      await bytes
      assert.deepStrictEqual(Buffer.concat(await bytes.stdout.toArray()), Buffer.from([255]))
    })

    test('has its streams and its input also when it has ended before exec() returns', async () => {
      const slow = () => {
        for (const end = Date.now() + 50; Date.now() < end;);
      }
      runner.once('start', slow)
      const lines = []
      for await (const line of runner.exec('echo hi', { maxBuffer: 0, overflow: 'head' })) lines.push(line)
      assert.deepStrictEqual(lines, ['hi'])
      runner.once('start', slow)
      const input = Readable.from(['x'.repeat(100_000), 'y'])
      await runner.exec('true', { input })
      if (!input.closed) await new Promise((resolve) => input.once('close', resolve))
      assert.ok(input.destroyed)
    })

    test('takes input of every kind, to the byte', async () => {
      const binary = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
      for (const input of ['text\n', binary, Readable.from(['a', 'b']), [binary, 'c'], (async function * () { yield 'late' })()]) {
        const expected = Array.isArray(input) ? Buffer.concat([binary, Buffer.from('c')]) : undefined
        const { stdout } = await runner.exec('cat', { input, encoding: 'buffer' })
        if (expected) assert.deepStrictEqual(stdout, expected)
        else if (Buffer.isBuffer(input)) assert.deepStrictEqual(stdout, input)
        else assert.ok(['text\n', 'ab', 'late'].includes(stdout.toString()))
      }
      const big = Readable.from((function * () { for (let i = 0; i < 256; i++) yield Buffer.alloc(65536, i) })())
      assert.match((await runner.exec('wc -c', { input: big })).stdout, /16777216/)
    })

    test('goes on when a command doesn\'t take its input, and leaves nothing of it to the next', async () => {
      assert.strictEqual((await runner.exec('read x; echo $x', { input: ['one\n', 'x'.repeat(1e6)] })).stdout, 'one\n')
      assert.strictEqual((await runner.exec('cat')).stdout, '')
    })

    test('a command that is over doesn\'t wait for an input that isn\'t', { timeout: 10_000 }, async () => {
      const never = async function * () { yield 'x'; await new Promise(() => {}) }
      assert.strictEqual((await awake(runner.exec('head -c 1', { input: never() }))).stdout, 'x')
      assert.strictEqual((await awake(failure(runner.exec('cat', { input: never(), timeout: 100 })))).code, 'ERR_TIMEOUT')
    })

    test('fails with the input that fails', async () => {
      const cause = new Error('source')
      const error = await failure(runner.exec('cat', { input: (async function * () { yield 'a'; throw cause })() }))
      assert.deepStrictEqual([error.code, error.cause], ['ERR_INPUT', cause])
    })

    test('cwd and env are for this command only', async () => {
      const { stdout } = await runner.exec('pwd; echo "$A"; cd /; B=1', { cwd: '/tmp', env: { A: 'it\'s "$x"', N: 1 } })
      assert.strictEqual(stdout, '/tmp\nit\'s "$x"\n')
      assert.strictEqual((await runner.exec('pwd; echo "$A$B"')).stdout, '/\n\n')
      assert.strictEqual((await failure(runner.exec('true', { cwd: '/nowhere' }))).exitCode, 126)
      assert.notStrictEqual((await failure(runner.exec('echo "', { cwd: '/' }))).exitCode, 0)
    })

    test('maxBuffer ends the command, or keeps the beginning, or the end', async () => {
      const error = await failure(runner.exec('yes', { maxBuffer: 10 }))
      assert.deepStrictEqual([error.code, error.stdout, error.truncated], ['ERR_MAX_BUFFER', 'y\ny\ny\ny\ny\n', true])
      const head = await runner.exec('seq 1 100000', { maxBuffer: 5, overflow: 'head' })
      assert.deepStrictEqual([head.stdout, head.truncated], ['1\n2\n3', true])
      const tail = await runner.exec('seq 1 100000', { maxBuffer: 10, overflow: 'tail' })
      assert.deepStrictEqual([tail.stdout, tail.truncated], ['99\n100000\n', true])
      assert.strictEqual((await runner.exec('printf 12345', { maxBuffer: 5 })).truncated, false)
    })

    for (const [what, command, kept] of [
      ['a process', 'sleep 1000', true],
      ['a pipeline', 'sleep 1000 | sleep 1000', true],
      ['one that ignores signals', "sh -c 'trap \"\" TERM INT HUP; sleep 1000; sleep 1000'", true],
      ['one that has become a daemon', '(setsid sleep 1000 >/dev/null 2>&1 &); sleep 1000', true],
      ['one that floods', 'yes', true],
      ['a loop of the shell\'s own', 'while :; do :; done', false],
      ['a shell that is stopped', 'kill -STOP $$', false]
    ]) {
      test(`a timeout ends ${what}, ${kept ? 'and keeps the shell' : 'and brings directory and exports back'}`, async () => {
        await runner.run('cd /tmp; export X="a \'b\'"; f() { echo f; }')
        const error = await failure(runner.exec(command, { timeout: 200, killGrace: 200, overflow: 'head', maxBuffer: 10 }))
        assert.deepStrictEqual([error.code, error.timedOut, error.shellRestarted], ['ERR_TIMEOUT', true, !kept])
        assert.strictEqual((await runner.exec('pwd; echo "$X"')).stdout, '/tmp\na \'b\'\n')
        assert.strictEqual((await runner.exec('f', { reject: false })).exitCode === 0, kept)
        await sleeping(runner, 0)
        await runner.run('cd /')
      })
    }

    test('a timeout leaves jobs of earlier commands alone', async () => {
      await runner.run('sleep 1000 & job=$!')
      await failure(runner.exec('sleep 1000', { timeout: 100 }))
      await sleeping(runner, 1)
      await runner.run('kill $job; wait $job; true')
    })

    test('what a job prints while a shell is asked for its state is not executed', async () => {
      const other = new DockerRunner()
      await other.start({ Image: `docker-exec-napi/${shell}` })
      await other.run('(while :; do echo "touch /tmp/EXECUTED"; echo 1; done) &')
      const error = await failure(other.exec('while :; do :; done', { timeout: 100, killGrace: 100, overflow: 'head' }))
      assert.deepStrictEqual([error.code, error.shellRestarted], ['ERR_TIMEOUT', true])
      assert.strictEqual((await other.exec('[ -e /tmp/EXECUTED ]', { reject: false })).exitCode, 1)
      await other.stop()
    })

    test('partial output is in the result', async () => {
      const error = await failure(runner.exec('echo before; sleep 1000', { timeout: 200 }))
      assert.deepStrictEqual([error.stdout, error.signal], ['before\n', 'SIGTERM'])
    })

    test('an AbortSignal ends it before, while it waits, while it runs, and not after', async () => {
      const reason = new Error('enough')
      const over = AbortSignal.abort(reason)
      const before = await failure(runner.exec('echo never', { signal: over }))
      assert.deepStrictEqual([before.code, before.aborted, before.cause], ['ERR_ABORTED', true, reason])

      const [blocking, waiting] = [new AbortController(), new AbortController()]
      const running = runner.exec('echo ready; sleep 1000', { signal: blocking.signal })
      const first = failure(running)
      const second = failure(runner.exec('echo never', { signal: waiting.signal }))
      waiting.abort(reason)
      assert.deepStrictEqual([(await second).code, (await second).cause], ['ERR_ABORTED', reason])
      for await (const line of running.stdout) if (line.includes('ready')) break
      blocking.abort(reason)
      assert.deepStrictEqual([(await first).code, (await first).stdout], ['ERR_ABORTED', 'ready\n'])

      const later = new AbortController()
      await runner.exec('true', { signal: later.signal })
      later.abort()
      assert.strictEqual((await runner.exec('echo on')).stdout, 'on\n')
    })

    test('kill() says that it is too early for a command that waits', async () => {
      const [first, second] = [runner.exec('sleep 0.2'), runner.exec('true')]
      assert.strictEqual(second.kill(), false)
      await Promise.all([first, second])
    })

    test('kill() sends one signal to its processes', async () => {
      const running = runner.exec('echo ready; sleep 1000')
      for await (const line of running.stdout) if (line.includes('ready')) break
      assert.strictEqual(running.kill('SIGINT'), true)
      assert.strictEqual((await failure(running)).signal, 'SIGINT')
      assert.strictEqual(running.kill(), false)
    })

    test('usage measures processors and memory, and only when it is asked for', async () => {
      const { usage: idle } = await runner.exec('sleep 0.3', { usage: true })
      const loop = 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'
      const { usage: busy, durationMs } = await runner.exec(loop, { usage: true })
      assert.ok(idle.cpuMs >= 0 && idle.cpuMs < busy.cpuMs, JSON.stringify([idle, busy]))
      assert.ok(busy.cpuMs > durationMs / 10, JSON.stringify([busy, durationMs]))
      const { usage: large } = await runner.exec('head -c 50000000 /dev/zero | tail -c 50000000 >/dev/null', { usage: true })
      assert.ok(large.memoryPeak > 30e6 && large.memoryPeak > busy.memoryPeak, JSON.stringify(large))
      assert.strictEqual('usage' in await runner.exec('true'), false)
      const error = await failure(runner.exec('false', { usage: true }))
      assert.ok(error.usage.cpuMs >= 0)
    })

    test('sh quotes every value', async () => {
      const awkward = ['it\'s', '$HOME', '`id`', '"', '\\', ' a  b ', '*', '~', '-n', '#', 'é\n', '']
      const { stdout } = await runner.sh`printf '<%s>' ${awkward} ${'one'} ${2}`
      assert.strictEqual(stdout, [...awkward, 'one', '2'].map((word) => `<${word}>`).join(''))
      assert.strictEqual((await runner.sh({ cwd: '/tmp' })`pwd`).stdout, '/tmp\n')
    })

    test('quote() makes any string one word, that is exactly it', async () => {
      const character = () => String.fromCodePoint(1 + Math.floor(Math.random() * [126, 0xd7fe, 0x1f64f][Math.floor(Math.random() * 3)]))
      const random = (n) => Array.from({ length: n }, character).join('').toWellFormed()
      for (let i = 0; i < 100; i++) {
        const word = random(1 + i % 40)
        assert.strictEqual((await runner.exec(`printf '%s' ${quote(word)}`)).stdout, word, JSON.stringify(word))
      }
    })

    test('a stopped runner\'s command keeps what it had printed', async () => {
      const other = new DockerRunner()
      await other.start({ Image: `docker-exec-napi/${shell}` })
      const running = other.exec('echo before; sleep 1000')
      const ended = failure(running)
      for await (const line of running.stdout) if (line.includes('before')) break
      await other.stop()
      assert.deepStrictEqual([(await ended).code, (await ended).stdout], ['ERR_STOPPED', 'before\n'])
    })
  })
}

describe('exec() refuses, before anything is sent,', () => {
  for (const [options, words] of [
    [null, /options/], [{ time: 1 }, /option time is unknown/], [{ timeout: 0 }, /timeout/], [{ timeout: '1s' }, /timeout/],
    [{ killSignal: 'SIGNOPE' }, /no such signal/], [{ killGrace: -1 }, /killGrace/], [{ signal: {} }, /signal/],
    [{ input: 7 }, /input/], [{ cwd: '' }, /cwd/], [{ env: { 'A-B': 'x' } }, /env/], [{ env: { A: {} } }, /env/], [{ env: null }, /env/], [{ env: [] }, /env/],
    [{ overflow: 'drop' }, /overflow/], [{ encoding: 'utf-99' }, /encoding/], [{ maxBuffer: -1 }, /maxBuffer/], [{ reject: 'no' }, /reject/]
  ]) {
    test(JSON.stringify(options), async () => {
      const error = await failure(new DockerRunner().exec('true', options))
      assert.strictEqual(error.code, 'ERR_INVALID_ARG_VALUE')
      assert.match(error.message, words)
    })
  }

  test('what can\'t be quoted', () => {
    for (const value of [null, undefined, {}, NaN, [['nested']], 'a\0b']) assert.throws(() => quote(value), { code: 'ERR_INVALID_ARG_VALUE' })
  })
})
