'use strict'

// What a limit of the container did to a command.

const assert = require('node:assert')
const { describe, test } = require('node:test')
const { shared, started, timeout, typed } = require('./helpers.js')

/** More memory than there is, in the shell's own process or in one of its children. */
const SHELL = 'v=aaaaaaaaaaaaaaaa; while :; do v=$v$v; done'
const CHILD = 'tail /dev/zero'
const FORKS = 'i=0; while [ $i -lt 30 ]; do sleep 1 & i=$((i+1)); done; wait; exit 9'

for (const image of ['bash', 'dash', 'busybox']) {
  describe(`a command in ${image} that runs into a limit`, { timeout }, () => {
    const runner = shared(require('node:test'), {
      Image: `docker-exec-napi/${image}`, profile: 'untrusted', limits: { memory: '64m', pids: 24, disk: '4m' }
    })
    const failed = (command, options) => runner.it.exec(command, { reject: false, ...options })
    const limit = async (command, options) => (await failed(command, options)).limit

    test('says that it was memory, also where that took the shell', async () => {
      assert.equal(await limit(CHILD), 'memory')
      const { limit: name, exitCode, shellRestarted } = await failed(SHELL)
      assert.deepEqual({ name, exitCode, shellRestarted }, { name: 'memory', exitCode: 137, shellRestarted: true })
      assert.equal(await limit(`(${CHILD}); exit 3`), 'memory')
    })

    test('says that it was processes', async () => {
      assert.equal(await limit(FORKS), 'pids')
      await runner.it.reset()
    })

    test('says so where only a job ran into it, and has its own exit code', async () => {
      const { limit, exitCode, stdout } = await failed('f() { (f) & (f) & }; (sleep 0.2; f) 2>/dev/null & sleep 1; echo on; (exit 7)')
      assert.deepEqual({ limit, exitCode, stdout }, { limit: 'pids', exitCode: 7, stdout: 'on\n' })
      // What the job has left goes on for a while.
      await runner.it.reset()
    })

    test('says so too when its time is up', async () => {
      const { limit, timedOut } = await failed('b() { b | b & }; (sleep 0.2; b) & sleep 1000', { timeout: 1000, killGrace: 100 })
      assert.deepEqual({ limit, timedOut }, { limit: 'pids', timedOut: true })
    })

    test('says that it was space', async () => {
      assert.equal(await limit('cat /dev/zero >/tmp/full'), 'disk')
      assert.equal(await limit('rm /tmp/full; exit 1'), null)
    })

    test('is not confused with those that only fail', async () => {
      assert.equal(await limit(CHILD), 'memory')
      for (const command of ['false', 'kill -9 $$', 'sh -c "kill -9 \\$\\$"', 'nosuchcommand', 'exit 137']) {
        assert.equal(await limit(command), null, command)
      }
      assert.equal(await limit('true'), null)
    })

    test('leaves the shell as it is', async () => {
      await runner.it.run('cd /etc; v=kept; IFS=x; set -u; set -f')
      assert.equal(await limit(CHILD), 'memory')
      assert.equal((await runner.it.exec('echo "$v $PWD $IFS ${DOCKER_EXEC_C-}${DOCKER_EXEC_F-}${DOCKER_EXEC_L-}."; case $- in *u*) echo u ;; esac')).stdout, 'kept /etc x .\nu\n')
      await runner.it.run("unset IFS; set +uf")
    })

    test('is told in the error', async () => {
      await assert.rejects(runner.it.exec(CHILD), (error) => {
        typed('ERR_EXIT_CODE', /perhaps since the container ran out of memory: limits\.memory/)(error)
        return error.limit === 'memory'
      })
    })

    test('is told in a session of its own too, for what happens in it', async () => {
      // What the bomb of an earlier test may have left has nothing to do with this.
      await runner.it.reset()
      assert.equal(await limit(CHILD), 'memory')
      const session = await runner.it.session()
      assert.equal((await session.exec('false', { reject: false })).limit, null)
      assert.equal((await session.exec(CHILD, { reject: false })).limit, 'memory')
      await session.close()
    })
  })
}

test('looking for it sets off no trap for errors', async (t) => {
  const runner = await started(t)
  const count = async (fail) => {
    await runner.run("n=0; trap 'n=$((n+1))' ERR")
    await fail()
    return (await runner.exec('echo $n')).stdout
  }
  const plain = await count(() => runner.run('false').catch(() => {}))
  assert.equal(await count(() => runner.exec('false', { reject: false })), plain)
})

test('a terminal has no hint, and nothing of ours on it', async (t) => {
  const runner = await started(t, { Image: 'docker-exec-napi/bash', Tty: true, limits: { memory: '64m' } })
  const { limit, exitCode, stdout } = await runner.exec(CHILD, { reject: false })
  assert.deepEqual([limit, exitCode], [null, 137])
  assert.doesNotMatch(stdout, /cgroup/)
})
