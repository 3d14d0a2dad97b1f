'use strict'

// session(): more shells in one container, side by side.

const assert = require('node:assert')
const { after, before, describe, test } = require('node:test')
const DockerRunner = require('..')
const { sleeping } = require('./helpers.js')

const failure = (promise) => promise.then((value) => assert.fail(`resolved with ${value}`), (error) => error)
describe('session()', { concurrency: 3 }, () => {
  for (const shell of ['bash', 'dash', 'busybox']) describeWith(shell)
})

function describeWith(shell) {
  describe(`with ${shell}`, { concurrency: 1, timeout: 60_000 }, () => {
    const runner = new DockerRunner()
    before(() => runner.start({ Image: `docker-exec-napi/${shell}` }))
    after(() => runner.stop())

    test('is a shell of its own, beside the runner\'s, in the same container', async () => {
      const session = await runner.session()
      assert.strictEqual(session.runner, runner)
      await Promise.all([runner.run('cd /usr; v=mine; echo shared >/tmp/file'), session.run('cd /tmp')])
      assert.strictEqual((await session.exec('pwd; echo "$v"; cat file')).stdout, '/tmp\n\nshared\n')
      assert.strictEqual((await runner.exec('pwd; echo "$v"')).stdout, '/usr\nmine\n')
      assert.strictEqual(await failure(session.run('exit 3')), 3)
      assert.strictEqual((await session.sh`echo ${'$x'}`).stdout, '$x\n')
      await session.close()
    })

    test('runs at the same time', async () => {
      const session = await runner.session()
      await runner.run('rm -f /tmp/a /tmp/b')
      const meet = (mine, other) => `echo >/tmp/${mine}; until [ -e /tmp/${other} ]; do sleep 0.01; done`
      assert.deepStrictEqual(await Promise.all([runner.run(meet('a', 'b')), session.run(meet('b', 'a'))]), [0, 0])
      await session.close()
    })

    test('takes the Engine API\'s options of an exec, and a shell', async () => {
      const session = await runner.session({ WorkingDir: '/tmp', Env: ['X=1'], User: '1000', Shell: '/bin/sh' })
      assert.match((await session.exec('pwd; echo "$X"; grep ^Uid /proc/self/status')).stdout, /^\/tmp\n1\nUid:\s+1000/)
      await session.close()
      assert.match((await failure(runner.session({ cwd: '/' }))).message, /session option cwd is unknown/)
      assert.strictEqual((await failure(runner.session({ Shell: 'nosuch' }))).code, 'ERR_IMAGE_UNSUITABLE')
    })

    test('closed, it ends its commands, and nothing else', async () => {
      const [one, other] = [await runner.session(), await runner.session()]
      const closed = new Promise((resolve) => one.once('close', resolve))
      const running = failure(one.exec('echo before; sleep 1000 | sleep 1000'))
      const waiting = failure(one.run('true'))
      await other.run('sleep 1000 & job=$!')
      await one.close()
      await closed
      assert.deepStrictEqual([(await running).code, (await waiting).code], ['ERR_STOPPED', 'ERR_STOPPED'])
      assert.strictEqual((await failure(one.run('true'))).code, 'ERR_STOPPED')
      await sleeping(runner, 1)
      await one.close()
      await other.run('kill $job')
      await other.close()
    })

    test('has a stream of its own', async () => {
      const session = await runner.session()
      const seen = new Promise((resolve) => session.stream.once('data', resolve))
      session.stream.write('echo typed\n')
      assert.strictEqual((await seen).toString(), 'typed\n')
      session.stream.end()
      await new Promise((resolve) => session.stream.once('close', resolve))
      assert.strictEqual((await failure(session.run('true'))).code, 'ERR_STOPPED')
    })

    test('its timeouts leave other sessions alone', async () => {
      const session = await runner.session()
      await runner.run('sleep 1000 & job=$!')
      const error = await failure(session.exec('sleep 1000', { timeout: 100 }))
      assert.strictEqual(error.code, 'ERR_TIMEOUT')
      await sleeping(runner, 1)
      await runner.run('kill $job')
      await session.close()
    })

    test('a slow reader slows its own command, which is never far ahead of it, and no other session', async () => {
      const [block, blocks] = [131072, 80]
      await runner.run('echo 0 >/tmp/done')
      const session = await runner.session()
      const running = session.exec(`i=0; while [ $i -lt ${blocks} ]; do i=$((i+1)); head -c ${block} /dev/zero; echo $i >/tmp/done; done`, { maxBuffer: 0, overflow: 'head', encoding: 'buffer' })
      let [read, dropped, lead] = [0, 0, 0]
      running.stdout.on('dropped', (bytes) => { dropped += bytes })
      for await (const chunk of running.stdout) {
        read += chunk.length
        lead = Math.max(lead, Number((await runner.exec('cat /tmp/done')).stdout) * block - read - dropped)
      }
      assert.strictEqual((await running).exitCode, 0)
      assert.strictEqual(read + dropped, block * blocks)
      assert.ok(lead < 5 * 1024 * 1024, `${lead} bytes ahead`)
      await session.close()
    })

    test('ends with the runner', async () => {
      const other = new DockerRunner()
      await other.start({ Image: `docker-exec-napi/${shell}` })
      const session = await other.session()
      const running = failure(session.exec('sleep 1000'))
      await other.stop()
      assert.strictEqual((await running).code, 'ERR_STOPPED')
      assert.strictEqual((await failure(other.session())).code, 'ERR_STOPPED')
      assert.strictEqual((await failure(new DockerRunner().session())).code, 'ERR_NOT_STARTED')
    })
  })
}
