'use strict'

// How a Node process ends, and what becomes of its containers.

const assert = require('node:assert')
const { describe, test } = require('node:test')
const { api, gone, inspect, mine, node, timeout } = require('./helpers.js')
const { proxy } = require('./proxy.js')

const IDLE = null
const SLEEPING = 'echo runs; sleep 1000'
const DEAF = "trap '' TERM INT HUP; echo runs; sleep 1000"

/** A child with a started runner, and its command under way, that does `first`, tells, and does `last`. */
async function child(t, command, last = '', first = '') {
  const own = mine()
  const child = node(t, `
    const runner = new DockerRunner()
    runner.start(options).then(async (stream) => {
      const command = ${JSON.stringify(command)}
      if (command) {
        const runs = new Promise((resolve) => stream.once('data', resolve))
        runner.run(command).catch(() => {})
        await runs
      }
      ${first}
      say('container', runner.container.id)
      ${last}
    })
  `, { options: own.options() })
  return { ...child, own, id: await child.said('container') }
}

for (const [state, command] of [['idle', IDLE], ['in the middle of a command', SLEEPING], ['in the middle of one that ignores signals', DEAF]]) {
  describe(`${state}, a program leaves no container`, { timeout }, () => {
    for (const [how, last, expected] of [
      ['process.exit(7)', 'process.exit(7)', { code: 7, signal: null }],
      ['an uncaught exception', 'setImmediate(() => { throw new Error("mine") })', { code: 1, signal: null }],
      ['an unhandled rejection', 'Promise.reject(new Error("mine"))', { code: 1, signal: null }],
      ['process.abort()', 'process.abort()', { code: null, signal: 'SIGABRT' }]
    ]) {
      test(`that ends by ${how}`, async (t) => {
        const { own, id, exited } = await child(t, command, last)
        const { code, signal, stderr } = await exited
        assert.deepEqual({ code, signal }, expected)
        if (expected.code === 1) assert.match(stderr, /Error: mine/)
        if (expected.code === 7) assert.equal(stderr, '')
        await gone(id)
        await own.none()
      })
    }

    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL']) {
      test(`that ends by ${signal}`, async (t) => {
        const { own, id, exited, kill } = await child(t, command, 'setInterval(() => {}, 1000)')
        kill(signal)
        assert.deepEqual(await exited, { code: null, signal, stdout: `container ${id}\n`, stderr: '' })
        await gone(id)
        await own.none()
      })
    }
  })
}

describe('a program', { timeout }, () => {
  test('ends when its only runner is idle, and the container goes', async (t) => {
    const { own, id, exited } = await child(t, IDLE, "await runner.run('true'); runner.stream.resume()")
    assert.deepEqual(await exited, { code: 0, signal: null, stdout: `container ${id}\n`, stderr: '' })
    await gone(id)
    await own.none()
  })

  test('stays alive while a command is under way, and ends after it', async (t) => {
    const { own, exited } = await child(t, IDLE, "runner.run('sleep 0.5; exit 4').catch((code) => say('code', code))")
    const { code, stdout } = await exited
    assert.equal(code, 0)
    assert.match(stdout, /\ncode 4\n$/)
    await own.vanish()
  })

  test('stays alive while commands wait', async (t) => {
    const { own, exited } = await child(t, IDLE, "for (const n of [1, 2, 3]) runner.exec('sleep 0.1; echo ' + n).then(({ stdout }) => say('out', stdout))")
    assert.match((await exited).stdout, /out 1\n\nout 2\n\nout 3\n/)
    await own.vanish()
  })

  test('stays alive while start() and stop() are under way', async (t) => {
    const own = mine()
    const { exited } = node(t, `
      const runner = new DockerRunner()
      runner.start(options).then(() => { say('started'); runner.stop().then(() => say('stopped')) })
    `, { options: own.options() })
    assert.deepEqual(await exited, { code: 0, signal: null, stdout: 'started\nstopped\n', stderr: '' })
    await own.none()
  })

  test('with its own SIGINT handler goes on, and can stop its runner', async (t) => {
    const { own, exited, kill, id } = await child(t, SLEEPING, '', `
      process.once('SIGINT', async () => { await runner.stop(); say('stopped') })
    `)
    kill('SIGINT')
    assert.deepEqual(await exited, { code: 0, signal: null, stdout: `container ${id}\nstopped\n`, stderr: '' })
    await own.none()
  })

  for (const [when, program] of [
    ['as soon as it has asked for a start', "runner.start(options); say('asked')"],
    ['at container:attach', "runner.once('container:attach', () => end()); runner.start(options)"],
    ['when it has only created a container', 'runner.createContainer(options).then(() => end())'],
    ['at container:start', "runner.once('container:start', () => end()); runner.start(options)"]
  ]) {
    for (const [how, end] of [['process.exit(7)', 'process.exit(7)'], ['an exception', 'setImmediate(() => { throw 7 })']]) {
      test(`that ends by ${how} ${when} leaves no container`, async (t) => {
        const own = mine()
        const { exited } = node(t, `
          const runner = new DockerRunner()
          const end = () => { ${end} }
          ${program}
          ${program.includes('end()') ? '' : 'setTimeout(end, 8)'}
        `, { options: own.options() })
        assert.equal((await exited).signal, null)
        for (const id of await own.left()) await gone(id, 5000)
        await own.none()
      })
    }
  }

  test('that ends while the engine lists a container, but can\'t find it yet, leaves none', async (t) => {
    const own = mine()
    let refused = 0
    const { options: engine } = await proxy(t, (line, link) => {
      if (!line.startsWith('DELETE ') || ++refused > 2) return
      link.answer('HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 21\r\n\r\n{"message":"not yet"}')
    })
    const { exited } = node(t, `
      const runner = new DockerRunner(${JSON.stringify(engine)})
      runner.createContainer(options).then(() => process.exit(7))
    `, { options: own.options() })
    assert.equal((await exited).code, 7)
    assert.ok(refused > 2, `removal was tried ${refused} times`)
    await own.none()
  })

  test('that is killed at container:start leaves no container', async (t) => {
    const own = mine()
    const child = node(t, `
      const runner = new DockerRunner()
      runner.once('container:start', () => { say('id', runner.container.id); process.kill(process.pid, 'SIGKILL') })
      runner.start(options)
    `, { options: own.options() })
    await gone(await child.said('id'), 5000)
    await own.none()
  })

  test('that is killed at container:attach leaves one that never runs', async (t) => {
    const own = mine()
    t.after(async () => { for (const id of await own.left()) await api('DELETE', `/containers/${id}?force=1`) })
    const child = node(t, `
      const runner = new DockerRunner()
      runner.once('container:attach', () => { say('id', runner.container.id); process.kill(process.pid, 'SIGKILL') })
      runner.start(options)
    `, { options: own.options() })
    const id = await child.said('id')
    assert.equal((await child.exited).signal, 'SIGKILL')
    assert.equal((await inspect(id)).State.Status, 'created')
  })

  test('that ends with many runners leaves none of their containers', async (t) => {
    const own = mine()
    const { exited } = node(t, `
      const runners = Array.from({ length: 6 }, () => new DockerRunner())
      Promise.all(runners.map((runner) => runner.start(options))).then(() => {
        runners.forEach((runner, n) => n % 2 && runner.run('sleep 1000').catch(() => {}))
        process.exit(3)
      })
    `, { options: own.options() })
    assert.equal((await exited).code, 3)
    await own.vanish()
    await own.none()
  })
})

describe('a runner that is garbage collected', { timeout }, () => {
  for (const command of [IDLE, 'sleep 1000 &']) {
    test(`${command ?? 'idle'}: its container goes, and the process lives`, async (t) => {
      const own = mine()
      const child = node(t, `
        async function use() {
          const runner = new DockerRunner()
          await runner.start(options)
          await runner.run(${JSON.stringify(command ?? 'true')})
          say('container', runner.container.id)
        }
        use().then(() => setInterval(global.gc, 20))
      `, { options: own.options(), flags: ['--expose-gc'] })
      await gone(await child.said('container'))
      assert.equal(child.child.exitCode, null)
      assert.equal(child.child.signalCode, null)
      await own.none()
    })
  }

  test('is not, while a command of it is awaited', async (t) => {
    const own = mine()
    const { exited } = node(t, `
      async function use() {
        const runner = new DockerRunner()
        await runner.start(options)
        return runner.run('sleep 0.5; exit 6')
      }
      const timer = setInterval(global.gc, 5)
      use().catch((code) => { say('code', code); clearInterval(timer) })
    `, { options: own.options(), flags: ['--expose-gc'] })
    assert.deepEqual(await exited, { code: 0, signal: null, stdout: 'code 6\n', stderr: '' })
    await own.vanish()
  })

  test('after stop() is no crash', async (t) => {
    const own = mine()
    const { exited } = node(t, `
      (async () => {
        for (let round = 0; round < 3; round++) {
          let runner = new DockerRunner()
          await runner.start(options)
          await runner.stop()
          runner = null
          global.gc()
          await new Promise(setImmediate)
        }
        for (let round = 0; round < 1000; round++) new DockerRunner()
        global.gc()
        say('done')
      })()
    `, { options: own.options(), flags: ['--expose-gc'] })
    assert.deepEqual(await exited, { code: 0, signal: null, stdout: 'done\n', stderr: '' })
    await own.none()
  })

  test('while it starts, its start still settles', async (t) => {
    const own = mine()
    const { exited } = node(t, `
      const timer = setInterval(global.gc, 5)
      new DockerRunner().start(options).then((stream) => { say(typeof stream.write); clearInterval(timer) })
    `, { options: own.options(), flags: ['--expose-gc'] })
    assert.deepEqual(await exited, { code: 0, signal: null, stdout: 'function\n', stderr: '' })
    await own.vanish()
  })
})

test('what a listener of a stream throws is thrown, and its command settles', { timeout }, async (t) => {
  const { said, exited } = node(t, `
    const thrown = []
    process.on('uncaughtException', (error) => thrown.push(error.message))
    const runner = new DockerRunner()
    runner.start(options).then(async (stream) => {
      const expected = []
      const listen = (stream, name) => stream.on('data', () => {
        expected.push(name)
        throw new Error(name)
      })
      listen(stream, 'run')
      // Some of it is read only as its command settles.
      let codes = 0
      for (let i = 0; i < 30; i++) {
        codes += await runner.run('echo 1; /bin/echo 2')
        const running = runner.exec('echo 1; /bin/echo 2')
        listen(running.stdout, 'exec')
        codes += (await running).exitCode
      }
      say('seen', new Set(expected).size, codes, JSON.stringify(thrown) === JSON.stringify(expected))
      await runner.stop()
    })
  `, { options: mine().options() })
  assert.equal(await said('seen'), '2 0 true')
  assert.equal((await exited).code, 0)
})

test('a listener that throws keeps no other from its event', { timeout }, async (t) => {
  const { said, exited } = node(t, `
    const thrown = []
    process.on('uncaughtException', (error) => thrown.push(error.message))
    const runner = new DockerRunner()
    runner.start(options).then(async () => {
      for (const name of ['shell:restart', 'exit']) runner.on(name, () => { throw new Error(name) })
      const next = runner.run('exit 3').catch((code) => code)
      let begun = 0
      runner.on('start', () => begun++)
      const last = runner.run('true')
      say('seen', await next, await last, begun, thrown)
      await runner.stop()
    })
  `, { options: mine().options() })
  assert.equal(await said('seen'), '3 0 1 shell:restart,exit,exit')
  assert.equal((await exited).code, 0)
})
