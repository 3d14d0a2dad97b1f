'use strict'

// Every example of README.md prints what README.md says, and its tables are true.

const assert = require('node:assert')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { describe, test } = require('node:test')
const { bare, inspect, mine, node, started, timeout, typed } = require('./helpers.js')

const root = join(__dirname, '..')
const file = (name) => readFileSync(join(root, name), 'utf8')
const readme = file('README.md')

/** What a program prints that is run in the package's folder, where its name resolves. */
async function run(code) {
  const flags = /^import /m.test(code) ? ['--input-type=module'] : []
  const child = spawn(process.execPath, [...flags, '-e', code], {
    cwd: root, stdio: ['ignore', 'pipe', 'pipe'], timeout, killSignal: 'SIGKILL',
    env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1', NODE_TEST_CONTEXT: undefined }
  })
  const text = async (stream) => (await stream.setEncoding('utf8').toArray()).join('')
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { status, stdout: stdout.trimEnd(), stderr }
}

/** The rows of the table whose head begins with `head`, as lists of cells. */
function table(head) {
  const lines = readme.split('\n')
  const first = lines.findIndex((line) => line.startsWith(`| ${head}`))
  assert.ok(first >= 0, `README.md has no table that begins with ${head}`)
  const end = lines.findIndex((line, at) => at > first && !line.startsWith('|'))
  return lines.slice(first + 2, end).map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')))
}

describe('README.md', { timeout }, () => {
  const blocks = [...readme.matchAll(/^```js run\n(.*?)^```\n+(?:^```text\n(.*?)^```)?/gms)]

  test('has examples', () => assert.ok(blocks.length > 10))

  for (const [whole, code, expected] of blocks) {
    const heading = readme.slice(0, readme.indexOf(whole)).match(/^#+ .*$/gm).at(-1).replace(/^#+ /, '')
    test(`example in "${heading}"`, async () => {
      assert.ok(expected, 'an example is followed by what it prints')
      assert.deepEqual(await run(code), { status: 0, stdout: expected.trimEnd(), stderr: '' })
    })
  }

  test('has no JavaScript that is not run', () => assert.equal(readme.match(/^```js$/gm), null))

  test('the options of exec() are those of the sources', () => {
    const [, defaults] = file('lib/exec.js').match(/^const DEFAULTS = \{\n(.*?)^\}/ms)
    const documented = table('option | what it does').flatMap(([names]) => names.match(/\w+/g))
    assert.deepEqual(documented.sort(), defaults.match(/\w+(?=:)/g).sort())
  })

  test('its figures are those of the last benchmark', () => {
    const { limits } = JSON.parse(file('benches/results.json'))
    const figure = (value) => value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
    assert.deepEqual(table('in one run'), limits.map(({ what, must, is }) => [what, must, figure(is)]))
  })

  test('every link leads somewhere', () => {
    const slug = (heading) => heading.toLowerCase().replace(/[^\w -]/g, '').replaceAll(' ', '-')
    const anchors = [...readme.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => `#${slug(heading)}`)
    for (const [, target] of readme.matchAll(/\]\(([^)]+)\)/g)) {
      if (target.startsWith('#')) assert.ok(anchors.includes(target), target)
      else if (!target.startsWith('https://')) assert.ok(file(target), target)
    }
  })

  test('the codes are those of the sources and of the types', () => {
    const codes = (text) => [...new Set(text.match(/\bERR_[A-Z_]+[A-Z]/g))].sort()
    const documented = table('code').map(([code]) => code.replaceAll('`', '')).sort()
    assert.deepEqual(documented, codes(file('src/error.rs') + file('lib/exec.js') + file('lib/setup.js')))
    assert.deepEqual(documented, codes(file('index.d.ts').match(/type ErrorCode =\n(?: +\| .*\n)+/)[0]))
  })
})

describe('README.md, nothing is left behind', { timeout }, () => {
  const ends = {
    normally: '', 'process.exit()': 'process.exit()', 'an uncaught exception': "throw new Error('thrown')",
    SIGINT: 0, SIGTERM: 0, SIGHUP: 0, SIGKILL: 0
  }
  const table_ = table('how the program ends').map(([how]) => how).join()

  for (const [how, code] of Object.entries(ends)) {
    test(how, async (t) => {
      assert.ok(table_.includes(how))
      const own = mine()
      const end = code === 0 ? `process.kill(process.pid, '${how}')` : code
      const busy = how === 'normally' ? '' : "runner.run('sleep 1000').catch(() => {})"
      const { stdout } = await node(t, `
        const runner = new DockerRunner()
        runner.start(options).then(() => {
          ${busy}
          say('started')
          setTimeout(() => { ${end} }, 100)
        })
      `, { options: own.options() }).exited
      assert.equal(stdout, 'started\n')
      await own.vanish()
    })
  }

  test('a container that does not run yet goes with a program that ends by itself', async (t) => {
    const own = mine()
    await node(t, `
      const runner = new DockerRunner()
      runner.createContainer(options).then(() => process.exit())
    `, { options: own.options() }).exited
    await own.vanish()
  })
})

describe('README.md, differences: the old behaviour comes back with', { timeout }, () => {
  const rows = table('what differs').map((cells) => cells.at(-1))
  const back = rows.flatMap((cell) => [...cell.matchAll(/`start\((\{.*?\})\)`/g)].map(([, options]) => options))
  const given = (options) => new Function(`return ${options}`)()
  const checks = {
    "{ Tty: true }": async (runner) => {
      const { stdout } = await runner.exec('[ -t 0 ] && echo "terminal" >&2')
      assert.match(stdout, /^terminal\r$/m)
    },
    "{ pull: 'always' }": null,
    "{ Image: 'ubuntu:14.04' }": null,
    "{ Shell: 'bash' }": (runner) => runner.run('[ "$BASH_VERSION" ]'),
    "{ HostConfig: { Dns: ['8.8.8.8', '8.8.4.4'] } }": async (runner) => {
      const { stdout } = await runner.exec('grep ^nameserver /etc/resolv.conf')
      assert.equal(stdout, 'nameserver 8.8.8.8\nnameserver 8.8.4.4\n')
    },
    "{ HostConfig: { CapAdd: [], CapDrop: [], SecurityOpt: [] } }": async (runner) => {
      const { stdout } = await runner.exec('grep -E "CapEff|NoNewPrivs" /proc/self/status')
      assert.match(stdout, /CapEff:\s*0*a80425fb\nNoNewPrivs:\s*0\n/)
    },
    "{ HostConfig: { PidsLimit: 0, Ulimits: [] } }": async (runner) => {
      const { HostConfig } = await inspect(runner.container.id)
      assert.ok(!HostConfig.PidsLimit)
      assert.ok(!HostConfig.Ulimits?.length)
    },
    "{ HostConfig: { LogConfig: { Type: 'json-file' } } }": async (runner) => {
      const { HostConfig } = await inspect(runner.container.id)
      assert.equal(HostConfig.LogConfig.Type, 'json-file')
    }
  }

  test('nothing that is not tested here', () => assert.deepEqual([...new Set(back)].sort(), Object.keys(checks).sort()))

  for (const [options, check] of Object.entries(checks)) {
    if (check === null) continue
    test(options, async (t) => check(await started(t, { Image: 'docker-exec-napi/bash', ...given(options) })))
  }

  test("{ pull: 'always' }", async (t) => {
    const Image = `${process.env.DOCKER_EXEC_TEST_REGISTRY}/napi/busybox`
    let lines = 0
    const runner = await started(t, { Image })
    runner.on('pull:progress', () => lines++)
    await runner.stop()
    await runner.start({ Image })
    assert.equal(lines, 0)
    await runner.stop()
    await runner.start({ Image, pull: 'always' })
    assert.ok(lines > 0)
  })

  test('an image without it gets /bin/sh, unless bash is asked for', async (t) => {
    const Image = 'docker-exec-napi/dash'
    const runner = await started(t, { Image })
    await assert.rejects(runner.run('[ "$BASH_VERSION" ]'), bare(1))
    await runner.stop()
    await assert.rejects(runner.start({ Image, Shell: 'bash' }), typed('ERR_IMAGE_UNSUITABLE', /no bash/))
  })
})
