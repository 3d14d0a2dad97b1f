'use strict'

// Images that are built on demand.

const assert = require('node:assert')
const { execFile, execFileSync } = require('node:child_process')
const { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { dirname, join } = require('node:path')
const { describe, test } = require('node:test')
const { pathToFileURL } = require('node:url')
const { DockerRunner, SOCKET, api, mine, node, outcomes, random, started, timeout, typed } = require('./helpers.js')

const FROM = 'FROM docker-exec-napi/busybox\n'
const CLOSED = process.env.DOCKER_EXEC_TEST_AUTH_REGISTRY
const image = (id) => api('GET', `/images/${id}/json`)

/** A folder of these files, by their contents; a link has an array. */
function folder(t, files) {
  const path = mkdtempSync(join(tmpdir(), 'build-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(path, dirname(name)), { recursive: true })
    if (Array.isArray(content)) symlinkSync(content[0], join(path, name))
    else writeFileSync(join(path, name), content)
  }
  return path
}

/** Builds, and removes the image at the end of the test. */
async function build(t, options) {
  const id = await DockerRunner.build(options)
  t.after(() => api('DELETE', `/images/${id}?force=1`).catch(({ status }) => assert.ok([404, 409].includes(status))))
  return id
}

/** What a command prints in a container of the image. */
async function prints(t, Image, command) {
  const runner = await started(t, { Image })
  const { stdout } = await runner.exec(command)
  await runner.stop()
  return stdout
}

describe('build()', { timeout }, () => {
  test("builds a Dockerfile's text, and tells how it goes", async (t) => {
    const lines = []
    const id = await build(t, { dockerfile: `${FROM}RUN echo "made $RANDOM" >/made\n`, noCache: true, onProgress: (line) => lines.push(line) })
    assert.match(id, /^sha256:[0-9a-f]{64}$/)
    assert.match(lines[0].stream, /^Step 1\/2 : FROM /)
    assert.match(lines.map(({ stream }) => stream).join(''), /Step 2\/2 : RUN/)
    assert.match(await prints(t, id, 'cat /made'), /^made/)
  })

  test('builds a folder, with tag, args, target and labels', async (t) => {
    const context = folder(t, {
      'docker/Prod': `${FROM}ARG what\nRUN echo $what >/what\nCOPY src /src\nFROM docker-exec-napi/busybox AS last\nRUN false\n`.replace(FROM, `FROM docker-exec-napi/busybox AS first\n`),
      'src/a b': 'ab', 'src/deep/er': 'd', 'src/link': ['a b']
    })
    const id = await build(t, { context, file: './docker/Prod', tag: 'docker-exec-napi/built:1', args: { what: 'that' }, target: 'first', labels: { l: 'v' } })
    const { Id, Config } = await image('docker-exec-napi/built:1')
    assert.deepEqual([Id, Config.Labels], [id, { l: 'v' }])
    assert.equal(await prints(t, id, 'cat /what "/src/a b" /src/deep/er; readlink /src/link'), 'that\nabda b\n')
  })

  test('a text in the place of the one in the folder, given by URL, leaves no trace', async (t) => {
    const context = folder(t, { Dockerfile: 'FROM nowhere\n', file: 'x', '.hidden': 'y' })
    const id = await build(t, { context: pathToFileURL(context), dockerfile: `${FROM}COPY . /all\n` })
    assert.equal(await prints(t, id, 'cd /all; find . -type f | sort'), './.hidden\n./Dockerfile\n./file\n')
  })

  test('rejects with the step that failed, and its output', async () => {
    const script = 'echo to stdout; echo to stderr >&2; exit 7'
    const failing = DockerRunner.build({ dockerfile: `${FROM}RUN echo earlier\nRUN ${script}\n` })
    await assert.rejects(failing, (error) => {
      typed('ERR_BUILD_FAILED', /Step 3\/3/, /returned a non-zero code: 7/, /to stdout/)(error)
      assert.equal(error.step, `Step 3/3 : RUN ${script}`)
      assert.deepEqual(error.output.trim().split('\n').sort(), ['to stderr', 'to stdout'])
      return true
    })
    assert.deepEqual(await api('GET', `/containers/json?all=1&filters=${encodeURIComponent('{"ancestor":["docker-exec-napi/busybox"],"status":["created","exited"]}')}`), [])
  })

  test('what an output ends with is kept', async () => {
    const failing = DockerRunner.build({ dockerfile: `${FROM}RUN seq 1 200000; exit 1\n` })
    await assert.rejects(failing, ({ output, message }) => {
      assert.match(output, /\n199999\n200000\n$/)
      assert.ok(output.length > 60_000 && output.length < 140_000, String(output.length))
      return message.length < 3000
    })
  })

  test('a base image may be a variable, or on another line', async (t) => {
    for (const dockerfile of ['ARG BASE=docker-exec-napi/busybox\nFROM $BASE\n', 'ARG BASE\nFROM ${BASE}:latest\n', 'FROM \\\n  docker-exec-napi/busybox\n', `${FROM}RUN echo "\\\nFROM <x>"\n`]) {
      await build(t, { dockerfile, args: dockerfile.startsWith('ARG BASE\n') ? { BASE: 'docker-exec-napi/busybox' } : {} })
    }
  })

  test('a listener that throws ends it', async () => {
    const failure = new Error('a listener')
    await assert.rejects(DockerRunner.build({ dockerfile: `${FROM}RUN sleep 0.2\n`, noCache: true, onProgress: () => { throw failure } }), (error) => error === failure)
  })

  for (const [what, options, code, ...words] of [
    ['nothing to build', {}, 'ERR_INVALID_ARG_VALUE', /needs a context/],
    ['a path for a text', { dockerfile: 'Dockerfile.prod' }, 'ERR_INVALID_ARG_VALUE', /has no FROM.*option file/],
    ['a text and a file', { dockerfile: FROM, context: '.', file: 'x' }, 'ERR_INVALID_ARG_VALUE', /dockerfile .* or a file/],
    ['a file elsewhere', { context: '.', file: 'a/../../x' }, 'ERR_INVALID_ARG_VALUE', /in the context/],
    ['a folder elsewhere', { context: new URL('http://127.0.0.1/x') }, 'ERR_INVALID_ARG_VALUE', /a file: URL/],
    ['an unknown option', { dockerfile: FROM, nocache: true }, 'ERR_INVALID_ARG_VALUE', /option nocache is unknown/],
    ['a wrong type', { dockerfile: FROM, args: { a: 1 } }, 'ERR_INVALID_ARG_VALUE', /option args\.a/],
    ['no function', { dockerfile: FROM, onProgress: 1 }, 'ERR_INVALID_ARG_VALUE', /onProgress/],
    ['no signal', { dockerfile: FROM, signal: {} }, 'ERR_INVALID_ARG_VALUE', /signal/],
    ['no folder', { context: '/nonexistent' }, 'ERR_FILE', /\/nonexistent\/Dockerfile/],
    ['an instruction that is none', { dockerfile: `${FROM}RUNN x\n` }, 'ERR_BUILD_FAILED', /unknown instruction: RUNN/],
    ['a base image that is not there', { dockerfile: 'FROM 127.0.0.1:1/x\n' }, 'ERR_BUILD_FAILED', /Step 1\/1 : FROM 127/, /connection refused/],
    ['a target that is not there', { dockerfile: FROM, target: 'nope' }, 'ERR_BUILD_FAILED', /nope/],
    ['a tag that is none', { dockerfile: FROM, tag: 'No Tag' }, 'ERR_BUILD_FAILED', /invalid reference format/]
  ]) test(`refuses ${what}`, () => assert.rejects(DockerRunner.build(options), typed(code, ...words)))

  test('what can not be read fails the build, and is not built without', async (t) => {
    const context = folder(t, { Dockerfile: `${FROM}COPY . /\n`, a: 'a' })
    const child = node(t, `
      DockerRunner.build({ context: process.env.CONTEXT, tag: 'docker-exec-napi/partial' }).catch((error) => say(error.code, error.message))
    `, { env: { CONTEXT: context }, by: ['sh', '-c', 'mkfifo "$CONTEXT/z" && exec "$@"', 'sh'] })
    const { stdout } = await child.exited
    assert.match(stdout, /^ERR_FILE .*\/z: it's no file, folder or link/)
    await assert.rejects(image('docker-exec-napi/partial'), { status: 404 })
  })

  test('a pipe is no Dockerfile', async (t) => {
    const context = folder(t, { a: 'a' })
    execFileSync('mkfifo', [join(context, 'Dockerfile')])
    await assert.rejects(DockerRunner.build({ context }), typed('ERR_FILE', /Dockerfile: it's no file/))
  })

  test('an abort ends it, and leaves no container', async () => {
    const abort = new AbortController()
    const reason = new Error('enough')
    const building = DockerRunner.build({
      dockerfile: `${FROM}RUN echo it runs; sleep 1000\n`, signal: abort.signal,
      onProgress: ({ stream }) => { if (stream === 'it runs\n') abort.abort(reason) }
    })
    await assert.rejects(building, (error) => typed('ERR_ABORTED')(error) && error.cause === reason)
    await assert.rejects(DockerRunner.build({ dockerfile: FROM, signal: AbortSignal.abort() }), typed('ERR_ABORTED'))
    const filters = encodeURIComponent('{"ancestor":["docker-exec-napi/busybox"],"status":["running"]}')
    for (let tries = 0; (await api('GET', `/containers/json?filters=${filters}`)).some(({ Command }) => Command.includes('sleep 1000')); tries++) {
      assert.ok(tries < 1000, 'the build goes on')
    }
  })

  test('takes the credentials that a base image needs', async (t) => {
    const auth = Buffer.from(`${process.env.DOCKER_EXEC_TEST_REGISTRY_USER}:${process.env.DOCKER_EXEC_TEST_REGISTRY_PASSWORD}`).toString('base64')
    const build = `DockerRunner.build({ dockerfile: 'FROM --platform=linux/amd64 ${CLOSED}/napi/busybox\\nLABEL a=b', pull: true }).then(() => say('built'), (error) => say(error.code, error.message))`
    for (const [config, pattern] of [[{ auths: { [CLOSED]: { auth } } }, /^built\n$/], [{}, /^ERR_BUILD_FAILED .*no basic auth/]]) {
      const DOCKER_CONFIG = folder(t, { 'config.json': JSON.stringify(config) })
      assert.match((await node(t, build, { env: { DOCKER_CONFIG } }).exited).stdout, pattern)
    }
  })
})

describe('start({ Build })', { timeout }, () => {
  const dockerfile = `${FROM}RUN echo built >/made\n`

  test('builds and starts, with progress', async (t) => {
    const own = mine()
    const runner = new DockerRunner()
    t.after(() => runner.stop())
    const lines = []
    runner.on('build:progress', ({ stream }) => lines.push(stream))
    await runner.start({ ...own.options(), Image: undefined, Build: { dockerfile } })
    assert.match(lines[0], /^Step 1\/2/)
    assert.equal((await runner.exec('cat /made')).stdout, 'built\n')
    await runner.run('rm /made')
    await runner.reset()
    assert.equal((await runner.exec('cat /made')).stdout, 'built\n')
    await runner.stop()
    await own.none()
  })

  test('refuses what it can not do, before it builds', async (t) => {
    const runner = new DockerRunner()
    for (const [options, ...words] of [
      [{ Build: { dockerfile }, Image: 'x' }, /Image or a Build/], [{ Build: {} }, /needs a context/], [{ Build: 'x' }, /Build/],
      [{ Build: { dockerfile }, image: 'x' }, /image is unknown/], [{ Build: { dockerfile, dir: 'x' } }, /Build\.dir is unknown/]
    ]) await assert.rejects(runner.start(options), typed('ERR_INVALID_ARG_VALUE', ...words))
    await assert.rejects(runner.start({ Build: { dockerfile: `${FROM}RUN false\n` } }), typed('ERR_BUILD_FAILED'))
    await runner.start({ Build: { dockerfile }, pull: 'always' })
    await assert.rejects(runner.start({ Build: { dockerfile: `${FROM}RUN false\n` } }), typed('ERR_ALREADY_STARTED'))
    await runner.stop()
  })

  test('a stop() overtakes it', async (t) => {
    const runner = new DockerRunner()
    const began = new Promise((resolve) => runner.on('build:progress', ({ stream }) => stream === 'it runs\n' && resolve()))
    const start = outcomes([runner.start({ Build: { dockerfile: `${FROM}RUN echo it runs; sleep 1000\n` } })])
    await began
    await runner.stop()
    assert.deepEqual(await start, ['ERR_STOPPED'])
  })
})

describe('.dockerignore: the same files as with the docker CLI', { timeout }, () => {
  const NAMES = ['a', 'b.txt', 'a.txt', 'dir/a', 'dir/b.txt', 'dir/sub/a', 'dir/sub/c.md', 'dir2/a.txt', 'x/dir/a', 'x/y/z/a.txt', '.hidden', 'dir/.hidden', 'sp ace/a', 'é', '[b]', 'a+b', '(c)']
  const WRITTEN = [
    '', '# nothing', '*', '*\n!a', '*\n!dir', '**', '**/a', 'a', '/a', './a', 'dir', 'dir/', 'dir/*', 'dir/**', '**/*.txt', '*.txt', '*/*.txt', '**\n!**/*.txt',
    'dir\n!dir/sub', 'dir\n!dir/sub/a', '!a\na', 'a\n!a\na', '?', '?.txt', 'dir?', '[ab].txt', '[^a].txt', '\\[b]', 'sp ace', ' a ', '#a\n#b', '.*', '**/.hidden', 'Dockerfile', '.dockerignore\nDockerfile',
    'x/**/a', 'x/**/a.txt', '**/sub', 'dir/../a', 'a+b', '(c)', 'é', '\ufeffa', 'a\r\nb.txt\r\n', '**/dir\n!x', 'x\n!**/z', 'd**', 'd**a', '*a', '**a'
  ]
  const ids = async (t, patterns) => {
    const context = folder(t, {
      Dockerfile: 'FROM docker-exec-napi/empty\nCOPY . /\n', '.dockerignore': patterns,
      ...Object.fromEntries(NAMES.map((name) => [name, name]))
    })
    const ours = await build(t, { context })
    const env = { ...process.env, DOCKER_HOST: `unix://${SOCKET}`, DOCKER_BUILDKIT: '0' }
    const theirs = await new Promise((resolve, reject) => execFile('docker', ['build', '-q', context], { env }, (error, stdout) => error ? reject(error) : resolve(stdout.trim())))
    assert.equal(ours, theirs, JSON.stringify(patterns))
  }

  test('written patterns', async (t) => {
    for (const patterns of WRITTEN) await ids(t, patterns)
  })

  test('generated patterns', async (t) => {
    const roll = random(42)
    const pick = (...all) => all[roll(all.length)]
    const part = () => pick('*', '**', 'a', 'dir', 'dir*', '*.txt', 'sub', '?', '[a-c]*', 'x', '.')
    const line = () => pick('', '', '!') + Array.from({ length: 1 + roll(3) }, part).join('/')
    for (let i = 0; i < 30; i++) await ids(t, Array.from({ length: 1 + roll(4) }, line).join('\n'))
  })

  test('a pattern that is none is said', async (t) => {
    const context = folder(t, { Dockerfile: FROM, '.dockerignore': 'fine\n[a\n' })
    await assert.rejects(DockerRunner.build({ context }), typed('ERR_FILE', /\.dockerignore/, /"\[a" is no pattern/))
  })
})
