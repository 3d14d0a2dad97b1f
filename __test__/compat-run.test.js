'use strict'

const assert = require('node:assert')
const { after, before, describe, test } = require('node:test')
const { bare, shared, timeout } = require('./helpers.js')

describe('run(command)', { timeout }, () => {
  const runner = shared({ before, after })
  const run = (command) => runner.it.run(command)

  test('resolves with the number 0', async () => {
    assert.equal(await run('true'), 0)
  })

  test('rejects with the exit code itself, a bare number', async () => {
    for (const code of [1, 2, 100, 127, 255]) await assert.rejects(run(`(exit ${code})`), bare(code))
  })

  test('the classic catch(function (code) { … })', async () => {
    const code = await run('sh -c "exit 100"').then(() => 'resolved', function (code) { return code })
    assert.ok(code === 100)
  })

  test('a command that is not there is 127', () => assert.rejects(run('no-such-command'), bare(127)))

  test('keeps the working directory', async () => {
    await run('cd /usr/share')
    assert.equal(await run('[ "$PWD" = /usr/share ] && [ "$(pwd)" = /usr/share ]'), 0)
  })

  test('keeps variables and exported variables', async () => {
    await run('plain=1; export EXPORTED="two words"')
    assert.equal(await run('[ $plain = 1 ] && [ "$(sh -c \'echo $EXPORTED\')" = "two words" ]'), 0)
  })

  test('keeps functions and what was sourced', async () => {
    await run("echo 'sourced=yes' >/tmp/file; f() { return 42; }; . /tmp/file")
    assert.equal(await run('[ $sourced = yes ]'), 0)
    await assert.rejects(run('f'), bare(42))
  })

  test('keeps shell options', async () => {
    await run('set -o pipefail')
    await assert.rejects(run('false | true'), bare(1))
    await run('set +o pipefail')
  })

  test('keeps state after a command that failed', async () => {
    await run('kept=1')
    await assert.rejects(run('false'), bare(1))
    assert.equal(await run('[ $kept = 1 ]'), 0)
  })

  test('takes several lines', async () => {
    await assert.rejects(run('if true\nthen\n  (exit 7)\nfi'), bare(7))
  })

  test('takes what users write in commands byte for byte', async () => {
    const text = `'"\\ $HOME \`x\` !! %s {a,b} * ~ # é 漢 \u{1f600}\ttab`
    assert.equal(await run(`cat >/tmp/text <<'END'\n${text}\nEND`), 0)
    assert.equal((await runner.it.exec('cat /tmp/text')).stdout, `${text}\n`)
  })

  test('an empty stdin is what a command reads', async () => {
    assert.equal(await run('[ "$(cat | wc -c)" = 0 ]'), 0)
  })
})
