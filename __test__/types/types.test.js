'use strict'

// index.d.ts against programs that must compile, and lines that must not.

const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const path = require('node:path')
const { test } = require('node:test')

const tsc = path.join(__dirname, '../../node_modules/typescript/bin/tsc')

for (const [config, how] of [['tsconfig.json', 'by Node'], ['tsconfig.bundler.json', 'by a bundler'], ['tsconfig.commonjs.json', 'as CommonJS']]) {
  test(`index.d.ts serves programs that are resolved ${how}`, { timeout: 120_000 }, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', path.join(__dirname, config)], { encoding: 'utf8' })
    assert.equal(status, 0, stdout + stderr)
  })
}

test('Node resolves the package by its name', async () => {
  const DockerRunner = require('docker-exec-napi')
  const imported = await import('docker-exec-napi')
  assert.equal(DockerRunner, require('../..'))
  assert.equal(imported.default, DockerRunner)
  assert.equal(imported.DockerRunner, DockerRunner)
  assert.equal(require('docker-exec-napi/package.json').name, 'docker-exec-napi')
})
