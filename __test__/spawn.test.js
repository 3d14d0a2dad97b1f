'use strict'

// spawn(): the same small programs as through child_process, and what only a container has.

const assert = require('node:assert')
const childProcess = require('node:child_process')
const { once } = require('node:events')
const { readdirSync } = require('node:fs')
const { constants } = require('node:os')
const { Readable } = require('node:stream')
const { pipeline } = require('node:stream/promises')
const { describe, test } = require('node:test')
const { DockerRunner, awake, mine, node, outcomes, reading, shared, sleeping, started, timeout, typed } = require('./helpers.js')

/** What is seen of a process from its beginning to its `close`. */
async function seen(child, act = () => child.stdin.end()) {
  const events = []
  for (const name of ['spawn', 'error', 'exit', 'close']) child.on(name, () => events.push(name))
  child.stdin.on('error', ({ code }) => assert.ok(['EPIPE', 'ECONNRESET'].includes(code), code))
  const [stdout, stderr] = [reading(child.stdout), reading(child.stderr)]
  const closed = awake(once(child, 'close'))
  closed.catch(() => {})
  act(child, stdout)
  await new Promise((resolve) => child.once('close', resolve))
  const code = child.signalCode ? 128 + constants.signals[child.signalCode] : child.exitCode < 0 ? null : child.exitCode
  return { events, code, signal: child.signalCode, stdout: stdout.text, stderr: stderr.text, killed: child.killed, dead: child.kill() }
}

const BYTES = Buffer.from(Array.from({ length: 256 }, (_, i) => i))

const PROGRAMS = {
  'no output': ['true', []],
  'an exit code': ['sh', ['-c', 'exit 3']],
  'arguments as they are': ['printf', ['<%s>', '', 'a b', '$HOME', '*', '"', "'", '\\', 'é\n', '-n', '`id`']],
  'a path': ['/bin/sh', ['-c', 'echo path']],
  'both streams': ['sh', ['-c', 'echo out; echo err >&2']],
  'its own signal': ['sh', ['-c', 'echo first; kill -9 $$']],
  'input to its end': ['cat', [], {}, (child) => child.stdin.end('typed\n')],
  'input in pieces': ['cat', [], {}, async (child) => { for (const piece of ['a', 'b', 'c']) child.stdin.write(piece); child.stdin.end() }],
  'bytes as they are': ['cat', [], {}, (child) => child.stdin.end(BYTES)],
  'output after the end of its input': ['sh', ['-c', 'cat >/dev/null; echo after; exit 4'], {}, (child) => child.stdin.end('x')],
  'an answer to each line': ['sh', ['-c', 'while read l; do echo "<$l>"; done'], {}, async (child, stdout) => {
    child.stdin.write('one\n')
    await stdout.until(/<one>/)
    child.stdin.end('two\n')
  }],
  'input that it does not take': ['sh', ['-c', 'exit 5'], {}, (child) => child.stdin.end(Buffer.alloc(4 << 20))],
  'a little of its input': ['head', ['-c', '3'], {}, (child) => child.stdin.end('x'.repeat(1 << 20))],
  'its directory': ['pwd', [], { cwd: '/usr' }],
  'its variables': ['sh', ['-c', 'echo "$A|$B"'], { env: { PATH: process.env.PATH, A: 'it\'s "$x"', B: '' } }],
  'closed streams, and a life after them': ['sh', ['-c', 'exec >&- 2>&-; sleep 0.1; exit 6']],
  'a child that keeps its output open': ['sh', ['-c', '(sleep 0.2; echo late) & exit 7']],
  'no such program': ['nosuch-program', []],
  'no such path': ['/nosuch/program', []],
  'no such directory': ['true', [], { cwd: '/nosuch' }],
  'a directory for a program': ['/usr', []],
  'no right to execute': ['/etc/passwd', []],
  'SIGTERM': ['sleep', ['1000'], {}, (child) => child.once('spawn', () => assert.equal(child.kill(), true))],
  'SIGINT, by number': ['sleep', ['1000'], {}, (child) => child.once('spawn', () => assert.equal(child.kill(2), true))],
  'a signal that it handles': ['sh', ['-c', 'trap "echo caught; exit 9" USR1; echo ready; while :; do sleep 0.01; done'], {}, async (child, stdout) => {
    await stdout.until(/ready/)
    child.kill('SIGUSR1')
  }],
  'a timeout': ['sleep', ['1000'], { timeout: 100 }],
  'a timeout, with another signal': ['sleep', ['1000'], { timeout: 100, killSignal: 'SIGKILL' }]
}

describe('spawn() and child_process.spawn() are the same with', { timeout, concurrency: 4 }, () => {
  const runner = shared(require('node:test'))
  for (const [what, [file, args, options, act]] of Object.entries(PROGRAMS)) {
    test(what, async () => {
      const ours = await seen(runner.it.spawn(file, args, options), act)
      const theirs = await seen(childProcess.spawn(file, args, options), act)
      assert.deepEqual(ours, theirs)
    })
  }
})

describe('spawn()', { timeout }, () => {
  const runner = shared(require('node:test'))

  test('gives the process at once, and its pid with spawn', async () => {
    const child = runner.it.spawn('sh', ['-c', 'echo $$; exit 3'])
    assert.ok(child instanceof DockerRunner.ContainerProcess)
    assert.deepEqual([child.pid, child.exitCode, child.signalCode, child.killed], [undefined, null, null, false])
    assert.deepEqual([child.spawnfile, child.spawnargs, child.runner], ['sh', ['sh', '-c', 'echo $$; exit 3'], runner.it])
    assert.deepEqual(child.stdio, [child.stdin, child.stdout, child.stderr])
    const stdout = reading(child.stdout)
    await awake(once(child, 'spawn'))
    const { pid } = child
    assert.deepEqual(await awake(once(child, 'exit')), [3, null])
    assert.equal(stdout.text || (await stdout.until(/\n/)), `${pid}\n`)
  })

  test('has its events in their order, whatever keeps the loop busy', async () => {
    for (const busy of [0, 50, 150]) {
      const ended = seen(runner.it.spawn('true'))
      setImmediate(() => { for (const end = Date.now() + busy; Date.now() < end;); })
      assert.deepEqual((await ended).events, ['spawn', 'exit', 'close'])
    }
  })

  test('in a terminal, ends as it should however short it is', async () => {
    const all = Array.from({ length: 20 }, (_, n) => seen(runner.it.spawn('sh', ['-c', `echo ${n}; exit ${n}`], { tty: true })))
    assert.deepEqual((await Promise.all(all)).map(({ code, stdout }) => `${code} ${stdout}`), all.map((_, n) => `${n} ${n}\r\n`))
    assert.match((await seen(runner.it.spawn('cat', { tty: true }), (child) => child.stdin.end('typed\n'))).stdout, /^typed\r\ntyped\r\n$/)
    assert.deepEqual((await seen(runner.it.spawn('true', { tty: true, cwd: '/nosuch' }))).events, ['error', 'close'])
  })

  test('of another user is killed too, and so is a command of such a session', async () => {
    for (const options of [{ user: 'nobody' }, { user: '1234:1234' }]) {
      const child = runner.it.spawn('sleep', ['1000'], options)
      assert.equal(child.kill(), true)
      assert.deepEqual(await awake(once(child, 'exit')), [143, 'SIGTERM'])
      assert.equal((await seen(runner.it.spawn('sleep', ['1000'], { ...options, timeout: 100 }))).code, 143)
      const session = await runner.it.session({ User: options.user })
      await assert.rejects(session.exec('sleep 1000', { timeout: 100 }), typed('ERR_TIMEOUT'))
      assert.equal((await session.exec('id -u; cat', { input: 'given' })).stdout.split('\n')[1], 'given')
      await session.close()
    }
    await sleeping(runner.it, 0)
  })

  test('loses nothing of what somebody reads, however slowly', async () => {
    const size = 20_000_000
    const child = runner.it.spawn('sh', ['-c', `head -c ${size} /dev/zero; echo end >&2`])
    let read = 0
    child.stdout.on('data', (chunk) => {
      if (read === 0) {
        child.stdout.pause()
        setTimeout(() => child.stdout.resume(), 2500)
      }
      read += chunk.length
    })
    assert.deepEqual(await awake(once(child, 'close')), [0, null])
    assert.equal(read, size)
  })

  test('kill() and stop() end it although somebody has stopped to read', async (t) => {
    const other = await started(t)
    for (const end of [(child) => child.kill('SIGKILL'), () => other.stop()]) {
      const child = other.spawn('yes')
      child.on('error', () => {}).stdout.once('data', () => child.stdout.pause())
      await awake(once(child.stdout, 'data'))
      const exit = new Promise((resolve) => child.once('exit', resolve))
      const close = new Promise((resolve) => child.once('close', resolve))
      await new Promise((resolve) => setTimeout(resolve, 200))
      await end(child)
      await awake(Promise.all([exit, close]))
    }
  })

  test('destroying its input is the end of it, as is a pipeline into it that fails', async () => {
    const cat = runner.it.spawn('cat')
    cat.stdin.destroy()
    assert.equal((await seen(cat, () => {})).code, 0)
    const fed = runner.it.spawn('cat')
    const failing = Readable.from((async function * () { yield 'x'; throw new Error('source') })())
    const stdout = reading(fed.stdout)
    const closed = once(fed, 'close')
    await assert.rejects(pipeline(failing, fed.stdin), /source/)
    assert.deepEqual(await awake(closed), [0, null])
    assert.ok(['', 'x'].includes(stdout.text))
  })

  test('every write settles, also when it takes no more', async () => {
    const child = runner.it.spawn('sh', ['-c', 'exec <&-; sleep 0.3'])
    child.stdin.on('error', ({ code }) => assert.equal(code, 'EPIPE'))
    const writes = Array.from({ length: 20 }, () => new Promise((resolve) => child.stdin.write(Buffer.alloc(1 << 20), (error) => resolve(error?.code))))
    assert.ok((await awake(Promise.all(writes))).some((code) => code === 'EPIPE'))
  })

  test('two of them make a pipe, whichever ends first', async () => {
    const [yes, head] = [runner.it.spawn('yes'), runner.it.spawn('head', ['-n', '10'])]
    yes.stdout.pipe(head.stdin)
    const stdout = reading(head.stdout)
    head.stdin.on('error', () => {})
    await awake(once(head, 'close'))
    assert.equal(stdout.text, 'y\n'.repeat(10))
    const closed = once(yes, 'close')
    yes.kill('SIGKILL')
    assert.deepEqual(await awake(closed), [137, 'SIGKILL'])
  })

  test('holds no descriptor once it is closed', async () => {
    const open = () => readdirSync('/proc/self/fd').length
    const all = []
    const run = async () => { const child = runner.it.spawn('true'); all.push(child); await awake(once(child, 'close')) }
    await run()
    const before = open()
    for (let n = 0; n < 20; n++) await run()
    assert.ok(open() < before + 10, `${before} descriptors, then ${open()}`)
  })

  test('its directory is just that, and PATH is as of a shell', async () => {
    await runner.it.run("mkdir -p /tmp/d/sub; printf '#!/bin/sh\\necho local\\n' >/tmp/d/local; chmod +x /tmp/d/local; ln -sf /tmp/d/sub /tmp/link")
    assert.deepEqual((await seen(runner.it.spawn('pwd', { cwd: '-', env: { OLDPWD: '/etc' } }))).events, ['error', 'close'])
    assert.equal((await seen(runner.it.spawn('pwd', ['-P'], { cwd: 'etc', env: { CDPATH: '/usr:/' } }))).stdout, '/etc\n')
    assert.equal((await seen(runner.it.spawn('pwd', ['-P'], { cwd: '/tmp/link/..' }))).stdout, '/tmp/d\n')
    for (const PATH of ['/bin:', ':/bin', '/bin::/usr/bin']) {
      assert.equal((await seen(runner.it.spawn('local', { cwd: '/tmp/d', env: { PATH } }))).stdout, 'local\n', PATH)
    }
  })

  test('an error of its start points at the caller', async () => {
    const theCaller = () => runner.it.spawn('nosuch')
    const error = await new Promise((resolve) => theCaller().once('error', resolve))
    assert.match(error.stack, /ERR|nosuch[^]*theCaller/)
  })

  test('several run at once, beside the shell', async () => {
    const blocked = runner.it.run('until [ -e /tmp/go ]; do sleep 0.01; done')
    const children = Array.from({ length: 5 }, (_, n) => seen(runner.it.spawn('sh', ['-c', `echo ${n} >>/tmp/met; until [ "$(wc -l </tmp/met)" = 5 ]; do sleep 0.01; done; exit ${n}`])))
    assert.deepEqual((await Promise.all(children)).map(({ code }) => code), [0, 1, 2, 3, 4])
    assert.equal((await seen(runner.it.spawn('touch', ['/tmp/go']))).code, 0)
    assert.equal(await blocked, 0)
  })

  test('puts nothing of its own into the environment', async () => {
    const { stdout } = await seen(runner.it.spawn('env', [], { env: { A: 1 } }))
    const names = stdout.trim().split('\n').map((line) => line.split('=')[0]).sort()
    assert.deepEqual(names.filter((name) => !['HOME', 'HOSTNAME', 'PATH', 'PWD'].includes(name)), ['A'])
  })

  test('takes a user', async () => {
    assert.equal((await seen(runner.it.spawn('id', ['-u'], { user: '1000' }))).stdout, '1000\n')
    assert.equal((await seen(runner.it.spawn('id', ['-g'], { user: '1000:1001' }))).stdout, '1001\n')
    const child = runner.it.spawn('id', { user: 'nosuch' })
    const [error] = await awake(new Promise((resolve) => child.once('error', (...all) => resolve(all))))
    typed('ERR_SPAWN_FAILED', /nosuch/)(error)
  })

  test('is exact with megabytes both ways', async () => {
    const child = runner.it.spawn('cat')
    const size = 32 << 20
    const blocks = size / BYTES.length
    const hash = require('node:crypto').createHash('sha256')
    let read = 0
    const end = (async () => { for await (const chunk of child.stdout) { read += chunk.length; hash.update(chunk) } })()
    const expected = require('node:crypto').createHash('sha256')
    for (let block = 0; block < blocks; block += 256) {
      const chunk = Buffer.concat(Array.from({ length: 256 }, () => BYTES))
      expected.update(chunk)
      if (!child.stdin.write(chunk)) await once(child.stdin, 'drain')
    }
    child.stdin.end()
    await end
    assert.equal(read, size)
    assert.equal(hash.digest('hex'), expected.digest('hex'))
    if (child.exitCode === null) await awake(once(child, 'exit'))
    assert.equal(child.exitCode, 0)
  })

  test('whose output nobody reads ends, and says what was dropped', async () => {
    const child = runner.it.spawn('head', ['-c', '5000000', '/dev/zero'])
    let dropped = 0
    child.stdout.on('dropped', (bytes) => { dropped += bytes })
    assert.deepEqual(await awake(once(child, 'close')), [0, null])
    assert.equal(dropped, 5000000 - 1024 * 1024)
  })

  test('an AbortSignal ends it before, while it runs, and not after', async () => {
    const reason = new Error('enough')
    const early = runner.it.spawn('sh', ['-c', 'touch /tmp/never'], { signal: AbortSignal.abort(reason) })
    const [error] = await awake(Promise.all(['error', 'close'].map((name) => new Promise((resolve) => early.once(name, resolve)))))
    assert.deepEqual([error.code, error.cause, early.pid], ['ERR_ABORTED', reason, undefined])
    assert.equal((await seen(runner.it.spawn('test', ['-e', '/tmp/never']))).code, 1)

    const controller = new AbortController()
    const child = runner.it.spawn('sleep', ['1000'], { signal: controller.signal })
    const errors = []
    child.on('error', (error) => errors.push(error.code)).once('spawn', () => controller.abort(reason))
    assert.deepEqual(await awake(new Promise((resolve) => child.once('exit', (...all) => resolve(all)))), [143, 'SIGTERM'])
    assert.deepEqual(errors, ['ERR_ABORTED'])

    const late = new AbortController()
    const over = runner.it.spawn('true', { signal: late.signal })
    over.once('error', assert.ifError)
    await awake(once(over, 'close'))
    late.abort()
    assert.equal(over.exitCode, 0)
  })

  test('kill() before it runs is sent when it does', async () => {
    const child = runner.it.spawn('sleep', ['1000'])
    assert.equal(child.kill('SIGKILL'), true)
    assert.deepEqual(await awake(once(child, 'exit')), [137, 'SIGKILL'])
    assert.equal(child.kill(), false)
    assert.throws(() => child.kill('SIGNOPE'), typed('ERR_INVALID_ARG_VALUE', /SIGNOPE/))
  })

  test('disposed of, it is killed', async () => {
    const child = runner.it.spawn('sleep', ['1000'])
    await awake(child[Symbol.asyncDispose]())
    assert.equal(child.signalCode, 'SIGKILL')
    await child[Symbol.asyncDispose]()
    await sleeping(runner.it, 0)
  })

  test('has a terminal that knows its size, and an interactive program in it', async () => {
    const child = runner.it.spawn('bash', ['--norc', '-i'], { tty: { columns: 100, rows: 30 }, env: { PS1: 'ready> ' } })
    const stdout = reading(child.stdout)
    await stdout.until(/ready> /)
    child.stdin.write('test -t 0 && test -t 1 && test -t 2 && echo ter"min"al; stty size\n')
    await stdout.until(/terminal\r\n30 100\r\n/)
    await child.resize(50, 20)
    child.stdin.write('stty size\n')
    await stdout.until(/20 50\r\n/)
    child.stdin.write('echo run"ning"; sleep 1000\n')
    await stdout.until(/running/)
    child.stdin.write('\x03')
    await stdout.until(/running[^]*ready> /)
    child.stdin.write('echo co"de" $?\n')
    await stdout.until(/code 130/)
    child.stdin.write('exit 4\n')
    assert.deepEqual(await awake(once(child, 'close')), [4, null])
    await assert.rejects(child.resize(0, 20), typed('ERR_INVALID_ARG_VALUE', /columns/))
  })

  test('ends with its runner, and makes up no exit code', async (t) => {
    const other = await started(t)
    const [silent, told] = [other.spawn('sleep', ['1000']), other.spawn('sleep', ['1000'])]
    await awake(Promise.all([once(silent, 'spawn'), once(told, 'spawn')]))
    const errors = []
    told.on('error', ({ code }) => errors.push(code))
    const closed = [silent, told].map((child) => new Promise((resolve) => child.once('close', (...all) => resolve(all))))
    await other.stop()
    // The engine may still have had the time to say how it ended.
    for (const end of await awake(Promise.all(closed))) assert.ok(['137,SIGKILL', ','].includes(end.join()), end)
    assert.deepEqual(errors, told.exitCode === null ? ['ERR_STOPPED'] : [])
    for (const [runner, code] of [[other, 'ERR_STOPPED'], [new DockerRunner(), 'ERR_NOT_STARTED']]) {
      const child = runner.spawn('true')
      const error = await awake(new Promise((resolve) => child.once('error', resolve)))
      typed(code)(error)
    }
  })

  test('keeps a program alive, unless it is told not to, and leaves no container', async (t) => {
    const own = mine()
    const script = (last) => `
      const runner = new DockerRunner()
      runner.start(options).then(() => {
        const child = runner.spawn('sh', ['-c', 'sleep 0.3; exit 3'])
        child.on('exit', (code) => say('code', code)).on('spawn', () => { ${last} })
      })`
    assert.equal((await node(t, script(''), { options: own.options() }).exited).stdout, 'code 3\n')
    assert.equal((await node(t, script('child.unref()'), { options: own.options() }).exited).stdout, '')
    await own.vanish()
  })

  test('refuses, before anything is started, what can be no process', () => {
    for (const [args, words] of [
      [[''], /program/], [['-x'], /path/], [[null], /name/], [['a\0b'], /NUL/], [['true', ['a\0b']], /NUL/], [['true', [{}]], /argument/], [[5], /name/],
      [['true', { shell: true }], /option shell is unknown/], [['true', { cwd: '' }], /cwd/], [['true', { env: { 'A-B': 'x' } }], /env/],
      [['true', { user: 7 }], /user/], [['true', { tty: { columns: 0, rows: 1 } }], /tty/], [['true', { signal: {} }], /signal/],
      [['true', { timeout: 0 }], /timeout/], [['true', { killSignal: 'SIGNOPE' }], /SIGNOPE/]
    ]) assert.throws(() => runner.it.spawn(...args), typed('ERR_INVALID_ARG_VALUE', words), JSON.stringify(args))
  })

  test('is over when its container is', async (t) => {
    const other = await started(t)
    const child = other.spawn('sleep', ['1000'])
    await awake(once(child, 'spawn'))
    const closed = new Promise((resolve) => child.once('close', (...all) => resolve(all)))
    await outcomes([other.exec('kill -9 -1')])
    await other.killContainer()
    assert.deepEqual((await awake(closed)).length, 2)
  })
})
