/**
 * Hosts that hang, in full, judged by real agents. With `fail` after 10 s one that is blocked for ever becomes failed in 10 s plus the time of a detection.
 * With `tag` after 10 s the agents show the tag within 2 s, lose it within 2 s of recovery, and tell of no failure and no join.
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemberProcess } from '../interop/member.ts'
import { twoAgents } from '../interop/pool.ts'
import { freshIp, type SerfAgent } from '../interop/serf-agent.ts'

const AFTER = 10_000
const FOR_EVER = 3_600_000
/** A host that comes back. */
const A_WHILE = 25_000
/** What a tag may take to be seen, and to be gone. */
const SOON = 2_000
/**
 * The longest detection in a pool of three at `lan` timings: each is probed every second interval, the suspicion lasts 4 s with confirmations and up to
 * six times as long without, and the agents are asked every 100 ms.
 */
const DETECTION = 2_000 + 24_000 + 2_000

interface Hanging {
  agents: [SerfAgent, SerfAgent]
  host: MemberProcess
}

async function inPool<Found>(
  action: 'fail' | 'tag',
  watch: (pool: Hanging) => Promise<Found>,
): Promise<Found> {
  const endings: (() => unknown)[] = []
  const scope = { after: (end: () => unknown) => void endings.push(end) }
  try {
    const agents = await twoAgents(scope, 'lan')
    const host = await MemberProcess.start(scope, {
      nodeName: `hangs-${action}`,
      bind: `${freshIp()}:0`,
      profile: 'lan',
      hostStall: { after: AFTER, action },
    })
    await host.join([agents[0].address])
    for (const agent of agents) await agent.sees(host.name, 'alive')
    await sleep(3_000)
    return await watch({ agents, host })
  } finally {
    for (const end of endings.reverse()) await end()
  }
}

/** Asks every 100 ms until it is so, and says at what time it was. */
async function at(what: string, within: number, isSo: () => Promise<boolean>): Promise<number> {
  const endsAt = performance.now() + within
  for (;;) {
    if (await isSo()) return performance.now()
    assert.ok(performance.now() < endsAt, `not within ${within} ms: ${what}`)
    await sleep(100)
  }
}

async function tagged(agents: SerfAgent[], name: string, tag: 'true' | undefined): Promise<boolean> {
  const members = await Promise.all(agents.map((agent) => agent.member(name)))
  return members.every((member) => member?.tags['host-stalled'] === tag)
}

async function failing({ agents, host }: Hanging): Promise<unknown> {
  const startedAt = performance.now()
  // It never comes back: its process is killed when all is over.
  host.busy('block', FOR_EVER).catch(() => undefined)
  const isFailed = async () =>
    (await Promise.all(agents.map((agent) => agent.member(host.name)))).every(
      (one) => one?.status === 'failed',
    )
  const failedAfter = (await at('failed at both agents', AFTER + DETECTION, isFailed)) - startedAt
  assert.ok(failedAfter >= AFTER, `already after ${failedAfter} ms`)
  return { after: AFTER, failedAfter: Math.round(failedAfter), bound: AFTER + DETECTION }
}

async function tagging({ agents, host }: Hanging): Promise<unknown> {
  const startedAt = performance.now()
  const busy = host.busy('block', A_WHILE)
  const shownAt = await at('the tag at both agents', AFTER + SOON + 5_000, () =>
    tagged(agents, host.name, 'true'),
  )
  await busy
  const recoveredAt = performance.now()
  const goneAt = await at('no tag at both agents', SOON + 5_000, () => tagged(agents, host.name, undefined))
  const shownAfter = Math.round(shownAt - startedAt - AFTER)
  const goneAfter = Math.round(goneAt - recoveredAt)
  assert.ok(shownAfter <= SOON, `shown ${shownAfter} ms after the threshold`)
  assert.ok(goneAfter <= SOON, `gone ${goneAfter} ms after recovery`)
  for (const { log } of agents) {
    assert.ok(!log.includes(`EventMemberFailed: ${host.name}`))
    assert.equal(log.split(`EventMemberJoin: ${host.name}`).length, 2, 'one join')
  }
  return { after: AFTER, shownAfter, goneAfter }
}

export async function prove(): Promise<unknown> {
  return { fail: await inPool('fail', failing), tag: await inPool('tag', tagging) }
}
