'use strict'

// Generated scripts, through exec() and through `docker exec SHELL -c` of the docker CLI: the
// same bytes on both streams, and the same exit code.

const assert = require('node:assert')
const { execFile } = require('node:child_process')
const { describe, test } = require('node:test')
const { DockerRunner, SOCKET, random, timeout } = require('./helpers.js')

const SCRIPTS = 150
const SHELLS = { bash: 'bash', dash: 'sh', busybox: 'sh' }

/** Scripts of a shell, with nothing in them that depends on time, or on where they run. */
function generator(number) {
  const roll = random(number)
  const pick = (...all) => all[roll(all.length)]
  let names = 0
  const name = (kind) => `${kind}${number}_${names++}`
  const many = (low, high, make, glue) => Array.from({ length: low + roll(high - low + 1) }, make).join(glue)

  const word = () => pick("'a b'", '"$HOME"', 'x\\ y', "'it'\\''s'", '"q\\"q"', '""', "'$none'", '"$(echo sub)"', '$((2 * 3))', '`echo tick`', "'*'", 'plain', '"tab\tin"', "'é€'", '"${unset_:-other}"', '-n', "'#'", '"$#"')
  const echo = () => `printf '%s|' ${many(1, 4, word, ' ')}; echo`
  const lines = () => `printf '%s\\n' ${many(2, 6, () => pick('pear', 'fig', 'apple', "'two words'", '7', '10'), ' ')}`
  const filter = () => pick('cat', 'sort', 'sort -r', 'tr a-z A-Z', 'head -n 2', 'wc -l | tr -d " "', 'sed s/a/_/', 'grep -v fig', 'uniq', 'tail -n 1', 'cut -c 1-3')
  const status = () => pick('true', 'false', `(exit ${roll(256)})`, ': ok', '! true', '! false')
  const simple = () => pick(echo, echo, lines, status)()
  const err = () => `${echo()} >&2`
  const nested = (depth) => block(depth - 1)

  const kinds = {
    pipeline: () => `${lines()} | ${many(1, 3, filter, ' | ')}`,
    heredoc: () => {
      const [end, quoted] = [pick('EOF', 'END_'), roll(2)]
      return `cat <<${quoted ? `'${end}'` : end}\nline $((1 + 1)) \${unset_:-none} 'q' "d"\n  \\$x \\\\\n${end}`
    },
    stripped: () => 'cat <<-E | sort\n\tb\n\t\ta\n\tE',
    subshell: (depth) => `(cd /\n${nested(depth)}\nexit ${roll(5)})`,
    group: (depth) => `{ ${nested(depth)}\n}`,
    variable: () => { const v = name('v'); return `${v}=${word()}; echo "<$${v}>" "\${#${v}}" "\${${v}%?}"` },
    call: (depth) => { const f = name('f'); return `${f}() {\n${nested(depth)}\nreturn ${roll(4)}\n}\n${f} ${word()}; echo "returned $?"` },
    redirect: () => { const f = name('file'); return `${lines()} >${f}; ${echo()} >>${f} 2>&1; ${filter()} <${f}` },
    swap: () => `{ echo to-out; echo to-err >&2; } ${pick('2>&1', '>&2', '2>/dev/null', '3>&1 1>&2 2>&3 3>&-')}`,
    branch: (depth) => `if ${status()}; then ${nested(depth)}\nelse ${nested(depth)}\nfi`,
    loop: (depth) => `for i in ${many(1, 3, () => pick('1', '2', '"x y"'), ' ')}; do echo "i=$i"; ${roll(3) ? '' : nested(depth) + '\n'}${pick('', '[ "$i" = 2 ] && break; ', 'continue; ')}done`,
    while: () => 'n=0; while [ $n -lt 3 ]; do n=$((n + 1)); echo $n; done | tail -n 2',
    case: (depth) => `case ${pick('a', 'bb', '"c d"')} in a|b) ${echo()} ;; *b*) ${nested(depth)}\n;; *) ${err()} ;; esac`,
    job: () => { const f = name('job'); return `{ ${lines()}; ${status()}; } >${f} &\nwait $!; echo "job $?"; cat ${f}` },
    and: () => `${status()} && ${echo()} || ${err()}`,
    read: () => `${lines()} | while read -r a b; do echo "[$a][$b]"; done`,
    eval: () => `(eval 'set -- a "b c"; echo $# "$2"')`,
    trap: () => `(trap 'echo bye' EXIT; ${echo()}; exit ${roll(9)})`,
    binary: () => "printf 'a\\000b\\377c'",
    many: () => `i=0; while [ $i -lt ${200 + roll(2000)} ]; do i=$((i + 1)); echo "line $i of many"; done`,
    broken: () => `(${pick('set -u; echo $unset_', ': ${unset_:?}', '. /nosuch/file || exit', 'eval "(" || exit', 'readonly r=1; r=2', 'unset_=${unset_?}')}; echo not here) 2>/dev/null${pick('; ', ' & wait $!; ', ' | cat; ')}echo "broken $?"`,
    missing: () => `cat /nosuch/${name('file')}`,
    err,
    simple
  }
  const statement = (depth) => {
    const nest = depth > 0
    const names = Object.keys(kinds).filter((kind) => nest || kinds[kind].length === 0)
    return kinds[pick(...names)](depth)
  }
  const block = (depth) => many(1, 3, () => statement(depth), '\n')
  return `${block(3)}\n${pick('', '', status(), `exit ${roll(256)}`, `exit`)}`
}

/** Through the docker CLI. */
function viaDocker(container, shell, script) {
  return new Promise((resolve, reject) => {
    execFile('docker', ['-H', `unix://${SOCKET}`, 'exec', container, shell, '-c', script], { encoding: 'buffer', maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') reject(error)
      else resolve({ code: error?.code ?? 0, stdout: stdout.toString('latin1'), stderr: stderr.toString('latin1') })
    })
  })
}

async function viaExec(runner, script) {
  const { exitCode, stdout, stderr } = await runner.exec(script, { reject: false, encoding: 'buffer' })
  return { code: exitCode, stdout: stdout.toString('latin1'), stderr: stderr.toString('latin1') }
}

describe(`exec() and docker exec agree on ${SCRIPTS} generated scripts`, { timeout, concurrency: 3 }, () => {
  for (const [image, shell] of Object.entries(SHELLS)) {
    test(`with ${image}`, async () => {
      const runner = new DockerRunner()
      await runner.start({ Image: `docker-exec-napi/${image}` })
      try {
        for (let number = 0; number < SCRIPTS; number++) {
          const script = generator(number)
          const inFolder = (side) => `mkdir -p /tmp/${side}/${number} && cd /tmp/${side}/${number}\n${script}`
          const ours = await viaExec(runner, inFolder('a'))
          const theirs = await viaDocker(runner.container.id, shell, inFolder('b'))
          assert.deepStrictEqual(ours, theirs, `script ${number}:\n${script}`)
        }
      } finally {
        await runner.stop()
      }
    })
  }
})
