'use strict'

// examples/server.js under load, on loopback: a sandbox from the pool, a container started for
// each request, and `docker run` for each. `scripts/bench server`

const { execFile, spawn } = require('node:child_process')
const http = require('node:http')
const { once } = require('node:events')
const { join } = require('node:path')
const { promisify } = require('node:util')
const DockerRunner = require('..')

const peers = process.argv[2]
const autocannon = require(join(peers, 'node_modules/autocannon'))
const PORT = 18080
const SECONDS = 12

/** A request now and then, whose time tells; and as many as can be, whose number tells. */
const LOADS = { 'two a second': { connections: 2, overallRate: 2 }, 'all that can be': { connections: 4 } }

async function main() {
  const server = spawn(process.execPath, [join(__dirname, '../examples/server.js')], {
    env: { ...process.env, PORT, SIZE: 6, MAX: 10, EXPRESS: join(peers, 'node_modules/express') }, stdio: ['ignore', 'pipe', 'inherit']
  })
  await once(server.stdout, 'data')
  // The first one also has the set-up done.
  const runner = new DockerRunner()
  const setup = ['export DEBIAN_FRONTEND=noninteractive', 'apt-get update', 'apt-get -y install --no-install-recommends graphicsmagick', 'rm -rf /var/lib/apt/lists/*']
  await runner.start({ profile: 'untrusted', setup, cache: true })
  await runner.exec('gm convert -size 640x480 plasma:fractal picture.jpg')
  const picture = await runner.readFile('picture.jpg')
  const { stdout } = await promisify(execFile)('docker', ['inspect', '--format', '{{.Config.Image}}', runner.container.id])
  await runner.stop()

  const plain = http.createServer((request, response) => {
    const script = "gm convert - -resize 120x120 +profile '*' jpg:-"
    const run = ['run', '--rm', '-i', '--network', 'none', '--read-only', '--tmpfs', '/tmp', '--workdir', '/tmp', '--user', '65534', stdout.trim(), 'sh', '-c', script]
    const child = execFile('docker', run, { encoding: 'buffer', maxBuffer: 1e6 }, (error, thumbnail) => {
      response.writeHead(error ? 503 : 200, { 'Content-Type': 'image/jpeg' }).end(thumbnail)
    })
    request.pipe(child.stdin)
  }).listen(PORT + 1, '127.0.0.1')

  const rows = {}
  for (const [load, how] of Object.entries(LOADS)) for (const [name, url] of Object.entries({
    'a pooled sandbox': `http://127.0.0.1:${PORT}/thumbnail`,
    'a start for each': `http://127.0.0.1:${PORT}/thumbnail/cold`,
    'docker run for each': `http://127.0.0.1:${PORT + 1}/`
  })) {
    const { requests, latency, non2xx, errors } = await autocannon({
      url, method: 'POST', body: picture, headers: { 'Content-Type': 'image/jpeg' }, ...how, duration: SECONDS, timeout: 60
    })
    rows[`${load}: ${name}`] = { 'requests/s': requests.average, 'p50, ms': latency.p50, 'p99, ms': latency.p99, errors: errors + non2xx }
  }
  plain.close()
  plain.closeAllConnections()
  server.kill()
  await once(server, 'exit')
  console.table(rows)
}

main()
