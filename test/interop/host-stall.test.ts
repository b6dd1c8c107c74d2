/** A host that hangs, and a host that is stopped, with real agents as the judges; and round trips as both sides see them. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { MemberProcess } from './member.ts'
import { startMember, twoAgents } from './pool.ts'
import { eventually, freshIp, type SerfAgent, withoutSerf } from './serf-agent.ts'

const run = promisify(execFile)

/** Lines in which an agent says that somebody is suspected or failed, `name` apart. */
function accusationsOfOthers(agent: SerfAgent, name: string): string[] {
  return agent.log
    .split('\n')
    .filter((line) => /Suspect|Marking|EventMemberFailed/.test(line) && !line.includes(name))
}

function tagOf(agent: SerfAgent, name: string): Promise<string | undefined> {
  return agent.member(name).then((member) => member?.tags['host-stalled'])
}

describe('a host that hangs', { skip: withoutSerf }, () => {
  test('with `tag` its peers see the tag while it hangs and lose it afterwards, and see no failure', async (t) => {
    const [agent] = await twoAgents(t)
    const host = await MemberProcess.start(t, {
      nodeName: 'hangs-tagged',
      bind: `${freshIp()}:0`,
      profile: 'local',
      hostStall: { after: 1_000, action: 'tag' },
    })
    await host.join([agent.address])
    await agent.sees('hangs-tagged', 'alive')
    const busy = host.busy('block', 6_000)
    await eventually('the tag is there', async () => (await tagOf(agent, 'hangs-tagged')) === 'true')
    await busy
    await eventually('the tag is gone', async () => (await tagOf(agent, 'hangs-tagged')) === undefined)
    assert.ok(!/EventMemberFailed: hangs-tagged/.test(agent.log))
  })

  test('with `fail` its peers see a failure while it hangs, and it is alive again afterwards', async (t) => {
    const [agent, other] = await twoAgents(t)
    const host = await MemberProcess.start(t, {
      nodeName: 'hangs-failed',
      bind: `${freshIp()}:0`,
      profile: 'local',
      hostStall: { after: 500, action: 'fail' },
    })
    await host.join([agent.address])
    await agent.sees('hangs-failed', 'alive')
    const busy = host.busy('block', 14_000)
    await agent.sees('hangs-failed', 'failed', 30_000)
    await busy
    await agent.sees('hangs-failed', 'alive', 60_000)
    for (const judge of [agent, other]) assert.deepEqual(accusationsOfOthers(judge, 'hangs-failed'), [])
  })
})

describe('a process that is stopped', { skip: withoutSerf }, () => {
  test('accuses nobody when it goes on, and is alive everywhere again', async (t) => {
    const agents = await twoAgents(t)
    const host = await MemberProcess.start(t, {
      nodeName: 'stopped',
      bind: `${freshIp()}:0`,
      profile: 'local',
    })
    await host.join([agents[0].address])
    for (const agent of agents) await agent.sees('stopped', 'alive')
    await sleep(2_000)
    host.signal('SIGSTOP')
    await sleep(8_000)
    host.signal('SIGCONT')
    for (const agent of agents) await agent.sees('stopped', 'alive', 60_000)
    await sleep(2_000)
    for (const agent of agents) assert.deepEqual(accusationsOfOthers(agent, 'stopped'), [])
    const { events, members } = await host.report()
    assert.deepEqual(
      events.filter(({ type }) => type === 'member-failed'),
      [],
    )
    assert.ok(members.every(({ status }) => status === 'alive'))
  })
})

describe('round trips', { skip: withoutSerf }, () => {
  test('`serf rtt` has a number for our member, and we for the agents', async (t) => {
    const [agent, other] = await twoAgents(t)
    const member = await startMember(t, { nodeName: 'placed' })
    await member.join([agent.address])
    const ours = await eventually('we know the round trip', () => member.rtt('agent-one'), { within: 30_000 })
    assert.ok(ours > 0 && ours < 1_000, `${ours} ms`)
    await eventually('between two others too', () => member.rtt('agent-one', 'agent-two'), { within: 30_000 })
    const told = await eventually(
      'the agent knows it',
      async () => {
        const rtt = run('serf', ['rtt', `-rpc-addr=${agent.rpc}`, 'placed']).catch(() => undefined)
        return /rtt: ([\d.]+) ms/.exec((await rtt)?.stdout ?? '')?.[1]
      },
      { within: 30_000 },
    )
    assert.ok(Number(told) > 0, `${told} ms`)
    const near = await member.nearest({ count: 2 })
    assert.deepEqual(near.map(({ member: { name } }) => name).sort(), ['agent-one', 'agent-two'])
    assert.ok((await member.ping('agent-two')).rtt < 5_000)
    const paths = await member.paths()
    assert.deepEqual(
      paths.map(({ status }) => status),
      ['UDP works', 'UDP works'],
    )
    assert.ok(other.isRunning)
  })
})
