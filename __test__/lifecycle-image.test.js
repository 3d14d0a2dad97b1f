'use strict'

const assert = require('node:assert')
const { chmod, mkdtemp, rm, writeFile } = require('node:fs/promises')
const { tmpdir } = require('node:os')
const { delimiter, join } = require('node:path')
const { after, describe, test } = require('node:test')
const { DockerRunner, api, forget, mine, node, outcomes, started, timeout, typed } = require('./helpers.js')

const OPEN = process.env.DOCKER_EXEC_TEST_REGISTRY
const CLOSED = process.env.DOCKER_EXEC_TEST_AUTH_REGISTRY
const USER = process.env.DOCKER_EXEC_TEST_REGISTRY_USER
const PASSWORD = process.env.DOCKER_EXEC_TEST_REGISTRY_PASSWORD
assert.ok(OPEN && CLOSED, 'the tests need registries: npm test, or eval "$(scripts/registry env)" before them')

const has = (image) => api('GET', `/images/${image}/json`).then(() => true, () => false)

/** start() with these options rejects so, and leaves nothing. */
async function refuses(options, ...expected) {
  const own = mine()
  const runner = new DockerRunner()
  await assert.rejects(runner.start(own.options(options)), typed(...expected))
  await own.none()
  await assert.rejects(runner.run('true'), ({ code }) => ['ERR_NOT_STARTED', 'ERR_STOPPED'].includes(code))
}

describe('an image', { timeout }, () => {
  const large = `${OPEN}/napi/large`
  after(() => forget(large))

  test("that is missing, with pull: 'never', rejects", () =>
    refuses({ Image: 'docker-exec-napi/absent', pull: 'never' }, 'ERR_IMAGE_NOT_FOUND', /docker-exec-napi\/absent/, /No such image/))

  test('whose registry is not there rejects', () =>
    refuses({ Image: '127.0.0.1:1/x' }, 'ERR_PULL_FAILED', /image 127\.0\.0\.1:1\/x/, /connection refused/))

  test('that its registry does not have rejects', () =>
    refuses({ Image: `${OPEN}/napi/absent` }, 'ERR_IMAGE_NOT_FOUND', /napi\/absent/, /not found|unknown/))

  test('whose name is none rejects', () =>
    refuses({ Image: 'Not A Name' }, 'ERR_ENGINE_RESPONSE', /invalid reference format/))

  test('that is missing is pulled, with progress', async (t) => {
    await forget(large)
    const runner = new DockerRunner()
    t.after(() => runner.stop())
    const lines = []
    runner.on('pull:progress', (line) => lines.push(line))
    await runner.start({ Image: large })
    assert.equal(await runner.run('[ -s /tmp/random ]'), 0)
    assert.ok(lines.some(({ status }) => status === 'Downloading'), JSON.stringify(lines))
    assert.ok(lines.some(({ progressDetail }) => progressDetail?.total > 0 && progressDetail.current > 0))
    assert.match(lines.at(-1).status, /Downloaded newer image/)
  })

  test("that is there is not pulled, but with pull: 'always'", async (t) => {
    const lines = []
    for (const [pull, expected] of [['missing', /^$/], ['never', /^$/], [undefined, /^$/], ['always', /up to date|Downloaded/]]) {
      const runner = new DockerRunner()
      t.after(() => runner.stop())
      runner.on('pull:progress', ({ status }) => lines.push(status))
      await runner.start({ Image: large, pull })
      assert.match(lines.splice(0).at(-1) ?? '', expected)
      await runner.stop()
    }
  })

  test("with pull: 'always' and no registry rejects, though it is there", async (t) => {
    const image = '127.0.0.1:1/docker-exec-napi/kept'
    t.after(() => forget(image))
    await api('POST', `/images/docker-exec-napi/busybox/tag?repo=${image}`)
    await refuses({ Image: image, pull: 'always' }, 'ERR_PULL_FAILED', /connection refused/)
    await started(t, { Image: image })
  })

  test('whose pull stop() cuts rejects the start, and a retry works', async (t) => {
    const own = mine()
    await forget(large)
    const runner = new DockerRunner()
    t.after(() => runner.stop())
    const began = new Promise((resolve) => runner.once('pull:progress', resolve))
    const start = outcomes([runner.start(own.options({ Image: large }))])
    await began
    await runner.stop()
    assert.deepEqual(await start, ['ERR_STOPPED'])
    await own.none()
    await runner.start(own.options({ Image: large }))
    assert.equal(await runner.run('true'), 0)
  })

  test('with an entrypoint and a health check has a shell all the same', async (t) => {
    const runner = await started(t, { Image: 'docker-exec-napi/entrypoint' })
    assert.equal((await runner.exec('readlink /proc/$$/exe; echo $#')).stdout, '/usr/bin/bash\n0\n')
    const { State } = await api('GET', `/containers/${runner.container.id}/json`)
    assert.equal(State.Health?.Status ?? 'none', 'none')
  })

  test('without any shell rejects', () =>
    refuses({ Image: 'docker-exec-napi/empty' }, 'ERR_IMAGE_UNSUITABLE', /docker-exec-napi\/empty/, /\/bin\/sh/))
})

describe('Shell', { timeout }, () => {
  for (const [Image, Shell, pattern] of [
    ['bash', undefined, /bash$/], ['bash', 'dash', /dash$/], ['bash', '/bin/sh', /(dash|sh)$/], ['bash', '/bin/bash', /bash$/],
    ['dash', undefined, /(dash|sh)$/], ['busybox', undefined, /busybox$/], ['busybox', 'ash', /busybox$/]
  ]) {
    test(`${Shell} in the image ${Image}`, async (t) => {
      const runner = await started(t, { Image: `docker-exec-napi/${Image}`, Shell })
      assert.match((await runner.exec('readlink /proc/$$/exe')).stdout.trim(), pattern)
      assert.deepEqual(await outcomes(['cd /tmp', '[ $PWD = /tmp ]', '(exit 7)', 'exit 8', 'true'].map((text) => runner.run(text))), [0, 0, 7, 8, 0])
    })
  }

  for (const Shell of ['no-such-shell', '/no/such/shell', '/bin/true', '/etc', '/etc/passwd']) {
    test(`${Shell}, which is none, rejects`, () =>
      refuses({ Image: 'docker-exec-napi/dash', Shell }, 'ERR_IMAGE_UNSUITABLE', /docker-exec-napi\/dash/, /\S/))
  }
})

describe('a registry that wants a password', { timeout }, () => {
  const image = `${CLOSED}/napi/busybox`
  const auth = Buffer.from(`${USER}:${PASSWORD}`).toString('base64')
  const wrong = Buffer.from(`${USER}:wrong`).toString('base64')

  /** How a start with this docker configuration ends: a word and the message. */
  async function start(t, config, helper) {
    const folder = await mkdtemp(join(tmpdir(), 'docker-exec-'))
    t.after(() => rm(folder, { recursive: true }))
    await writeFile(join(folder, 'config.json'), JSON.stringify(config))
    if (helper) {
      const file = join(folder, 'docker-credential-test')
      await writeFile(file, `#!/bin/sh\n[ "$1" = get ] || exit 9\nread -r server\n${helper}\n`)
      await chmod(file, 0o755)
    }
    await forget(image)
    const own = mine()
    const { stdout, stderr } = await node(t, `
      const runner = new DockerRunner()
      runner.start(options).then(() => runner.run('true')).then(() => say('works'), (error) => say(error.code, error.message))
        .then(() => runner.stop())
    `, { options: own.options({ Image: image }), env: { DOCKER_CONFIG: folder, PATH: folder + delimiter + process.env.PATH } }).exited
    assert.equal(stderr, '')
    await own.none()
    return stdout
  }
  after(() => forget(image))

  test('refuses without one', async (t) => {
    assert.match(await start(t, {}), /^ERR_PULL_FAILED .*no basic auth credentials/)
    assert.equal(await has(image), false)
  })
  test('takes the one in config.json', async (t) => {
    assert.equal(await start(t, { auths: { [CLOSED]: { auth } } }), 'works\n')
  })
  test('refuses a wrong one', async (t) => {
    assert.match(await start(t, { auths: { [CLOSED]: { auth: wrong } } }), /^ERR_PULL_FAILED .*unauthorized/)
  })
  test('does not get the one for another', async (t) => {
    assert.match(await start(t, { auths: { 'elsewhere.example': { auth } } }), /^ERR_PULL_FAILED .*no basic auth/)
  })
  const answer = `echo '{"Username":"${USER}","Secret":"${PASSWORD}","ServerURL":"'$server'"}'`
  test('takes the one of a credential helper', async (t) => {
    assert.equal(await start(t, { credHelpers: { [CLOSED]: 'test' } }, answer), 'works\n')
  })
  test('takes the one of the credentials store', async (t) => {
    assert.equal(await start(t, { credsStore: 'test' }, answer), 'works\n')
  })
  test('refuses when the store has none', async (t) => {
    const none = 'echo "credentials not found in native keychain"; exit 1'
    assert.match(await start(t, { credsStore: 'test' }, none), /^ERR_PULL_FAILED .*no basic auth/)
  })
  test('says what a helper that fails said', async (t) => {
    assert.match(await start(t, { credHelpers: { [CLOSED]: 'test' } }, 'echo the vault is locked >&2; exit 1'), /^ERR_PULL_FAILED (.|\n)*the vault is locked/)
  })
  test('says that a helper can not be run', async (t) => {
    assert.match(await start(t, { credHelpers: { [CLOSED]: 'missing' } }), /^ERR_PULL_FAILED .*credential helper.*config\.json/)
  })
})
