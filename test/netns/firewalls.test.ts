/**
 * Real processes in real networks, ours and real agents mixed: what is lost or blocked on the way, who stays alive all the same, who is failed by
 * everybody, and what our members then say is the matter.
 *
 *     our-judge    real-judge      nobody does anything to these two
 *     our-victim   real-victim     these two have the trouble
 */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { MemberPath, Profile } from 'folkmoot'
import { eventually, withoutSerf } from '../interop/serf-agent.ts'
import { allAlive, Ours, Real, type Sailor } from './crew.ts'
import { Harbour, type Wall, withoutNamespaces } from './harbour.ts'

const patience = { within: 60_000, every: 500 }
/** Longer than a suspicion that somebody confirms lasts. */
const LONG_ENOUGH = 6_000

interface Scene {
  harbour: Harbour
  ourJudge: Ours
  realJudge: Real
  ourVictim: Ours
  realVictim: Real
  all: readonly Sailor[]
}

async function assemble(
  t: TestContext,
  weather: readonly Wall[] = [],
  profile: Profile = 'local',
): Promise<Scene> {
  const harbour = new Harbour(t)
  const berths = [harbour.berth(), harbour.berth(), harbour.berth(), harbour.berth()]
  harbour.wall(...weather)
  const options = { reconnectInterval: 1_000, profile }
  const [ourJudge, realJudge, ourVictim, realVictim] = await Promise.all([
    Ours.start(t, berths[0], 'our-judge', options),
    Real.start(t, berths[1], 'real-judge', profile),
    Ours.start(t, berths[2], 'our-victim', options),
    Real.start(t, berths[3], 'real-victim', profile),
  ])
  const all = [ourJudge, realJudge, ourVictim, realVictim]
  await allAlive(all, 'join')
  return { harbour, ourJudge, realJudge, ourVictim, realVictim, all }
}

/** Waits until the paths of a member to others are these. */
async function paths(of: Ours, wanted: Record<string, MemberPath['status']>): Promise<void> {
  let seen = ''
  await eventually(
    `paths of ${of.name}`,
    async () => {
      const found = await of.word()
      seen = JSON.stringify(found.paths)
      return found.paths.every(({ name, status }) => wanted[name] === undefined || wanted[name] === status)
    },
    patience,
  ).catch((error: Error) => {
    throw new Error(`${error.message}: ${seen}`)
  })
}

async function healed({ harbour, all, ourJudge, ourVictim }: Scene): Promise<void> {
  harbour.wall()
  await allAlive(all, 'wait')
  for (const one of [ourJudge, ourVictim]) {
    const others = all.filter((other) => other !== one)
    await paths(one, Object.fromEntries(others.map(({ name }) => [name, 'UDP works'])))
  }
}

async function nobodyFailed(all: readonly Sailor[]): Promise<void> {
  for (const one of all) assert.deepEqual(await one.sawFail(), [], `${one.name} saw somebody fail`)
}

describe('firewalls and loss', { concurrency: true, skip: withoutNamespaces || withoutSerf }, () => {
  const cases: { what: string; walls(victim: Sailor): Wall; cause: MemberPath['status'] }[] = [
    {
      what: 'out of two members',
      walls: ({ berth }) => ({ from: berth }),
      cause: 'its packets come, ours stay without an answer',
    },
    { what: 'into two members', walls: ({ berth }) => ({ to: berth }), cause: 'no answer' },
  ]
  for (const { what, walls, cause } of cases) {
    test(`nothing gets ${what}: both kinds fail both, nobody else is failed, all comes back`, async (t) => {
      // Serf's local profile says a thing twice, and here two of three others are deaf: real agents' refutations would get lost.
      const scene = await assemble(t, [], 'lan')
      const { harbour, ourJudge, realJudge, ourVictim, realVictim, all } = scene
      harbour.wall(walls(ourVictim), walls(realVictim))
      const victims = [ourVictim.name, realVictim.name]
      for (const judge of [ourJudge, realJudge]) {
        await eventually(
          `${judge.name} fails both`,
          async () => (await judge.listed('failed')).join() === victims.join(),
          patience,
        )
      }
      // Who hears others and is not heard knows that it is itself the one with the firewall. They fall silent as soon as they hold it dead.
      await eventually(
        'the victim has the cause',
        async () => (await ourVictim.word()).paths.some(({ status }) => status === cause),
        patience,
      )
      // Before the wall falls: a victim that gave the judges up meanwhile says so at once then, and a death is believed until it is refuted.
      for (const judge of [ourJudge, realJudge]) {
        assert.deepEqual(new Set(await judge.sawFail()), new Set(victims), `seen by ${judge.name}`)
      }
      await healed(scene)
      assert.deepEqual(await ourJudge.listed('alive'), all.map(({ name }) => name).sort())
    })
  }
  const HEARD = 'UDP out fails, TCP works'
  const UNHEARD = 'UDP fails, TCP works'
  test('UDP does not get out of two members, TCP does: all stay alive, and each member of ours names the way that is closed', async (t) => {
    const scene = await assemble(t)
    const { harbour, ourJudge, realJudge, ourVictim, realVictim, all } = scene
    harbour.wall({ from: ourVictim.berth, protocol: 'udp' }, { from: realVictim.berth, protocol: 'udp' })
    await sleep(LONG_ENOUGH)
    await paths(ourJudge, { 'our-victim': UNHEARD, 'real-victim': UNHEARD, 'real-judge': 'UDP works' })
    await paths(ourVictim, { 'our-judge': HEARD, 'real-judge': HEARD, 'real-victim': UNHEARD })
    await nobodyFailed(all)
    const { stats, findings } = await ourVictim.word({ examine: true })
    assert.ok(stats.detector['probe.acked-stream'] > 0)
    assert.deepEqual([stats.detector['paths.impaired'], stats.detector['paths.one-way']], [3, 2])
    assert.ok(
      findings.some(({ about, text }) => about === 'our-judge' && text.includes('from us to it is blocked')),
    )
    assert.match(realJudge.log, /Was able to connect to our-victim but other probes failed/)
    await healed(scene)
    await nobodyFailed(all)
  })

  test('UDP does not get into two members, TCP does: all stay alive, and each member of ours names the way that is closed', async (t) => {
    const scene = await assemble(t)
    const { harbour, ourJudge, ourVictim, realVictim, all } = scene
    harbour.wall({ to: ourVictim.berth, protocol: 'udp' }, { to: realVictim.berth, protocol: 'udp' })
    await sleep(LONG_ENOUGH)
    await paths(ourJudge, { 'our-victim': HEARD, 'real-victim': HEARD, 'real-judge': 'UDP works' })
    await paths(ourVictim, { 'our-judge': UNHEARD, 'real-judge': UNHEARD, 'real-victim': UNHEARD })
    await nobodyFailed(all)
    await healed(scene)
    await nobodyFailed(all)
  })
  test('nothing gets from each victim to one judge: helpers keep all alive, and are named as what does', async (t) => {
    const scene = await assemble(t)
    const { harbour, ourJudge, realJudge, ourVictim, realVictim, all } = scene
    harbour.wall(
      { from: ourVictim.berth, to: realJudge.berth },
      { from: realVictim.berth, to: ourJudge.berth },
    )
    await sleep(LONG_ENOUGH)
    await paths(ourVictim, { 'real-judge': 'UDP out fails, helpers reach it', 'our-judge': 'UDP works' })
    await paths(ourJudge, { 'real-victim': 'UDP fails, helpers reach it', 'our-victim': 'UDP works' })
    await nobodyFailed(all)
    await healed(scene)
    await nobodyFailed(all)
  })
  test('UDP is blocked everywhere, TCP is open: all stay alive, and every path is known to be impaired', async (t) => {
    const scene = await assemble(t, [{ protocol: 'udp' }])
    const { realJudge, realVictim, ourJudge, ourVictim, all } = scene
    await sleep(LONG_ENOUGH)
    for (const one of [ourJudge, ourVictim]) {
      await eventually(
        'all paths are impaired',
        async () => (await one.word()).stats.detector['paths.impaired'] === 3,
        patience,
      )
      const { stats } = await one.word()
      assert.equal(stats.detector['probe.acked-direct'], undefined)
      assert.ok(stats.detector['probe.acked-stream'] > 0)
      assert.equal(stats.detector['paths.one-way'], 0)
    }
    for (const one of [realJudge, realVictim])
      assert.match(one.log, /Was able to connect to our-\w+ but other probes failed/)
    await nobodyFailed(all)
    await healed(scene)
  })

  test('30% of all datagrams are lost: all find each other and stay alive', async (t) => {
    const { all, ourJudge, ourVictim } = await assemble(t, [{ protocol: 'udp', share: 30 }])
    await sleep(LONG_ENOUGH)
    await nobodyFailed(all)
    for (const one of [ourJudge, ourVictim])
      await eventually(
        'lost acks are made up for, and others come',
        async () => {
          const { detector } = (await one.word()).stats
          const helped = (detector['probe.acked-relayed'] ?? 0) + (detector['probe.acked-stream'] ?? 0)
          return helped > 0 && (detector['probe.acked-direct'] ?? 0) > 0
        },
        { within: 60_000, every: 500 },
      )
    await nobodyFailed(all)
  })
})
