'use strict'

// The addon in worker_threads, and twice in one process.

const assert = require('node:assert')
const { once } = require('node:events')
const { describe, test } = require('node:test')
const { Worker } = require('node:worker_threads')
const { BASH, awake, gone, mine, node, started, timeout } = require('./helpers.js')

/** A worker with a started runner, which then does `last`. */
async function worker(t, own, last) {
  const worker = new Worker(`
    const { parentPort, workerData } = require('node:worker_threads')
    const DockerRunner = require(workerData.library)
    const runner = new DockerRunner()
    const say = (what) => parentPort.postMessage(what)
    runner.start(workerData.options).then(async (stream) => {
      ${last}
    })
  `, { eval: true, workerData: { library: require.resolve('..'), options: own.options() } })
  t.after(() => worker.terminate())
  // From the beginning: it may be over before anybody asks. Rejects with its error.
  const exited = once(worker, 'exit').then(([code]) => code)
  exited.catch(() => {})
  const [said] = await awake(Promise.race([once(worker, 'message'), exited.then((code) => assert.fail(`it exited with ${code}`))]))
  return { worker, said, exited }
}

describe('a worker', { timeout }, () => {
  test('runs commands, and ends by itself with an idle runner, whose container goes', async (t) => {
    const own = mine()
    const { said, exited } = await worker(t, own, "say(await runner.run('true'))")
    assert.equal(said, 0)
    assert.equal(await awake(exited), 0)
    await own.vanish()
  })

  for (const [state, last] of [
    ['idle', "say('ready'); setInterval(() => {}, 1000)"],
    ['in the middle of a command', "runner.run('sleep 1000').catch(() => {}); say('ready')"],
    ['in the middle of one that floods', "stream.once('data', () => say('ready')); runner.exec('sleep 1000; true').catch(() => {}); runner.run('yes').catch(() => {}); stream.resume(); say('ready')"],
    ['with commands that wait', "for (let n = 0; n < 100; n++) runner.run('sleep 1000').catch(() => {}); say('ready')"],
    ['while it reads a flood', "stream.on('data', () => {}); runner.run('yes').catch(() => {}); stream.once('data', () => say('ready'))"]
  ]) {
    test(`terminated ${state}: the process lives, and the container goes`, async (t) => {
      const own = mine()
      const { worker: it } = await worker(t, own, last)
      assert.equal(await it.terminate(), 1)
      await own.vanish()
      const runner = await started(t)
      assert.equal(await runner.run('true'), 0)
    })
  }

  test('terminated while it starts, at any moment: no crash, and nothing stays', async (t) => {
    const own = mine()
    for (let round = 0; round < 5; round++) {
      const it = new Worker(`
        const { parentPort, workerData } = require('node:worker_threads')
        const DockerRunner = require(workerData.library)
        const runner = new DockerRunner()
        runner.once(workerData.event, () => parentPort.postMessage(0))
        runner.start(workerData.options).catch(() => {})
        if (workerData.event === 'now') parentPort.postMessage(0)
      `, { eval: true, workerData: { library: require.resolve('..'), options: own.options(), event: ['now', 'container:attach', 'container:start'][round % 3] } })
      await once(it, 'message')
      await it.terminate()
    }
    await own.vanish()
    await own.none()
  })

  test('terminated while it starts, with nobody else who uses the addon: nothing stays', async (t) => {
    const own = mine()
    const script = `
      const { Worker } = require('node:worker_threads')
      const work = \`
        const { parentPort, workerData } = require('node:worker_threads')
        const runner = new (require(workerData.library))()
        runner.docker.engine().then(() => {
          runner.start(workerData.options).catch(() => {})
          parentPort.postMessage(0)
        })
      \`
      const workerData = { library: require.resolve('..'), options: JSON.parse(process.env.OPTIONS) }
      ;(async () => {
        for (let after = 0; after < 10; after++) {
          const worker = new Worker(work, { eval: true, workerData })
          await new Promise((resolve) => worker.once('message', resolve))
          await new Promise((resolve) => setTimeout(resolve, after))
          await worker.terminate()
        }
        // Behind all that they had asked of the engine.
        const runner = new (require('..'))()
        await runner.start(workerData.options)
        await runner.stop()
        console.log('over')
        setInterval(() => {}, 1000)
      })()
    `
    const { said } = node(t, '', { flags: ['-e', script], options: own.options() })
    await said('over')
    await own.vanish()
  })
})

describe('many copies of the addon', { timeout }, () => {
  test('workers and the main thread each have their own runners', async (t) => {
    const own = mine()
    const runner = await started(t, own.options())
    const slow = runner.run('sleep 0.5; exit 9').catch((code) => code)
    const workers = await Promise.all([1, 2, 3, 4].map((n) => worker(t, own, `
      say(await runner.run('(exit ${n})').catch((code) => code))
      setInterval(() => {}, 1000)
    `)))
    assert.deepEqual(workers.map(({ said }) => said), [1, 2, 3, 4])
    assert.equal((await own.left()).length, 5)
    await Promise.all(workers.map(({ worker }) => worker.terminate()))
    assert.equal(await slow, 9)
    assert.equal(await runner.run('true'), 0)
    await runner.stop()
    await own.vanish()
    await own.none()
  })

  test('the package loaded twice in one thread works', async (t) => {
    const own = mine()
    const { exited } = node(t, `
      const first = DockerRunner
      for (const file of Object.keys(require.cache)) if (!file.endsWith('.node')) delete require.cache[file]
      const second = require('..')
      const runners = [new first(), new second()]
      say(first !== second)
      Promise.all(runners.map((runner) => runner.start(options)))
        .then(() => Promise.all(runners.map((runner, n) => runner.run('exit ' + (n + 1)).catch((code) => code))))
        .then((codes) => say(codes))
        .then(() => Promise.all(runners.map((runner) => runner.stop())))
    `, { options: own.options() })
    assert.deepEqual(await exited, { code: 0, signal: null, stdout: 'true\n1,2\n', stderr: '' })
    await own.none()
  })

  test('a process that exits with workers in the middle of commands leaves nothing', async (t) => {
    const own = mine()
    const { exited } = node(t, `
      const { Worker } = require('node:worker_threads')
      let ready = 0
      for (let n = 0; n < 3; n++) {
        new Worker(\`
          const { parentPort, workerData } = require('node:worker_threads')
          const runner = new (require(workerData.library))()
          runner.start(workerData.options).then(() => { runner.run('sleep 1000').catch(() => {}); parentPort.postMessage(0) })
        \`, { eval: true, workerData: { library: require.resolve('..'), options } })
          .on('message', () => { if (++ready === 3) process.exit(5) })
      }
    `, { options: own.options() })
    const { code, signal, stderr } = await exited
    assert.deepEqual({ code, signal, stderr }, { code: 5, signal: null, stderr: '' })
    await own.vanish()
    await own.none()
  })
})
