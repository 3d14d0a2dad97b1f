'use strict'

// Every kind of command, in containers that have bash, dash only, and busybox only: each
// settles, with its own exit code and output, and the next one works.

const assert = require('node:assert')
const { after, before, describe, test } = require('node:test')
const DockerRunner = require('..')
const cases = require('./cases.json')

describe('every kind of command', { concurrency: 3 }, () => {
  for (const shell of ['bash', 'dash', 'busybox']) describeWith(shell)
})

function describeWith(shell) {
  describe(`with ${shell}`, { concurrency: 1, timeout: 120_000 }, () => {
    const runner = new DockerRunner()
    before(() => runner.start({ Image: `docker-exec-napi/${shell}` }))
    after(() => runner.stop())

    const result = async (command) => {
      const { exitCode, stdout, stderr, shellRestarted } = await runner.exec(command, { encoding: 'buffer', reject: false })
      return [exitCode, stdout.toString(), stderr.toString(), shellRestarted]
    }

    for (const [command, exitCode, stdout] of cases.kept) {
      test(`${JSON.stringify(command)} settles with ${exitCode}`, async () => {
        assert.deepStrictEqual(await result(command), [exitCode, stdout, '', false])
      })
    }

    for (const command of cases.wrong) {
      test(`${JSON.stringify(command)} is an error of the shell's, which is kept`, async () => {
        const [exitCode, stdout, stderr, shellRestarted] = await result(command)
        assert.notStrictEqual(exitCode, 0)
        assert.deepStrictEqual([stdout, shellRestarted], ['', false])
        assert.notStrictEqual(stderr, '')
      })
    }

    for (const [command, exitCode, stdout] of cases.ending) {
      test(`${JSON.stringify(command)} settles with ${exitCode}, and a fresh shell follows`, async () => {
        await runner.exec('mine=1; cd /tmp; echo kept > /tmp/file')
        const [code, out, , shellRestarted] = await result(command)
        assert.deepStrictEqual([code, out, shellRestarted], [exitCode, stdout, true])
        assert.deepStrictEqual(await result('echo "$mine"; cat /tmp/file; pwd'), [0, '\nkept\n/\n', '', false])
      })
    }

    for (const [command, how] of [
      ['set -n', 'deaf'],
      ['command() { :; }', 'deaf'],
      ['__dx() { :; }', 'deaf'],
      ['ulimit -n 3', 'deaf'],
      ['kill -STOP $$', 'stopped']
    ]) {
      test(`${JSON.stringify(command)} leaves a ${how} shell, which is replaced`, async () => {
        const failure = await runner.run(command).catch((error) => error)
        assert.strictEqual(failure.code, 'ERR_SHELL_RESTARTED')
        assert.match(failure.message, new RegExp(how))
        assert.strictEqual(await runner.run('true'), 0)
      })
    }

    for (const command of ['set -x', 'set -v', 'set -u; echo $nope', 'trap "echo t" EXIT DEBUG ERR', 'exec 2>&1', 'exec 1>&-', 'exec 9>/tmp/lock', 'exec 8>&-']) {
      test(`${JSON.stringify(command)} keeps the framing`, async () => {
        await runner.exec(command, { reject: false })
        assert.strictEqual((await runner.exec('(exit 7)', { reject: false })).exitCode, 7)
        assert.strictEqual((await runner.exec('exit 8', { reject: false })).exitCode, 8)
      })
    }

    test('ten million bytes without a newline come back as they are', async () => {
      const { stdout, truncated } = await runner.exec("head -c 10000000 /dev/zero | tr '\\0' x")
      assert.deepStrictEqual([stdout.length, stdout.replaceAll('x', ''), truncated], [1e7, '', false])
    })

    test('output past the bound is cut, and the command still ends', async () => {
      const { exitCode, stdout, truncated } = await runner.exec('head -c 1000000000 /dev/zero; exit 3', { maxBuffer: 1000, overflow: 'head', reject: false })
      assert.deepStrictEqual([exitCode, stdout.length, truncated], [3, 1000, true])
    })

    test('both streams are whole when a command settles', async () => {
      const { stdout, stderr } = await runner.exec('i=0; while [ $i -lt 2000 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done')
      const lines = (name) => Array.from({ length: 2000 }, (_, i) => `${name}${i}\n`).join('')
      assert.deepStrictEqual([stdout, stderr], [lines('o'), lines('e')])
    })

    test('a command of one megabyte works, and one of ten', async () => {
      for (const size of [1e6, 1e7]) {
        assert.strictEqual((await runner.exec(`: '${'x'.repeat(size)}'; echo ok`)).stdout, 'ok\n')
      }
    })

    test('what kills everything ends the container in a typed way', async () => {
      const result = await runner.run('kill -9 -1').catch((error) => error)
      assert.ok(result === 0 || result === 137 || result.code === 'ERR_CONTAINER_GONE', String(result))
      const later = await runner.run('true').catch((error) => error)
      assert.strictEqual(later.code, 'ERR_CONTAINER_GONE')
    })
  })
}
