'use strict'

// Containers that their owner left behind, and those that it didn't.

const assert = require('node:assert')
const { describe, test } = require('node:test')
const { DockerRunner, api, gone, inspect, mine, node, started, timeout } = require('./helpers.js')

const CREATE = `new DockerRunner().createContainer(options).then(({ id }) => { say('created', id); setInterval(() => {}, 1000) })`
const PLACE = 'docker-exec-napi.place'

/** A process that has created a container, and the container's id. */
async function owner(t, own, how) {
  const program = node(t, CREATE, { options: own.options(), ...how })
  return { program, id: await program.said('created') }
}

/** A container that says that it's one of ours. */
async function impostor(t, labels) {
  const own = mine()
  const runner = await started(t, own.options())
  const { Config } = await inspect(runner.container.id)
  const { Id } = await api('POST', '/containers/create', { Image: Config.Image, Labels: { ...Config.Labels, ...labels } })
  t.after(() => api('DELETE', `/containers/${Id}?force=1`))
  await runner.stop()
  return Id
}

describe('prune()', { timeout }, () => {
  test('a container tells whose it is', async (t) => {
    const own = mine()
    const { program, id } = await owner(t, own)
    const { Config: { Labels } } = await inspect(id)
    assert.equal(Labels['docker-exec-napi.version'], require('../package.json').version)
    assert.equal(Labels['docker-exec-napi.host'], require('node:os').hostname())
    assert.equal(Labels['docker-exec-napi.pid'], String(program.child.pid))
    assert.match(Labels['docker-exec-napi.started'], /^\d+$/)
  })

  test('what a killed program had only created is removed, and what a live one has is not', async (t) => {
    const own = mine()
    const [dead, alive] = [await owner(t, own), await owner(t, own)]
    const runner = await started(t, own.options())
    dead.program.kill('SIGKILL')
    await dead.program.exited
    assert.equal((await inspect(dead.id)).State.Status, 'created')
    const { removed, unknown } = await DockerRunner.prune()
    assert.ok(removed.includes(dead.id), removed.join())
    const kept = [alive.id, runner.container.id]
    assert.deepEqual((await own.left()).sort(), kept.sort())
    assert.ok(!unknown.some((id) => kept.includes(id)), unknown.join())
    assert.equal(await runner.run('true'), 0)
    alive.program.kill('SIGKILL')
    await alive.program.exited
    await DockerRunner.prune()
    assert.deepEqual(await own.left(), [runner.container.id])
  })

  test('a paused container whose program was killed is removed', async (t) => {
    const own = mine()
    const program = node(t, `const r = new DockerRunner(); r.start(options).then(() => { say('started', r.container.id); setInterval(() => {}, 1000) })`, { options: own.options() })
    const id = await program.said('started')
    await api('POST', `/containers/${id}/pause`)
    program.kill('SIGKILL')
    await program.exited
    assert.deepEqual(await own.left(), [id])
    await DockerRunner.prune()
    await own.none()
  })

  test('one whose owner can not be seen from here is left alone, and named', async (t) => {
    const own = mine()
    const { id } = await owner(t, own, { by: ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'] })
    const { Config: { Labels } } = await inspect(id)
    assert.equal(Labels['docker-exec-napi.pid'], '1')
    const elsewhere = await impostor(t, { [PLACE]: 'another machine', 'docker-exec-napi.pid': '2147483647' })
    const { removed, unknown } = await DockerRunner.prune()
    assert.deepEqual([id, elsewhere].filter((id) => removed.includes(id)), [])
    assert.deepEqual([id, elsewhere].filter((id) => !unknown.includes(id)), [])
    await api('DELETE', `/containers/${id}?force=1`)
    await gone(id)
  })

  test("a container from an image that was made of one of ours is somebody else's", async (t) => {
    const own = mine()
    const { program, id } = await owner(t, own)
    const { Id: image } = await api('POST', `/commit?container=${id}`)
    t.after(() => api('DELETE', `/images/${image}?force=1`))
    program.kill('SIGKILL')
    await program.exited
    const { Id } = await api('POST', '/containers/create', { Image: image })
    t.after(() => api('DELETE', `/containers/${Id}?force=1`))
    const { removed, unknown } = await DockerRunner.prune()
    assert.ok(removed.includes(id))
    assert.ok(![...removed, ...unknown].includes(Id))
    assert.equal((await inspect(Id)).Id, Id)
  })

  test('it says when no engine is there', async () => {
    await assert.rejects(DockerRunner.prune({ socketPath: '/nonexistent.sock' }), { code: 'ERR_ENGINE_UNREACHABLE' })
    await assert.rejects(DockerRunner.prune({ colour: 'red' }), { code: 'ERR_INVALID_ARG_VALUE' })
  })
})
