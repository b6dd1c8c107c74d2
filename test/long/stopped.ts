/** A member that is stopped for thirty seconds and goes on, in a pool with real agents: it accuses nobody, and is alive everywhere again within two push/pulls. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemberProcess } from '../interop/member.ts'
import { twoAgents } from '../interop/pool.ts'
import { freshIp } from '../interop/serf-agent.ts'

const STOPPED_FOR = 30_000
/** Two push/pull intervals of the profile `local`. */
const WITHIN = 30_000

export async function prove(): Promise<unknown> {
  const endings: (() => unknown)[] = []
  const scope = { after: (end: () => unknown) => void endings.push(end) }
  try {
    const agents = await twoAgents(scope)
    const host = await MemberProcess.start(scope, {
      nodeName: 'stopped',
      bind: `${freshIp()}:0`,
      profile: 'local',
    })
    await host.join([agents[0].address])
    for (const agent of agents) await agent.sees('stopped', 'alive')
    host.signal('SIGSTOP')
    await sleep(STOPPED_FOR)
    host.signal('SIGCONT')
    const wokenAt = performance.now()
    for (const agent of agents) await agent.sees('stopped', 'alive', WITHIN)
    const aliveAfter = Math.round(performance.now() - wokenAt)
    await sleep(3_000)
    const accusations = agents.flatMap(({ log }) =>
      log
        .split('\n')
        .filter((line) => /Suspect|Marking|EventMemberFailed/.test(line) && !line.includes('stopped')),
    )
    assert.deepEqual(accusations, [])
    const { events } = await host.report()
    const failed = events.filter(({ type }) => type === 'member-failed')
    assert.deepEqual(failed, [])
    return { stoppedFor: STOPPED_FOR, aliveAfter, accusations: accusations.length }
  } finally {
    for (const end of endings.reverse()) await end()
  }
}
