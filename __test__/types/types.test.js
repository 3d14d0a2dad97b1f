'use strict'

// index.d.ts against programs that must compile, and lines that must not.

const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const path = require('node:path')
const { test } = require('node:test')

const tsc = path.join(__dirname, '../../node_modules/typescript/bin/tsc')

for (const [config, how] of [
  ['tsconfig.json', 'resolved by Node'], ['tsconfig.bundler.json', 'resolved by a bundler'], ['tsconfig.commonjs.json', 'CommonJS'],
  ['tsconfig.es2022.json', 'written for ES2022']
]) {
  test(`index.d.ts serves programs that are ${how}`, { timeout: 120_000 }, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', path.join(__dirname, config)], { encoding: 'utf8' })
    assert.equal(status, 0, stdout + stderr)
  })
}

test('Node resolves the package by its name', async () => {
  const DockerRunner = require('docker-exec-napi')
  const imported = await import('docker-exec-napi')
  assert.equal(DockerRunner, require('../..'))
  assert.equal(imported.default, DockerRunner)
  for (const name of ['DockerRunner', 'DockerSession', 'DockerExecError', 'ExecError', 'quote']) {
    assert.equal(imported[name], DockerRunner[name])
    assert.equal(typeof imported[name], 'function', name)
  }
  assert.equal(require('docker-exec-napi/package.json').name, 'docker-exec-napi')
})
