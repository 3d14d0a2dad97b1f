'use strict'

// Files into a container and out of it; and what a hostile one may try with them.

const assert = require('node:assert')
const fs = require('node:fs')
const { mkdtemp, rm } = require('node:fs/promises')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { Readable } = require('node:stream')
const { after, before, beforeEach, afterEach, describe, test } = require('node:test')
const { DockerRunner, awake, outcomes, started, timeout, typed } = require('./helpers.js')

const BYTES = Buffer.from(Array.from({ length: 256 }, (_, i) => i))

/** A folder for each test, which is empty at first. */
function folder() {
  const holder = { path: null, in: (name) => join(holder.path, name), names: () => fs.readdirSync(holder.path).sort() }
  beforeEach(async () => { holder.path = await mkdtemp(join(tmpdir(), 'docker-exec-files-')) })
  afterEach(() => rm(holder.path, { recursive: true }))
  return holder
}

for (const [image, profile] of [['bash', 'default'], ['bash', 'untrusted'], ['dash', 'default'], ['busybox', 'default'], ['busybox', 'untrusted']]) {
  describe(`files in ${image}, with profile '${profile}'`, { timeout }, () => {
    const runner = new DockerRunner()
    const here = folder()
    before(() => runner.start({ Image: `docker-exec-napi/${image}`, profile }))
    after(() => runner.stop())

    test('what is written is read again, whatever it is', async () => {
      for (const [data, expected] of [
        ['text é', Buffer.from('text é')], ['', Buffer.alloc(0)], [BYTES, BYTES], [Readable.from(['a', 'b']), Buffer.from('ab')],
        [[BYTES, 'c'], Buffer.concat([BYTES, Buffer.from('c')])], [(async function * () { yield 'late' })(), Buffer.from('late')]
      ]) {
        await runner.writeFile('/tmp/one', data)
        assert.deepEqual(await runner.readFile('/tmp/one'), expected)
      }
      assert.equal(await runner.readFile('/tmp/one', { encoding: 'utf8' }), 'late')
    })

    test('belongs to the container\'s user, with the mode that was asked for, in folders that are made', async () => {
      await runner.writeFile('/tmp/a b/$c/it\'s', 'x', { mode: 0o640 })
      const { type, size, mode, mtime, uid } = await runner.stat('/tmp/a b/$c/it\'s')
      assert.deepEqual([type, size, mode, uid], ['file', 1, 0o640, profile === 'untrusted' ? 65534 : 0])
      assert.ok(Math.abs(mtime - Date.now()) < 60_000)
      assert.equal((await runner.stat('/tmp/a b')).type, 'directory')
    })

    test('names of every kind', async () => {
      await runner.mkdir('/tmp/names/deep')
      const names = ['-n', '.hidden', 'a\nb', 'é', '*', '"', '\\', ' ']
      for (const name of names) await runner.writeFile(`/tmp/names/${name}`, name)
      assert.deepEqual(await runner.readdir('/tmp/names'), [...names, 'deep'].sort())
      assert.equal(await runner.readFile('/tmp/names/*', { encoding: 'utf8' }), '*')
      await runner.rm('/tmp/names/*')
      assert.equal((await runner.readdir('/tmp/names')).length, names.length)
      await assert.rejects(runner.rm('/tmp/names'), typed('ERR_FILE', /names/))
      await runner.rm('/tmp/names', { recursive: true })
      assert.deepEqual([await runner.exists('/tmp/names'), await runner.exists('/tmp')], [false, true])
      await runner.rm('/tmp/names', { force: true })
    })

    test('a tree goes up and comes down as it was', async () => {
      fs.mkdirSync(here.in('tree/sub/deep'), { recursive: true })
      fs.writeFileSync(here.in('tree/sub/deep/bytes'), Buffer.alloc(3_000_000, BYTES))
      fs.writeFileSync(here.in('tree/run.sh'), '#!/bin/sh\necho ran\n', { mode: 0o755 })
      fs.writeFileSync(here.in(`tree/${'long'.repeat(50)}`), '')
      fs.writeFileSync(here.in('tree/it\'s é'), 'x')
      fs.symlinkSync('sub/deep', here.in('tree/link'))
      fs.symlinkSync('../run.sh', here.in('tree/sub/up'))
      await runner.upload(here.in('tree'), '/tmp/up/tree')
      assert.equal((await runner.exec('cd /tmp/up/tree; sh ./run.sh; wc -c <link/bytes; readlink sub/up; ls -l run.sh | cut -c 1-10')).stdout.replace(/ /g, ''), 'ran\n3000000\n../run.sh\n-rwxr-xr-x\n')
      await runner.download('/tmp/up/tree', here.in('back'))
      const list = (top) => fs.readdirSync(top, { recursive: true }).sort().map((name) => {
        const info = fs.lstatSync(join(top, name))
        const content = info.isFile() ? fs.readFileSync(join(top, name), 'base64') : info.isSymbolicLink() ? fs.readlinkSync(join(top, name)) : null
        return [name, info.mode & 0o111, info.isFile() && Math.floor(info.mtimeMs / 1000), content]
      })
      assert.deepEqual(list(here.in('back')), list(here.in('tree')))
      assert.deepEqual(here.names(), ['back', 'tree'])
    })

    test('one file goes up and comes down, and replaces what was there', async () => {
      fs.writeFileSync(here.in('one'), BYTES, { mode: 0o755 })
      await runner.upload(here.in('one'), '/tmp/single/two')
      assert.equal((await runner.stat('/tmp/single/two')).mode, 0o755)
      fs.writeFileSync(here.in('three'), 'old')
      await runner.download('/tmp/single/two', here.in('three'))
      assert.deepEqual(fs.readFileSync(here.in('three')), BYTES)
      assert.deepEqual(here.names(), ['one', 'three'])
    })

    test('what is not there, or not allowed, says so', async () => {
      for (const work of [
        () => runner.readFile('/nosuch'), () => runner.readFile('/tmp'), () => runner.writeFile('/proc/nosuch/x', ''), () => runner.writeFile('/tmp', 'x'),
        () => runner.stat('/nosuch'), () => runner.readdir('/nosuch'), () => runner.rm('/nosuch'), () => runner.mkdir('/proc/x'),
        () => runner.download('/nosuch', here.in('x')), () => runner.upload(here.in('nosuch'), '/tmp/x'), () => runner.upload(here.path, '/proc/x'),
        () => runner.download('/tmp', here.in('nosuch/x')), () => runner.writeFile('/tmp/x', (async function * () { throw new Error('source') })())
      ]) await assert.rejects(work(), typed('ERR_FILE'), work.toString())
      assert.deepEqual(here.names(), [])
    })
  })
}

describe('files', { timeout }, () => {
  const here = folder()

  test('refuse bad arguments, before anything is done', async () => {
    const runner = new DockerRunner()
    for (const work of [
      () => runner.readFile(''), () => runner.readFile(7), () => runner.readFile('a\0b'), () => runner.readFile('/x', { encoding: 'no' }), () => runner.readFile('/x', { max: 1 }),
      () => runner.writeFile('/x', 7), () => runner.writeFile('/x', '', { mode: 0o7777 }), () => runner.upload('', '/x'), () => runner.download('/x', here.in('x'), { maxBytes: 0 })
    ]) await assert.rejects(work(), typed('ERR_INVALID_ARG_VALUE'), work.toString())
    assert.deepEqual(await outcomes([runner.readFile('/x'), runner.download('/x', here.in('x')), runner.upload(here.path, '/x')]), Array(3).fill('ERR_NOT_STARTED'))
    assert.deepEqual(here.names(), [])
  })

  test('readFile() takes no more than maxBytes, and ends what gives more', async (t) => {
    const runner = await started(t)
    await assert.rejects(runner.readFile('/dev/zero', { maxBytes: 1_000_000 }), typed('ERR_UNSAFE_FILES', /1000000/))
    assert.equal((await runner.readFile('/etc/passwd', { maxBytes: 1_000_000 })).includes('root'), true)
  })

  test('many pieces that wait leave no listener behind', async (t) => {
    const runner = await started(t)
    const warned = []
    const listener = (warning) => warned.push(warning.message)
    process.on('warning', listener)
    t.after(() => process.off('warning', listener))
    const pieces = Array.from({ length: 100 }, () => Buffer.alloc(100_000))
    await runner.writeFile('/tmp/pieces', pieces)
    assert.equal((await runner.stat('/tmp/pieces')).size, 10_000_000)
    await new Promise(setImmediate)
    assert.deepEqual(warned, [])
  })

  test('a slow writer and a slow reader lose nothing', async (t) => {
    const runner = await started(t)
    await runner.writeFile('/tmp/big', (async function * () { for (let i = 0; i < 200; i++) { await new Promise(setImmediate); yield Buffer.alloc(65536, i) } })())
    assert.match((await runner.exec('wc -c </tmp/big; cksum </tmp/big')).stdout, /^13107200\n/)
    assert.equal((await runner.readFile('/tmp/big')).length, 13107200)
  })

  test('however much is to go there, where it can\'t go is told', async (t) => {
    const runner = await started(t)
    fs.mkdirSync(here.in('large'))
    fs.writeFileSync(here.in('large/file'), Buffer.alloc(64 << 20))
    await assert.rejects(awake(runner.upload(here.in('large'), '/proc/x')), typed('ERR_FILE', /\/proc\/x/))
    await assert.rejects(awake(runner.upload(here.in('large/file'), '/proc/x')), typed('ERR_FILE', /\/proc\/x/))
    const never = async function * () { yield 'x'; await new Promise(() => {}) }
    await assert.rejects(awake(runner.writeFile('/proc/x', never())), typed('ERR_FILE', /\/proc\/x/))
    await assert.rejects(runner.download('/etc', here.in('nosuch/etc')), typed('ERR_FILE', /nosuch/))
    assert.equal((await runner.exec('for f in /proc/[0-9]*/comm; do cat "$f"; done')).stdout.includes('tar'), false)
  })

  test('stop() in the middle settles all of them, and leaves nothing here', async (t) => {
    const runner = await started(t)
    await runner.run('mkdir /tmp/t; head -c 300000000 /dev/zero >/tmp/t/big')
    const all = outcomes([runner.readFile('/dev/zero', { maxBytes: 2 ** 40 }), runner.download('/tmp/t', here.in('t')), runner.writeFile('/tmp/x', (async function * () { for (;;) yield BYTES })())])
    await new Promise((resolve) => setTimeout(resolve, 300))
    await runner.stop()
    for (const outcome of await all) assert.ok(['ERR_STOPPED', 'ERR_CONTAINER_GONE', 'ERR_FILE', 'ERR_CONNECTION_LOST', undefined].includes(outcome), String(outcome))
    assert.ok(here.names().every((name) => name === 't'), here.names().join())
  })
})

/** One entry of an archive, as hostile as it's asked to be. */
function entry({ name, type = '0', link = '', size, data = '', mode = 0o644 }) {
  const header = Buffer.alloc(512)
  const content = Buffer.from(data)
  const put = (text, at, length) => header.write(text.slice(0, length), at, 'latin1')
  put(name, 0, 100)
  put(mode.toString(8).padStart(7, '0'), 100, 8)
  put('0000000', 108, 8)
  put('0000000', 116, 8)
  put((size ?? content.length).toString(8).padStart(11, '0'), 124, 12)
  put('00000000000', 136, 12)
  put(' '.repeat(8), 148, 8)
  put(type, 156, 1)
  put(link, 157, 100)
  put('ustar\x0000', 257, 8)
  const sum = header.reduce((sum, byte) => sum + byte, 0)
  put(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8)
  return Buffer.concat([header, content, Buffer.alloc((512 - content.length % 512) % 512)])
}
const TOP = { name: './', type: '5', mode: 0o755 }
const END = Buffer.alloc(1024)
const archive = (...entries) => Buffer.concat([...[TOP, ...entries].map(entry), END])
const pax = (key, value) => {
  const text = ` ${key}=${value}\n`
  let length = text.length
  while (String(length).length + text.length !== length) length = String(length).length + text.length
  return { name: 'pax', type: 'x', data: `${length}${text}` }
}

const HOSTILE = {
  'a name with ..': archive({ name: '../escaped', data: 'x' }),
  'a name with .. in the middle': archive({ name: 'a/../../escaped', data: 'x' }),
  'an absolute name': archive({ name: '/tmp/docker-exec-escaped', data: 'x' }),
  'a long name with ..': archive({ name: 'long', type: 'L', data: '../escaped\0' }, { name: 'x', data: 'x' }),
  'an extension\'s name with ..': archive(pax('path', '../escaped'), { name: 'x', data: 'x' }),
  'an absolute link': archive({ name: 'link', type: '2', link: '/etc/passwd' }),
  'a link upwards': archive({ name: 'link', type: '2', link: '../escaped' }),
  'a link upwards from below': archive({ name: 'a/link', type: '2', link: '../../escaped' }),
  'a link that goes down and up': archive({ name: 'a/b', type: '2', link: '..' }, { name: 'c', type: '2', link: 'a/b/..' }),
  'a long link upwards': archive({ name: 'long', type: 'K', data: '../../escaped\0' }, { name: 'link', type: '2', link: 'x' }),
  'an extension\'s link upwards': archive(pax('linkpath', '/etc'), { name: 'link', type: '2', link: 'x' }),
  'a file in a link': archive({ name: 'sub/', type: '5' }, { name: 'link', type: '2', link: 'sub' }, { name: 'link/file', data: 'x' }),
  'a link in a link': archive({ name: 'link', type: '2', link: 'sub' }, { name: 'link/other', type: '2', link: 'x' }),
  'a file for a link': archive({ name: 'x', type: '2', link: 'y' }, { name: 'x', data: 'x' }),
  'a link for a folder': archive({ name: 'x/', type: '5' }, { name: 'x', type: '2', link: 'y' }),
  'a folder for a file': archive({ name: 'x', data: 'x' }, { name: 'x/', type: '5' }),
  'a file in a file': archive({ name: 'x', data: 'x' }, { name: 'x/y', data: 'x' }),
  'a file twice': archive({ name: 'x', data: 'x' }, { name: 'x', data: 'y' }),
  'a hard link to the host': archive({ name: 'link', type: '1', link: '/etc/passwd' }),
  'a hard link upwards': archive({ name: 'link', type: '1', link: '../escaped' }),
  'a hard link to a link': archive({ name: 'l', type: '2', link: 'y' }, { name: 'link', type: '1', link: 'l' }),
  'a character device': archive({ name: 'null', type: '3' }),
  'a block device': archive({ name: 'sda', type: '4' }),
  'a pipe': archive({ name: 'pipe', type: '6' }),
  'an unknown type': archive({ name: 'x', type: 'Z' }),
  'too many bytes': archive({ name: 'big', data: 'x'.repeat(20_000) }),
  'a claim of many bytes': archive({ name: 'big', size: 8 ** 11 - 1 }),
  'too many entries': archive(...Array.from({ length: 60 }, (_, n) => ({ name: `f${n}` }))),
  'folders too deep': archive({ name: `${'d/'.repeat(30)}x` }),
  'too long a name': archive({ name: 'long', type: 'L', data: 'x'.repeat(100_000) }, { name: 'x' }),
  'bytes behind its end': Buffer.concat([archive({ name: 'x' }), Buffer.alloc(3_000_000)]),
  'no folder of its own, and two files': Buffer.concat([entry({ name: 'x', data: 'x' }), entry({ name: 'y', data: 'y' }), END])
}

describe('download() from a hostile container refuses, and touches nothing,', { timeout }, () => {
  const runner = new DockerRunner()
  const here = folder()
  const bounds = { maxBytes: 10_000, maxEntries: 50, maxDepth: 20 }
  before(async () => {
    await runner.start({ Image: 'docker-exec-napi/bash' })
    await runner.writeFile('/usr/local/bin/tar', '#!/bin/sh\ncat /hostile.tar\n', { mode: 0o755 })
  })
  after(() => runner.stop())

  for (const [what, bytes] of Object.entries(HOSTILE)) {
    test(what, async () => {
      await runner.writeFile('/hostile.tar', bytes)
      await assert.rejects(runner.download('/root', here.in('target'), bounds), typed('ERR_UNSAFE_FILES'))
      assert.deepEqual(here.names(), [])
      assert.deepEqual(fs.existsSync('/tmp/docker-exec-escaped'), false)
    })
  }

  for (const [what, bytes] of [
    ['an archive that is cut', archive({ name: 'x', data: 'x'.repeat(5000) }).subarray(0, 3000)],
    ['garbage', Buffer.alloc(5000, BYTES)],
    ['nothing', Buffer.alloc(0)]
  ]) {
    test(what, async () => {
      await runner.writeFile('/hostile.tar', bytes)
      await assert.rejects(runner.download('/root', here.in('target'), bounds), (error) => ['ERR_FILE', 'ERR_UNSAFE_FILES'].includes(error.code))
      assert.deepEqual(here.names(), [])
    })
  }

  test('but takes what is harmless: links within, hard links, folders unsaid, setuid bits off', async () => {
    await runner.writeFile('/hostile.tar', archive(
      { name: 'a/b/file', data: 'content', mode: 0o4755 }, { name: 'hard', type: '1', link: 'a/b/file' }, { name: 'a/link', type: '2', link: '../hard' },
      { name: 'd', type: '2', link: 'a/b' }, { name: 'dangling', type: '2', link: 'nosuch' }
    ))
    await runner.download('/root', here.in('target'), bounds)
    assert.equal(fs.readFileSync(here.in('target/a/link'), 'utf8'), 'content')
    assert.equal(fs.readFileSync(here.in('target/d/file'), 'utf8'), 'content')
    assert.equal(fs.statSync(here.in('target/a/b/file')).mode & 0o7000, 0)
    assert.equal(fs.readlinkSync(here.in('target/dangling')), 'nosuch')
  })

  test('a folder that is there and not empty', async () => {
    await runner.writeFile('/hostile.tar', archive({ name: 'x', data: 'x' }))
    fs.mkdirSync(here.in('target'))
    await runner.download('/root', here.in('target'), bounds)
    await assert.rejects(runner.download('/root', here.in('target'), bounds), typed('ERR_FILE', /target/))
    assert.deepEqual([here.names(), fs.readdirSync(here.in('target'))], [['target'], ['x']])
  })
})
