// Makes a thumbnail of a picture that nobody trusts, in a sandbox without network, rights or
// disk: the picture is handed in, the thumbnail handed out. GraphicsMagick is installed the
// first time; from then on every sandbox starts from that image.
//
//   node examples/untrusted.js PICTURE THUMBNAIL
//
// IMAGE names another image than the library's default; it has to have apt-get.

const DockerRunner = require('..')
const { readFile, writeFile } = require('node:fs/promises')

const options = {
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

async function main(picture, thumbnail) {
  const runner = new DockerRunner()
  runner.on('setup:progress', ({ data }) => process.stdout.write(data))
  try {
    await timed('start', () => runner.start(options))
    await timed('hand the picture in', async () => runner.writeFile('picture', await readFile(picture)))
    const convert = "gm convert picture -resize 120x120 +profile '*' jpg:thumbnail && gm identify thumbnail"
    const { stdout } = await timed('convert it', () => runner.exec(convert, { timeout: 10_000 }))
    await timed('hand the thumbnail out', async () => writeFile(thumbnail, await runner.readFile('thumbnail', { maxBytes: 1_000_000 })))
    console.log(stdout.trim())
  } finally {
    await timed('stop', () => runner.stop())
  }
  console.log(`thumbnail: ${thumbnail}`)
}

async function timed(what, act) {
  const began = performance.now()
  const result = await act()
  console.log(`${((performance.now() - began) / 1000).toFixed(2).padStart(8)} s  ${what}`)
  return result
}

const [picture, thumbnail] = process.argv.slice(2)
if (!thumbnail) {
  console.error('usage: node examples/untrusted.js PICTURE THUMBNAIL')
  process.exitCode = 2
} else {
  main(picture, thumbnail).catch((error) => {
    console.error(error.message)
    process.exitCode = 1
  })
}
