'use strict'

// What is asked of this package, as ratios of medians in one run.

/** What a run's results say of each limit whose cases were run. */
function limits(results) {
  const rows = Object.values(results).flat()
  const peers = (name) => rows.find((row) => row.case === name)?.peers
  const median = (name, peer) => peers(name)?.[peer]?.median
  /** How many times as much as `base` takes `peer`. */
  const times = (name, peer, base) => median(name, peer) / median(name, base)
  const most = (what, must, is, unit = '×') => ({ what, must: `≤ ${must}${unit}`, is, met: is <= must })
  const least = (what, must, is) => ({ what, must: `≥ ${must}×`, is, met: is >= must })
  const GIB = '1 GiB in writes of 32 KiB'
  const queues = peers('run() that waits: until they have run, each')
  return [
    most("exec(':') against the floor, same script", 1.25, times(':', 'exec()', 'floor, same script')),
    most("exec(':') against the floor, plain", 2, times(':', 'exec()', 'floor, plain')),
    least("exec(':'): faster than docker-exec 0.3.0, mended", 1.6, times(':', 'docker-exec 0.3.0, mended', 'exec()')),
    least("exec(':'): faster than dockerode's exec", 150, times(':', 'dockerode exec', 'exec()')),
    least("exec(':'): faster than the CLI's exec", 180, times(':', 'docker exec (CLI)', 'exec()')),
    least('1 GiB captured, of the floor', 0.95, times(GIB, 'captured', 'floor, plain, captured')),
    least('1 GiB discarded, of the floor', 0.95, times(GIB, 'discarded', 'floor, plain, discarded')),
    least('1 GiB streamed, of the floor', 0.85, times(GIB, 'streamed', 'floor, plain, discarded')),
    least("1 GiB streamed, of dockerode's", 1.5, times(GIB, 'streamed', 'streamed by dockerode')),
    most("loop delay, p99, of dockerode's", 0.25, times(`${GIB}: loop delay, p99`, 'streamed', 'streamed by dockerode')),
    most('peak RSS above idle, streamed', 45, median(`${GIB}: peak RSS above idle`, 'streamed'), ' MiB'),
    least("frames of 64 bytes, of dockerode's", 50, times('64 MiB in frames of 64 bytes', 'streamed', 'streamed by dockerode')),
    most('start against raw create, attach, start', 1.05, times('on the bridge', 'start() and exec()', 'raw create, attach, start')),
    least("start without network: faster than the CLI's run", 2.5, times('without network', 'docker run (CLI)', 'start() and exec()')),
    most('pool.acquire() when warm', 1, median('warm, without network', 'pool.acquire()'), ' ms'),
    least('pool.acquire(): faster than a start', 100, median('without network', 'start() and exec()') / median('warm, without network', 'pool.acquire()')),
    most('RSS of each of 90 more runners', 40, median('each of 90 more runners', 'kB of RSS'), ' kB'),
    most('descriptors of each', 1, Math.round(median('each of 90 more runners', 'descriptors')), ''),
    most('threads of each', 0, median('each of 90 more runners', 'threads'), ''),
    most('100,000 waiting commands: RSS each', 300, median('run() that waits: RSS each', '100000 commands'), ' bytes'),
    most('100,000 waiting commands: time each, against 1,000', 1.2, queues?.['100000 commands'].median / queues?.['1000 commands'].median)
  ].filter(({ is }) => Number.isFinite(is))
}

module.exports = limits
