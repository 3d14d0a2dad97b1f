'use strict'

// docker-exec's known defects, each as what is right now. "Settles" is what all have in common.

const assert = require('node:assert')
const { randomUUID } = require('node:crypto')
const { after, before, describe, test } = require('node:test')
const { DockerRunner, api, bare, mine, outcomes, reading, shared, started, timeout, typed } = require('./helpers.js')

describe('was broken: a command', { timeout }, () => {
  const runner = shared({ before, after })
  const run = (command) => runner.it.run(command)
  const usable = async () => {
    const { exitCode, stdout, stderr } = await runner.it.exec('echo usable')
    assert.deepEqual([exitCode, stdout, stderr], [0, 'usable\n', ''])
  }

  test('concurrent runs have their own codes, in order', async () => {
    const codes = Array.from({ length: 20 }, (_, n) => n)
    assert.deepEqual(await outcomes(codes.map((code) => run(`(exit ${code})`))), codes)
  })

  test('a look-alike of a completion mark is plain output', async () => {
    const id = randomUUID()
    for (const text of [`${id} 0`, `\\036${id} 0\\037`, `\\036${id}`, `\\n${id}:0\\n`]) {
      const seen = reading(runner.it.stream)
      await assert.rejects(run(`printf '${text}'; printf '${text}' >&2; (exit 6)`), bare(6))
      await run('echo end')
      assert.equal((await seen.until(/end\n/)).split(id).length - 1, 2)
    }
  })

  for (const [command, code] of [
    ['true # a comment', 0], ['# only a comment', 0], ['', 0], ['   ', 0], ['\n', 0], ['true;', 0], ['sleep 1000 &', 0],
    ['cat <<END\ntext\nEND', 0], ['[ "$(cat <<END\ntext\nEND\n)" = text ]', 0], ['(exit 3) # c', 3], ['(exit 4);', 4]
  ]) {
    test(`${JSON.stringify(command)} settles with ${code}`, async () => {
      assert.deepEqual(await outcomes([run(command)]), [code])
      await usable()
    })
  }

  for (const command of ['echo "', "echo '", 'echo )', '}', 'fi', 'if true', 'cat <<END\nno end']) {
    test(`${JSON.stringify(command)} settles, with the shell's own message`, async () => {
      const { stderr } = await runner.it.exec(command, { reject: false })
      assert.match(stderr, /\S/)
      await usable()
    })
  }

  for (const [command, code] of [['exit 3', 3], ['exec true', 0], ['exec sh -c "exit 5"', 5], ['set -e; false', 1], ['kill -9 $$', 137]]) {
    test(`${command} settles with ${code}, and there is a fresh shell`, async () => {
      const restarted = new Promise((resolve) => runner.it.once('shell:restart', resolve))
      assert.deepEqual(await outcomes([run(command)]), [code])
      await restarted
      await usable()
    })
  }

  for (const command of ['cat', 'read line', 'sh', 'bash -i', 'head -c 1']) {
    test(`${command}, which reads stdin, finds its end at once`, async () => {
      const [first, second] = await Promise.all([runner.it.exec(command, { reject: false }), runner.it.exec('echo the next one')])
      assert.ok(first.exitCode <= 1)
      assert.equal(first.stdout, '')
      assert.equal(second.stdout, 'the next one\n')
    })
  }

  test('output has no prompt, no echo and nothing of the protocol', async () => {
    const seen = reading(runner.it.stream)
    await run('echo only this')
    assert.equal(await seen.until(/\n/), 'only this\n')
  })

  test('stdout and stderr are apart', async () => {
    const { stdout, stderr } = await runner.it.exec('echo out; echo err >&2')
    assert.deepEqual([stdout, stderr], ['out\n', 'err\n'])
  })
})

describe('was broken: a runner', { timeout }, () => {
  test('any engine of the last ten years: VolumesFrom "" is nothing', async (t) => {
    const runner = await started(t, { Image: 'docker-exec-napi/bash', Volumes: {}, VolumesFrom: '', Binds: [] })
    assert.equal(await runner.run('true'), 0)
  })

  test('an image that can not be pulled rejects', async () => {
    const own = mine()
    const runner = new DockerRunner()
    await assert.rejects(runner.start(own.options({ Image: '127.0.0.1:1/absent' })), typed('ERR_PULL_FAILED', /127\.0\.0\.1:1\/absent/))
    await own.none()
  })

  test('a container removed while a command runs rejects it', async (t) => {
    const runner = await started(t)
    const stopped = new Promise((resolve) => runner.once('container:stop', resolve))
    const seen = reading(runner.stream)
    const running = assert.rejects(runner.run('echo runs; sleep 1000'), typed('ERR_CONTAINER_GONE'))
    const waiting = assert.rejects(runner.run('true'), typed('ERR_CONTAINER_GONE'))
    await seen.until(/runs\n/)
    await api('DELETE', `/containers/${runner.container.id}?force=1`)
    await running
    await waiting
    await stopped
    await assert.rejects(runner.run('true'), typed('ERR_CONTAINER_GONE'))
  })

  test('stop() before start() resolves', async () => {
    assert.equal(await new DockerRunner().stop(), undefined)
  })
})
