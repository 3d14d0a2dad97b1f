'use strict'

// Profiles and limits: what each attack of README.md's table comes to, on a real engine.

const assert = require('node:assert')
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { after, before, describe, test } = require('node:test')
const { BASH, DockerRunner, inspect, started, timeout, typed } = require('./helpers.js')

const DASH = 'docker-exec-napi/dash'
const PROFILES = ['untrusted', 'default', 'none']
const perl = (program) => `perl -e '${program}'`
/** How many processes the container has. */
const COUNT = `count=0
  for stat in /proc/[0-9]*/stat; do
    read -r line <$stat && case \${line##*) } in Z*) ;; *) count=$((count + 1)) ;; esac
  done 2>/dev/null
  echo $count`

const forks = (n) => perl(`my @all; my $failed = 0;
  for (1..${n}) { my $p = fork(); unless (defined $p) { $failed = 1; last } unless ($p) { sleep 1000; exit } push @all, $p }
  kill 9, @all; 1 while wait > 0; exit $failed`)

/** Each succeeds (exit code 0) where the attack does. */
const ATTACKS = {
  'be root in the container': '[ "$(id -u)" = 0 ]',
  'gain rights by a setuid program': 'grep -q "NoNewPrivs:.0" /proc/self/status',
  'mount a file system': perl('my ($n, $p, $t) = ("none", "/tmp", "tmpfs"); exit(syscall(165, $n, $p, $t, 0, 0) == 0 ? 0 : 1)'),
  'make a device node': 'mknod /tmp/device c 1 3',
  'open a raw socket': perl('socket(my $s, 2, 3, 1) or exit 1'),
  'change its root': 'chroot / true',
  'make a user namespace': 'unshare -Ur true',
  'load a BPF program, or use the kernel\'s keyring': `${perl('exit(syscall(321, 0, 0, 0) >= 0 ? 0 : 1)')} || ${perl('exit(syscall(250, 6, -3, 0, 0) >= 0 ? 0 : 1)')}`,
  'read the kernel\'s log': 'dmesg',
  'write to `/proc/sys` or `/sys`': 'echo 1 >/proc/sys/kernel/panic || echo 1 >/sys/kernel/mm/ksm/run',
  'reach another machine': 'ls /sys/class/net | grep -qv lo',
  'change a file outside `/tmp`': 'touch /etc/hostname-of-mine || touch /usr/x',
  'fill 100 MB of disk': 'head -c 100000000 /dev/zero >/tmp/fill; code=$?; rm -f /tmp/fill; (exit $code)',
  'take 500 MB of memory': perl('my $x = "a" x 500_000_000'),
  'start 200 processes': forks(200),
  'start 2,000 processes': forks(2000),
  'open 5,000 files': perl('my @f; for (1..5000) { open(my $f, "<", "/dev/null") or exit 1; push @f, $f }'),
  'trace the container\'s own init': perl('exit(syscall(101, 16, 1, 0, 0) == 0 ? 0 : 1)')
}

const readme = readFileSync(join(__dirname, '..', 'README.md'), 'utf8')

describe('attacks, as README.md tells them,', { timeout }, () => {
  const rows = [...readme.matchAll(/^\| (.*) \| (denied|possible) \| (denied|possible) \| (denied|possible) \|$/gm)]

  test('are all told', () => assert.deepEqual(rows.map(([, attack]) => attack), Object.keys(ATTACKS)))

  for (const [column, profile] of PROFILES.entries()) {
    describe(`with profile '${profile}'`, { timeout }, () => {
      const runner = new DockerRunner()
      before(() => runner.start({ Image: BASH, profile }))
      after(() => runner.stop())

      for (const [, attack, ...told] of rows) {
        test(`${attack}: ${told[column]}`, async () => {
          const { exitCode, stderr } = await runner.exec(ATTACKS[attack], { reject: false, timeout: 30_000 })
          assert.equal(exitCode === 0 ? 'possible' : 'denied', told[column], stderr)
          assert.equal((await runner.exec('echo alive')).stdout, 'alive\n')
        })
      }
    })
  }
})

describe('a fork bomb is ended by its time limit, leaves nothing, and the runner goes on:', { timeout }, () => {
  const bombs = [':() { :|:& }; :; sleep 1000', 'b() { while :; do b & done; }; b', 'b() { setsid sh -c "while :; do sleep 50 & done" & }; b; b; sleep 1000']
  for (const profile of ['default', 'untrusted']) {
    for (const bomb of bombs) {
      test(`${profile}: ${bomb}`, async (t) => {
        const runner = await started(t, { Image: BASH, profile })
        const { stdout: before } = await runner.exec(COUNT)
        const error = await runner.exec(bomb, { timeout: 700, killGrace: 200 }).then(assert.fail, (error) => error)
        assert.equal(error.code, 'ERR_TIMEOUT', error.message)
        assert.equal((await runner.exec(COUNT)).stdout, before)
      })
    }
  }
})

test('a fork bomb whose processes are always others is ended by its time limit', { timeout }, async (t) => {
  const runner = await started(t, { Image: DASH })
  const error = await runner.exec('b() { b | b & }; b; sleep 1000', { timeout: 500, killGrace: 200 }).then(assert.fail, (error) => error)
  assert.equal(error.code, 'ERR_TIMEOUT', error.message)
})

test('commands see the container\'s variables, whatever their names', { timeout }, async (t) => {
  const Env = ['code=1', 'nonce=2', 'shell=3', 'line=4']
  const runner = await started(t, { Image: BASH, Env })
  assert.deepEqual((await runner.exec('env | grep -E "^(code|nonce|shell|line)=" | sort')).stdout.split('\n').filter(Boolean), Env.toSorted())
})

describe('limits', { timeout }, () => {
  test('are the engine\'s own fields, in plain words', async (t) => {
    const runner = await started(t, { Image: BASH, limits: { memory: '64m', cpus: 0.5, pids: 50 } })
    const { HostConfig: host } = await inspect(runner.container.id)
    assert.deepEqual([host.Memory, host.MemorySwap, host.NanoCpus, host.PidsLimit], [64 << 20, 64 << 20, 5e8, 50])
  })

  test('give way to HostConfig', async (t) => {
    const runner = await started(t, { Image: BASH, profile: 'untrusted', limits: { memory: '64m', disk: '1m' }, HostConfig: { Memory: 128 << 20, PidsLimit: 30 }, User: '1000' })
    const { HostConfig: host, Config: config } = await inspect(runner.container.id)
    assert.deepEqual([host.Memory, host.PidsLimit, config.User, host.ReadonlyRootfs], [128 << 20, 30, '1000', true])
    assert.notEqual((await runner.exec('head -c 2000000 /dev/zero >/tmp/x', { reject: false })).exitCode, 0)
    assert.equal((await runner.exec('head -c 1000000 /dev/zero >/tmp/x', { reject: false })).exitCode, 0)
  })

  test('that are none are refused', async () => {
    for (const [options, words] of [
      [{ limits: { memory: 'much' } }, /limits\.memory.*512m/], [{ limits: { memory: 0 } }, /limits\.memory/], [{ limits: { disk: '-1g' } }, /limits\.disk/],
      [{ limits: { cpus: 0 } }, /limits\.cpus/], [{ limits: { cpus: '1' } }, /limits\.cpus/], [{ limits: { pids: 0 } }, /limits\.pids/],
      [{ limits: { ram: 1 } }, /limits\.ram/], [{ limits: 7 }, /limits/], [{ profile: 'trusted' }, /profile/]
    ]) await assert.rejects(new DockerRunner().start(options), typed('ERR_INVALID_ARG_VALUE', words), JSON.stringify(options))
  })
})

describe('profile \'untrusted\' refuses what would undo it:', { timeout }, () => {
  for (const [host, words] of [
    [{ Privileged: true }, /Privileged/], [{ NetworkMode: 'host' }, /NetworkMode/], [{ PidMode: 'host' }, /PidMode/], [{ PidMode: 'container:x' }, /PidMode/],
    [{ IpcMode: 'host' }, /IpcMode/], [{ UTSMode: 'host' }, /UTSMode/], [{ UsernsMode: 'host' }, /UsernsMode/], [{ CgroupnsMode: 'host' }, /CgroupnsMode/],
    [{ CapAdd: ['SYS_ADMIN'] }, /CapAdd "SYS_ADMIN"/], [{ CapAdd: ['CHOWN', 'cap_sys_ptrace'] }, /cap_sys_ptrace/], [{ CapAdd: ['ALL'] }, /ALL/],
    [{ SecurityOpt: ['seccomp=unconfined'] }, /seccomp=unconfined/], [{ SecurityOpt: ['apparmor:unconfined'] }, /apparmor/], [{ SecurityOpt: ['label=disable'] }, /label/],
    [{ SecurityOpt: ['no-new-privileges=false'] }, /no-new-privileges/],
    [{ Devices: [{ PathOnHost: '/dev/sda', PathInContainer: '/dev/sda', CgroupPermissions: 'r' }] }, /Devices/], [{ MaskedPaths: [] }, /MaskedPaths/],
    [{ Binds: ['/var/run/docker.sock:/var/run/docker.sock'] }, /docker\.sock/], [{ Binds: ['/home/me/.docker/run/docker.sock:/x:ro'] }, /docker\.sock/],
    [{ Binds: ['/:/host:ro'] }, /Binds/], [{ Binds: ['/srv/../etc/:/x'] }, /Binds/], [{ Binds: ['/var:/x'] }, /Binds/], [{ VolumesFrom: ['other'] }, /VolumesFrom/],
    [{ Mounts: [{ Type: 'bind', Source: '/run/docker.sock', Target: '/x' }] }, /Mounts/]
  ]) {
    test(JSON.stringify(host), async () => {
      await assert.rejects(new DockerRunner().start({ profile: 'untrusted', HostConfig: host }), typed('ERR_INVALID_ARG_VALUE', words, /untrusted/))
    })
  }

  test('and nothing else', async (t) => {
    const runner = await started(t, {
      Image: BASH, profile: 'untrusted', Env: ['A=1'],
      HostConfig: { CapAdd: ['CHOWN'], Tmpfs: { '/work': 'size=1m' }, NetworkMode: 'bridge', Mounts: [{ Type: 'volume', Target: '/data' }] }
    })
    assert.equal((await runner.exec('ls /sys/class/net | wc -l')).stdout.trim(), '2')
    const { HostConfig: host } = await inspect(runner.container.id)
    assert.deepEqual([host.CapAdd, host.CapDrop, host.SecurityOpt], [['CHOWN'], ['ALL'], ['no-new-privileges']])
  })
})
