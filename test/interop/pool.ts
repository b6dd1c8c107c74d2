/** A small mixed pool: two real agents that know each other, and members of ours to put beside them. */
import type { TestContext } from 'node:test'
import { Cluster, type ClusterOptions } from 'folkmoot'
import { addressOf } from '../local.ts'
import { eventually, freshIp, SerfAgent, type SerfMember } from './serf-agent.ts'

export { addressOf }

/** Serf's own versions: what `serf members -detailed` says of every member that speaks like Serf 0.9. */
export const PROTOCOL = { min: 2, max: 5, version: 5 }

type Scope = Pick<TestContext, 'after'>

/** Two agents in one pool: `one` compresses, which is the agent's default, `two` never does. */
export async function twoAgents(
  t: Scope,
  profile: 'local' | 'lan' = 'local',
): Promise<[SerfAgent, SerfAgent]> {
  const [one, two] = await Promise.all([
    SerfAgent.start(t, { name: 'agent-one', profile, tags: { role: 'judge', zone: 'north' } }),
    SerfAgent.start(t, { name: 'agent-two', profile, compression: 'off', tags: { role: 'judge' } }),
  ])
  await two.join(one.address)
  await Promise.all([one.sees('agent-two', 'alive'), two.sees('agent-one', 'alive')])
  return [one, two]
}

/** A member in this process, on an address of its own with Serf's `local` timings. It is shut down after `t`. */
export async function startMember(t: Scope, options: ClusterOptions): Promise<Cluster> {
  const member = await Cluster.create({ profile: 'local', bind: `${freshIp()}:0`, ...options })
  t.after(() => member.shutdown())
  return member
}

/** What `serf members` has to say of `member`, its tags included. */
export function asSerfShows(member: Cluster, status: SerfMember['status'] = 'alive'): SerfMember {
  const { name, port, tags } = member.localMember()
  return { name, addr: addressOf(member), port, tags: { ...tags }, status, protocol: PROTOCOL }
}

/** Waits until `member` lists `name` with `status`. */
export function listed(member: Cluster, name: string, status: string, within = 20_000): Promise<true> {
  return eventually(
    `${member.localMember().name} lists ${name} as ${status}; it lists ${member.members().map((m) => `${m.name} ${m.status}`)}`,
    () => member.member(name)?.status === status,
    { within },
  )
}

/** Every member event that reaches the host, as `type name`. Listens from now on. */
export function memberEvents(member: Cluster): string[] {
  const heard: string[] = []
  for (const type of ['member-join', 'member-leave', 'member-failed', 'member-update'] as const) {
    member.on(type, ({ members }) => heard.push(...members.map(({ name }) => `${type} ${name}`)))
  }
  return heard
}
