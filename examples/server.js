// A server that makes thumbnails of pictures that nobody trusts: each request has a sandbox of
// its own, taken from a pool of warm ones and thrown away with the answer.
//
//   npm i express
//   PORT=8080 node examples/server.js
//   curl --data-binary @picture.jpg -H 'Content-Type: image/jpeg' localhost:8080/thumbnail >thumbnail.jpg
//
// IMAGE names another image than the library's default; it has to have apt-get. SIZE and MAX
// are the pool's. EXPRESS is where express is, if not here.

const express = require(process.env.EXPRESS || 'express')
const DockerRunner = require('..')

const start = {
  Image: process.env.IMAGE,
  profile: 'untrusted',
  setup: [
    'export DEBIAN_FRONTEND=noninteractive',
    'apt-get update',
    'apt-get -y install --no-install-recommends graphicsmagick',
    'rm -rf /var/lib/apt/lists/*'
  ],
  cache: true
}
const CONVERT = "gm convert - -resize 120x120 +profile '*' jpg:-"

/** Answers with the thumbnail of the request's body, made in a sandbox that `sandbox()` gives. */
const thumbnail = (sandbox) => async (request, response, next) => {
  let runner
  try {
    runner = await sandbox()
    const { stdout } = await runner.exec(CONVERT, { input: request.body, encoding: 'buffer', maxBuffer: 1_000_000, timeout: 10_000 })
    response.type('image/jpeg').send(stdout)
  } catch (error) {
    next(error)
  } finally {
    runner?.stop().catch(console.error)
  }
}

const pool = new DockerRunner.DockerPool({ size: Number(process.env.SIZE) || 4, max: Number(process.env.MAX) || 8, start })
pool.on('error', (error) => console.error(error.message))

const app = express()
app.use(express.raw({ type: 'image/*', limit: '8mb' }))
app.post('/thumbnail', thumbnail(() => pool.acquire({ timeout: 30_000 })))
// The same without a pool, for comparison.
app.post('/thumbnail/cold', thumbnail(async () => {
  const runner = new DockerRunner()
  await runner.start(start)
  return runner
}))
app.get('/metrics', (request, response) => response.json(pool.metrics))
// A picture that can't be converted is the client's fault; that there's no sandbox is ours.
app.use((error, request, response, next) => {
  response.status(error.code === 'ERR_EXIT_CODE' ? 422 : 503).json({ code: error.code })
})

const server = app.listen(Number(process.env.PORT) || 8080, '127.0.0.1', () => {
  console.log(`listening on ${server.address().port}`)
})

process.once('SIGTERM', () => {
  server.close()
  pool.drain().catch(console.error)
})
