'use strict'

// What is done before a container is ready: each time, or once.

const assert = require('node:assert')
const { randomUUID } = require('node:crypto')
const { after, before, describe, test } = require('node:test')
const { BASH, DockerRunner, api, forget, mine, outcomes, started, timeout, typed } = require('./helpers.js')

const LABEL = 'docker-exec-napi.setup'

/** What the images of these tests are made of; their images have the label too. */
const MINE = `docker-exec-napi.set-up-test=${randomUUID()}`
const from = (image) => `FROM docker-exec-napi/${image}\nLABEL ${MINE}\n`
const images = () => api('GET', `/images/json?filters=${encodeURIComponent(JSON.stringify({ label: [LABEL, MINE] }))}`)

/** The containers of this process: those that images are made in have no labels of a test. */
const containers = () => api('GET', `/containers/json?all=1&filters=${encodeURIComponent(JSON.stringify({ label: [`docker-exec-napi.pid=${process.pid}`] }))}`)

/** A runner that emits what its set-up prints into `printed`. */
function listening(t) {
  const runner = new DockerRunner()
  t.after(() => runner.stop())
  const printed = []
  runner.on('setup:progress', ({ data }) => printed.push(data))
  return { runner, printed: () => printed.join('') }
}

describe('start({ setup })', { timeout }, () => {
  test('runs the commands in every container, in a shell of their own', async (t) => {
    const { runner, printed } = listening(t)
    await runner.start({ Image: BASH, setup: ['cd /tmp; v=1', 'echo "$v $PWD" >/made', 'cat /made; echo warned >&2'] })
    assert.deepEqual(printed().split('\n').sort(), ['', '1 /tmp', 'warned'])
    assert.equal((await runner.exec('cat /made; echo "$v$PWD"')).stdout, '1 /tmp\n/\n')
    await runner.run('rm /made')
    await runner.reset()
    assert.equal((await runner.exec('cat /made')).stdout, '1 /tmp\n')
  })

  test('rejects with the command that failed, and its output, and leaves nothing', async (t) => {
    const own = mine()
    const runner = new DockerRunner()
    await assert.rejects(runner.start(own.options({ setup: ['true', 'echo out; echo err >&2; exit 7', 'true'] })), (error) => {
      typed('ERR_SETUP_FAILED', /set-up command 2 of 3/, /exit code 7/, /\nerr$/)(error)
      assert.equal(error.step, 'echo out; echo err >&2; exit 7')
      assert.deepEqual(error.output.split('\n').sort(), ['', 'err', 'out'])
      return error.cause instanceof DockerRunner.ExecError && error.cause.exitCode === 7
    })
    await own.none()
    await runner.start(own.options())
    await runner.stop()
  })

  test('is part of the start: a reset() has to wait for it', async (t) => {
    const runner = new DockerRunner()
    t.after(() => runner.stop())
    const runs = new Promise((resolve) => runner.once('setup:progress', resolve))
    const start = runner.start({ Image: BASH, setup: ['echo it runs; sleep 0.3; echo done >/made'] })
    await runs
    await assert.rejects(runner.reset(), typed('ERR_ALREADY_STARTED'))
    await start
    assert.equal((await runner.exec('cat /made')).stdout, 'done\n')
  })

  test('a stop() overtakes it', async () => {
    const own = mine()
    const runner = new DockerRunner()
    const runs = new Promise((resolve) => runner.once('setup:progress', resolve))
    const start = outcomes([runner.start(own.options({ setup: ['echo it runs; sleep 1000'] }))])
    await runs
    await runner.stop()
    assert.deepEqual(await start, ['ERR_STOPPED'])
    await own.none()
  })

  for (const [options, ...words] of [
    [{ setup: 'apt-get update' }, /setup must be an array/], [{ setup: [''] }, /setup/], [{ setup: [7] }, /setup/],
    [{ setup: ['true'], cache: 'yes' }, /cache must be true or false/], [{ cache: true }, /cache needs a setup/],
    [{ setup: ['true'], cache: true, image: 'x' }, /image is unknown/]
  ]) test(`refuses ${JSON.stringify(options)}`, () => assert.rejects(new DockerRunner().start(options), typed('ERR_INVALID_ARG_VALUE', ...words)))
})

describe('start({ setup, cache: true })', { timeout }, () => {
  const made = []
  const base = {}
  before(async () => {
    for (const image of ['bash', 'busybox']) made.push(base[image] = await DockerRunner.build({ dockerfile: from(image) }))
  })
  after(async () => { for (const image of made.reverse()) await forget(image) })

  /** Commands that nobody has run yet, and a way to find their image. */
  async function fresh(...commands) {
    const before = (await images()).map(({ Id }) => Id)
    const setup = [`: ${randomUUID()}`, ...commands]
    const found = async () => {
      const images_ = (await images()).filter(({ Id }) => !before.includes(Id))
      made.push(...images_.flatMap(({ RepoTags }) => RepoTags).filter((tag) => !made.includes(tag)))
      return images_
    }
    return { setup, found }
  }

  test('runs the commands once, and starts from their image ever after, also untrusted', async (t) => {
    const { setup, found } = await fresh('cd /opt; v=1', 'echo "$v $PWD $SECRET $(id -u)" >/made; echo done')
    const options = { Image: base.bash, Env: ['SECRET=s', 'not.a.name=x'], profile: 'untrusted', setup, cache: true }
    const [first, second] = [listening(t), listening(t)]
    await first.runner.start(options)
    assert.equal(first.printed(), 'done\n')
    assert.equal((await first.runner.exec('cat /made; id -u; touch /x 2>/dev/null || echo "$v$PWD"')).stdout, '1 /opt s 0\n65534\n/tmp\n')
    await second.runner.start(options)
    assert.equal(second.printed(), '')
    assert.equal((await second.runner.exec('cat /made')).stdout, '1 /opt s 0\n')
    await second.runner.reset()
    assert.equal((await second.runner.exec('cat /made')).stdout, '1 /opt s 0\n')
    const [image, ...more] = await found()
    assert.equal(more.length, 0)
    assert.match(image.RepoTags[0], /^docker-exec-napi\/setup:[0-9a-f]{40}$/)
    assert.equal(image.Labels[LABEL], image.RepoTags[0])
    const { Config } = await api('GET', `/images/${image.Id}/json`)
    assert.doesNotMatch(JSON.stringify(Config), /SECRET/)
  })

  test('other commands, variables or images are another image', async (t) => {
    const { setup, found } = await fresh('echo $A >/a')
    for (const options of [{ Image: base.bash, setup }, { Image: base.bash, setup: [...setup, 'true'] }, { Image: base.bash, setup, Env: ['A=1'] }, { Image: base.busybox, setup }]) {
      const runner = await started(t, { ...options, cache: true })
      assert.equal((await runner.exec('cat /a')).stdout, options.Env ? '1\n' : '\n')
      await runner.stop()
    }
    assert.equal((await found()).length, 4)
  })

  test('what several runners of a program want at once is made once', async (t) => {
    const { setup, found } = await fresh('echo made; sleep 0.3')
    const all = Array.from({ length: 4 }, () => listening(t))
    await Promise.all(all.map(({ runner }) => runner.start({ Image: base.bash, setup, cache: true })))
    assert.equal((await found()).length, 1)
    assert.deepEqual(all.map(({ printed }) => printed()), ['made\n', 'made\n', 'made\n', 'made\n'])
  })

  test('a stop() takes one runner out, and the last one ends it', async (t) => {
    const { setup, found } = await fresh('echo it runs', 'until [ -e /go ]; do sleep 0.05; done')
    const one = listening(t)
    const two = listening(t)
    const options = { Image: base.bash, setup, cache: true }
    assert.deepEqual(await containers(), [])
    const runs = new Promise((resolve) => one.runner.once('setup:progress', resolve))
    const starts = [outcomes([one.runner.start(options)]), outcomes([two.runner.start(options)])]
    await runs
    await one.runner.stop()
    assert.deepEqual(await starts[0], ['ERR_STOPPED'])
    assert.equal(await Promise.race([starts[1], 'waits']), 'waits')
    await two.runner.stop()
    assert.deepEqual(await starts[1], ['ERR_STOPPED'])
    assert.deepEqual(await found(), [])
    assert.deepEqual(await containers(), [])
  })

  test('a stop() at any moment ends it, and no container comes after it', async (t) => {
    const { setup, found } = await fresh('sleep 3')
    for (let i = 0; i < 24; i++) {
      const runner = new DockerRunner()
      await runner.docker.engine()
      const start = outcomes([runner.start({ Image: base.bash, setup, cache: true })])
      await new Promise((resolve) => setTimeout(resolve, i / 2))
      await runner.stop()
      // Already, and still when the start has failed.
      assert.deepEqual(await containers(), [])
      assert.deepEqual(await start, ['ERR_STOPPED'])
      assert.deepEqual(await containers(), [])
    }
    assert.deepEqual(await found(), [])
  })

  test('variables that a shell does not let be set are no obstacle', async (t) => {
    const { setup, found } = await fresh('echo "$A" >/made')
    const runner = await started(t, { Image: base.bash, Env: ['UID=1000', 'A=1'], setup, cache: true })
    assert.equal((await runner.exec('cat /made')).stdout, '1\n')
    await found()
  })

  test('a listener that throws fails its own start, and no other', async (t) => {
    const { setup, found } = await fresh('echo made; sleep 0.2')
    const [one, two] = [new DockerRunner(), listening(t)]
    one.on('setup:progress', () => { throw new Error('a listener') })
    const starts = [one, two.runner].map((runner) => runner.start({ Image: base.bash, setup, cache: true }))
    await assert.rejects(starts[0], /^Error: a listener$/)
    await starts[1]
    await one.stop()
    assert.equal((await found()).length, 1)
  })

  test('a command that fails makes no image, and is tried again', async (t) => {
    const { setup, found } = await fresh('echo no >&2; exit 3')
    for (let i = 0; i < 2; i++) {
      await assert.rejects(new DockerRunner().start({ Image: base.bash, setup, cache: true }), typed('ERR_SETUP_FAILED', /set-up command 2 of 2/, /\nno$/))
    }
    assert.deepEqual(await found(), [])
  })

  test('refuses a second start before anything is made', async (t) => {
    const { setup, found } = await fresh()
    const runner = await started(t)
    await assert.rejects(runner.start({ Image: base.bash, setup, cache: true }), typed('ERR_ALREADY_STARTED'))
    assert.deepEqual(await found(), [])
    assert.equal(await runner.run('true'), 0)
  })

  test('goes with Build', async (t) => {
    const { setup, found } = await fresh('cat /built >/made')
    const Build = { dockerfile: `${from('busybox')}RUN echo built >/built\n` }
    const runner = await started(t, { Build, setup, cache: true })
    assert.equal((await runner.exec('cat /made')).stdout, 'built\n')
    await runner.stop()
    assert.equal((await found()).length, 1)
  })
})
