'use strict'

// Files in the container, through programs in it: as its user, and in whatever it sees.

const { fileURLToPath } = require('node:url')
const { DockerExecError, describe, invalid, unwrap } = require('./errors.js')
const { bytes, isInput, pieces } = require('./input.js')
const { checkOptions, isText, whole } = require('./options.js')

/** What is shown of a program's own words, in characters. */
const SHOWN = 2000

const MODE = [whole(0, 0o777), 'a number from 0 to 0o777']
const ENCODING = [(value) => value === 'buffer' || Buffer.isEncoding(value), "'buffer' or an encoding of Node's"]
const BOUND = [whole(1, Number.MAX_SAFE_INTEGER), 'a whole number above 0']
const FLAG = [(value) => typeof value === 'boolean', 'true or false']

const WRITE = `
case $1 in */*) mkdir -p -- "\${1%/*}/" || exit ;; esac
cat >"$1" || exit
[ -z "$2" ] || chmod "$2" -- "$1"`
const LIST = `
cd -- "$1" || exit
for name in * .*; do
  case $name in .|..) continue ;; esac
  [ -e "$name" ] || [ -L "$name" ] || continue
  printf '%s\\0' "$name"
done`

async function writeFile(start, path, data, options) {
  const { mode } = checkOptions(options, { mode: undefined }, { mode: MODE })
  if (!isInput(data)) throw invalid(`data must be a string, a Buffer, a Readable or an iterable of these, not ${describe(data)}`)
  await run(start, WRITE, path, [mode?.toString(8) ?? ''], { input: pieces(data) })
}

async function readFile(start, path, options) {
  const { encoding, maxBytes } = checkOptions(options, { encoding: 'buffer', maxBytes: 256 * 1024 * 1024 }, { encoding: ENCODING, maxBytes: BOUND })
  const { stdout } = await run(start, 'exec cat -- "$1"', path, [], { maxBytes })
  return encoding === 'buffer' ? stdout : stdout.toString(encoding)
}

async function mkdir(start, path) {
  await run(start, 'exec mkdir -p -- "$1"', path)
}

async function rm(start, path, options) {
  const { recursive, force } = checkOptions(options, { recursive: false, force: false }, { recursive: FLAG, force: FLAG })
  const flags = `${recursive ? ' -r' : ''}${force ? ' -f' : ''}`
  await run(start, `exec rm${flags} -- "$1"`, path)
}

const TYPES = { 0x1: 'fifo', 0x2: 'character', 0x4: 'directory', 0x6: 'block', 0x8: 'file', 0xa: 'symlink', 0xc: 'socket' }

async function stat(start, path) {
  const { stdout } = await run(start, `exec stat -L -c '%f %s %Y %u %g' -- "$1"`, path)
  const [mode, size, seconds, uid, gid] = stdout.toString().trim().split(' ')
  const bits = parseInt(mode, 16)
  return Object.freeze({ type: TYPES[bits >> 12], size: Number(size), mode: bits & 0o7777, mtime: new Date(seconds * 1000), uid: Number(uid), gid: Number(gid) })
}

async function exists(start, path) {
  return (await run(start, '[ -e "$1" ] && echo yes; exit 0', path)).stdout.length > 0
}

async function readdir(start, path) {
  const { stdout } = await run(start, LIST, path)
  return stdout.toString().split('\0').slice(0, -1).sort()
}

async function upload(upload, local, remote, options) {
  checkOptions(options, {}, {})
  unwrap(await upload(localPath(local), inContainer(remote)))
}

async function download(download, remote, local, options) {
  const defaults = { maxBytes: 4 * 1024 ** 3, maxEntries: 100_000, maxDepth: 64 }
  const { maxBytes, maxEntries, maxDepth } = checkOptions(options, defaults, { maxBytes: BOUND, maxEntries: BOUND, maxDepth: [whole(1, 1000), 'a number from 1 to 1000'] })
  unwrap(await download(inContainer(remote), localPath(local), { maxBytes, maxEntries, maxDepth }))
}

/** Runs a script of `sh` about a path; fails with its own words. */
async function run(start, script, path, more = [], { input = [], maxBytes = 64 * 1024 * 1024 } = {}) {
  const child = start('/bin/sh', ['-c', script, 'sh', inContainer(path), ...more])
  const ended = new Promise((resolve, reject) => child.once('close', resolve).on('error', reject))
  // A program that is over doesn't wait for a source that isn't.
  const fed = Promise.race([feed(child, input), ended.then(() => undefined)])
  const [stdout, stderr, problem] = await Promise.all([collect(child, child.stdout, maxBytes), collect(child, child.stderr, maxBytes), fed, ended])
  if (problem) throw failed(path, `the data failed: ${problem.message}`, { cause: problem })
  if (stdout === null) throw new DockerExecError(`${path}: it has more than the ${maxBytes} bytes that maxBytes allows`, 'ERR_UNSAFE_FILES')
  if (child.exitCode !== 0) throw failed(path, stderr?.toString().trim().slice(-SHOWN) || `exit code ${child.exitCode}`)
  return { stdout }
}

/** A stream's bytes, or null where there are more than `limit`: the program is ended then. */
async function collect(child, stream, limit) {
  const chunks = []
  let size = 0
  for await (const chunk of stream) {
    size += chunk.length
    if (size <= limit) chunks.push(chunk)
    else child.kill('SIGKILL')
  }
  return size <= limit ? Buffer.concat(chunks) : null
}

/** Gives a program its input; resolves with what its source has failed with, if it has. */
async function feed(child, input) {
  const { stdin } = child
  // Its exit code says why it takes no more.
  stdin.on('error', () => {})
  try {
    for await (const chunk of input) {
      if (stdin.destroyed) break
      if (!stdin.write(bytes(chunk))) await room(stdin)
    }
    stdin.end()
  } catch (error) {
    child.kill('SIGKILL')
    return error
  }
}

/** Resolves when a stream takes more, or nothing any more. */
function room(stream) {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done).off('close', done)
      resolve()
    }
    stream.on('drain', done).on('close', done)
  })
}

const failed = (path, reason, details) => new DockerExecError(`${path}: ${reason}`, 'ERR_FILE', details)

/** A path that no program takes for an option. */
function inContainer(path) {
  if (!isText(path)) throw invalid(`a path must be text without NUL, not ${describe(path)}`)
  return path.startsWith('-') ? `./${path}` : path
}

function localPath(path) {
  if (path instanceof URL) return fileURLToPath(path)
  if (!isText(path)) throw invalid(`a path must be text without NUL, or a file: URL, not ${describe(path)}`)
  return path
}

module.exports = { download, exists, mkdir, readFile, readdir, rm, stat, upload, writeFile }
