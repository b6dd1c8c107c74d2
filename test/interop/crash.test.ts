/**
 * Crashes with real agents as the judges: each actor of a member throws, ends, or runs out of memory, and no peer counts the member out. The pool is
 * encrypted with a key that came at run time, so that a member that forgot its keys would be gone.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { ActorExited, type Cluster, type ClusterEvent, type ClusterOptions } from 'folkmoot'
import type { ActorName } from '../../src/actors/mail.ts'
import { type Fault, type Faults, plant } from '../../workers/faults.ts'
import { addressOf, startMember } from './pool.ts'
import { eventually, SerfAgent, withoutSerf } from './serf-agent.ts'

const ACTORS: readonly ActorName[] = ['detector', 'gossip', 'dispatch']
/** What a thread may take before it is out of memory: little, so that it is soon. */
const LITTLE = { maxOldGenerationSizeMb: 40, maxYoungGenerationSizeMb: 8 }
const CASES: { name: string; threads: 'per-actor' | 'one'; faults: readonly Fault[] }[] = [
  { name: 'throws', threads: 'per-actor', faults: ['throw', 'throw', 'throw'] },
  { name: 'ends', threads: 'per-actor', faults: ['exit', 'exit', 'exit'] },
  { name: 'hoards', threads: 'per-actor', faults: ['memory', 'memory', 'memory'] },
  { name: 'all-in-one', threads: 'one', faults: ['throw', 'exit', 'memory'] },
]

interface Subject {
  cluster: Cluster
  faults: Faults
  restarts: (ClusterEvent & { type: 'restarted' })[]
  heard: string[]
}

async function start(t: TestContext, options: ClusterOptions & { nodeName: string }): Promise<Subject> {
  const faults = plant(options.nodeName, LITTLE)
  const cluster = await startMember(t, options)
  const restarts: Subject['restarts'] = []
  const heard: string[] = []
  cluster.on('restarted', (event) => restarts.push(event))
  cluster.on('user-event', ({ name }) => heard.push(name))
  return { cluster, faults, restarts, heard }
}

/** Handles of this process that a thread or a socket of ours would hold. */
function handles(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo())
    if (/Worker|MessagePort|UDP|TCP/.test(kind)) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

async function strike({ cluster, faults, restarts }: Subject, actor: ActorName, fault: Fault): Promise<void> {
  const before = cluster.localMember().incarnation
  const pending = cluster.query('nobody-answers', 'x', { timeout: 60_000, nodes: ['nobody'] })
  const refused = assert.rejects(pending.finished, { code: 'ERR_ACTOR_EXITED' })
  const count = restarts.length
  faults.strike(actor, fault)
  await eventually(`${actor} is restarted after ${fault}`, () => restarts.length > count, { within: 60_000 })
  await refused
  const text = String(restarts.at(-1)?.error)
  if (fault === 'throw') assert.match(text, /TypeError/)
  if (fault === 'memory') assert.match(text, /memory/)
  assert.ok(cluster.localMember().incarnation > before)
}

describe('crashes in a pool with real agents', { skip: withoutSerf }, () => {
  test('each actor throws, ends and runs out of memory: no peer sees a failure; keys, tags, snapshot and port survive', async (t) => {
    const [old, key] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')]
    const one = await SerfAgent.start(t, { name: 'agent-one', encrypt: old })
    const two = await SerfAgent.start(t, { name: 'agent-two', encrypt: old })
    await two.join(one.address)
    const folder = await mkdtemp(join(tmpdir(), 'folkmoot-crash-'))
    const subjects = await Promise.all(
      CASES.map(async ({ name, threads }) => {
        const snapshotPath = join(folder, `${name}.snapshot`)
        const subject = await start(t, { nodeName: name, threads, encryptionKeys: [old], snapshotPath })
        await subject.cluster.join([one.address])
        return subject
      }),
    )
    for (const { name } of CASES) for (const agent of [one, two]) await agent.sees(name, 'alive')
    const [{ cluster }] = subjects
    await eventually('all know all', () =>
      subjects.every((each) => each.cluster.memberCount === CASES.length + 2),
    )
    await cluster.keys.install(key)
    await cluster.keys.use(key)
    await cluster.keys.remove(old)
    await Promise.all(subjects.map((subject, i) => subject.cluster.setTags({ case: `${i}` })))

    for (const [round, actor] of ACTORS.entries()) {
      await Promise.all(subjects.map((subject, i) => strike(subject, actor, CASES[i].faults[round])))
      await one.event(`after-${actor}`, '', { coalesce: false })
      for (const { heard } of subjects) {
        const hears = () => heard.includes(`after-${actor}`)
        await eventually(`an event after the crash of ${actor} is heard`, hears, { within: 40_000 })
      }
    }

    for (const [i, { name }] of CASES.entries()) {
      for (const agent of [one, two]) {
        const seen = await agent.sees(name, 'alive')
        assert.equal(seen.addr, addressOf(subjects[i].cluster))
        assert.deepEqual(seen.tags, { case: `${i}` })
        assert.ok(
          !new RegExp(`EventMember(Failed|Leave): ${name}`).test(agent.log),
          `${name} was counted out`,
        )
      }
      assert.deepEqual(
        subjects[i].heard.filter((event) => event.startsWith('after-')),
        ACTORS.map((actor) => `after-${actor}`),
      )
    }
    const keys = await eventually('all tell their keys', async () => {
      const { keys } = await cluster.keys.list()
      return Object.values(keys).every((count) => count === CASES.length + 2) && keys
    })
    assert.deepEqual(Object.keys(keys), [key])
    for (const { name } of CASES) {
      const snapshot = await readFile(join(folder, `${name}.snapshot`), 'utf8')
      for (const agent of [one, two]) assert.match(snapshot, new RegExp(`^alive: ${agent.name} `, 'm'))
      assert.match(snapshot, /^event-clock: [1-9]/m)
    }
  })

  test('no handle is left by a restart, nor by the end after three of them, which is said to all who wait', async (t) => {
    const agent = await SerfAgent.start(t, { name: 'agent' })
    const empty = handles()
    const subject = await start(t, { nodeName: 'often' })
    const { cluster, faults } = subject
    await cluster.join([agent.address])
    const fatal = once(cluster, 'fatal')
    await strike(subject, 'gossip', 'throw')
    const before = handles()
    await strike(subject, 'detector', 'exit')
    await strike(subject, 'dispatch', 'memory')
    assert.deepEqual(handles(), before)
    const waiting = assert.rejects(cluster.query('q', 'x', { timeout: 60_000, nodes: ['nobody'] }).finished, {
      code: 'ERR_ACTOR_EXITED',
    })
    faults.strike('gossip', 'exit')
    const [death] = await fatal
    assert.ok(death instanceof ActorExited && death.actor === 'gossip', String(death))
    await waiting
    assert.equal(cluster.state, 'shutdown')
    await cluster.shutdown()
    await assert.rejects(cluster.userEvent('too-late'), { code: 'ERR_ACTOR_EXITED' })
    await eventually('no handle is left', () => JSON.stringify(handles()) === JSON.stringify(empty))
  })
})
