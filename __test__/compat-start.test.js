'use strict'

const assert = require('node:assert')
const { once } = require('node:events')
const { mkdtemp, readFile, rm } = require('node:fs/promises')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { PassThrough } = require('node:stream')
const { after, before, describe, test } = require('node:test')
const { DockerRunner, BASH, LABEL, bare, inspect, mine, reading, shared, started, timeout } = require('./helpers.js')

describe('start(options)', { timeout }, () => {
  for (const args of [[], [null], [{}], [{ Image: '' }]]) {
    test(`start(${args.map((arg) => JSON.stringify(arg)).join()}) takes the default image`, async (t) => {
      const runner = new DockerRunner()
      t.after(() => runner.stop())
      await runner.start(...args)
      assert.equal((await inspect(runner.container.id)).Config.Image, 'ubuntu:24.04')
    })
  }

  test("docker-exec's own defaults, spelled out", async (t) => {
    const runner = await started(t, { Image: BASH, Volumes: {}, VolumesFrom: '', Binds: [] })
    assert.equal(await runner.run('true'), 0)
  })

  test('the shell is bash', async (t) => {
    const runner = await started(t)
    assert.equal(await runner.run('[ "$BASH_VERSION" ] && [[ x = x ]]'), 0)
  })

  test('Binds are mounted, and files written there stay', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'docker-exec-'))
    t.after(() => rm(folder, { recursive: true }))
    const runner = await started(t, { Image: BASH, Volumes: { '/data': {} }, Binds: [`${folder}:/data`] })
    assert.equal(await runner.run('cd /data && echo kept >file'), 0)
    await runner.stop()
    assert.equal(await readFile(join(folder, 'file'), 'utf8'), 'kept\n')
  })

  test('Volumes make a folder that goes with the container', async (t) => {
    const runner = await started(t, { Image: BASH, Volumes: { '/fresh': {} } })
    assert.equal(await runner.run('cd /fresh && mountpoint -q /fresh || grep -q " /fresh " /proc/mounts'), 0)
  })

  for (const from of ['a name', 'a list']) {
    test(`VolumesFrom as ${from} shares another container's volumes`, async (t) => {
      const one = await started(t, { Image: BASH, Volumes: { '/shared': {} } })
      await one.run('echo there >/shared/file')
      const { id } = one.container
      const two = await started(t, { Image: BASH, VolumesFrom: from === 'a name' ? id : [id] })
      assert.equal(await two.run('grep -qx there /shared/file'), 0)
    })
  }
})

describe("the Engine API's other fields", { timeout }, () => {
  const own = mine()
  const name = `docker-exec-test-${process.pid}`
  const runner = shared({ before, after }, own.options({
    Env: ['A=one two', 'B='],
    User: '1000:1000',
    WorkingDir: '/usr/share',
    Hostname: 'inside',
    Labels: { 'some.label': 'x' },
    name,
    HostConfig: { Memory: 64 << 20, Tmpfs: { '/scratch': 'size=1m' }, PidsLimit: 99, ExtraHosts: ['other:127.0.0.9'] }
  }))
  const holds = (condition) => runner.it.run(condition).then((code) => assert.equal(code, 0))

  test('Env', () => holds('[ "$A" = "one two" ] && [ "${B-unset}" = "" ]'))
  test('User', () => holds('[ $(id -u):$(id -g) = 1000:1000 ]'))
  test('WorkingDir', () => holds('[ $PWD = /usr/share ]'))
  test('Hostname', () => holds('[ "$(cat /etc/hostname)" = inside ]'))
  test('HostConfig.Tmpfs', () => holds('grep -q " /scratch tmpfs .*size=1024k" /proc/mounts'))
  test('HostConfig.ExtraHosts', () => holds('grep -q "127.0.0.9.other" /etc/hosts'))
  test('HostConfig.Memory and PidsLimit', async () => {
    const { HostConfig } = await inspect(runner.it.container.id)
    assert.deepEqual([HostConfig.Memory, HostConfig.PidsLimit], [64 << 20, 99])
  })
  test('Labels, beside our own', async () => {
    const { Labels } = (await inspect(runner.it.container.id)).Config
    assert.equal(Labels['some.label'], 'x')
    assert.equal(Labels[LABEL], require('../package.json').version)
  })
  test('name', async () => {
    assert.equal((await inspect(name)).Id, runner.it.container.id)
  })
  test('NetworkDisabled', async (t) => {
    const runner = await started(t, { Image: BASH, NetworkDisabled: true })
    assert.equal(await runner.run('[ "$(echo /sys/class/net/*)" = /sys/class/net/lo ]'), 0)
  })
})

describe("start's stream", { timeout }, () => {
  const runner = shared({ before, after })

  test('shows what run() prints, stdout and stderr, and nothing else', async () => {
    const seen = reading(runner.it.stream)
    await runner.it.run('echo one; echo two >&2')
    await runner.it.run('echo end')
    const text = await seen.until(/end\n/)
    assert.deepEqual(text.match(/.*\n/g).sort(), ['end\n', 'one\n', 'two\n'])
    assert.equal(text.length, 'one\ntwo\nend\n'.length)
  })

  test('stream.pipe(writable)', async () => {
    const writable = new PassThrough()
    const seen = reading(writable)
    runner.it.stream.pipe(writable)
    await runner.it.run('echo piped')
    await seen.until(/piped\n/)
    runner.it.stream.unpipe(writable)
  })

  test("stream.write('echo typed\\n') types into the shell", async () => {
    const seen = reading(runner.it.stream)
    runner.it.stream.write('echo typed\n')
    await seen.until(/^typed\n/m)
  })

  test('half a line waits for its other half', async () => {
    const seen = reading(runner.it.stream)
    runner.it.stream.write('echo h')
    runner.it.stream.write(Buffer.from('alf\n'))
    await seen.until(/^half\n/m)
  })

  test('what is typed has the state of run(), and run() has its', async () => {
    const seen = reading(runner.it.stream)
    await runner.it.run('v=7')
    runner.it.stream.write('echo v is $v; w=8\n')
    await seen.until(/^v is 7\n/m)
    await assert.rejects(runner.it.run('(exit $w)'), bare(8))
  })

  test('a typed line that fails does not end it', async () => {
    const seen = reading(runner.it.stream)
    runner.it.stream.write('false\necho "\nexit 3\n')
    runner.it.stream.write('echo still here\n')
    await seen.until(/^still here\n/m)
    assert.equal(runner.it.stream.destroyed, false)
  })

  test('ends when the runner stops', async (t) => {
    const runner = new DockerRunner()
    t.after(() => runner.stop())
    const stream = await runner.start({ Image: BASH })
    const ended = once(stream.resume(), 'end')
    await runner.stop()
    await ended
  })
})
