/**
 * What happens in a mixed pool of three and three, chapter by chapter in one run: sizes at their limits, queries, key rotations under traffic,
 * restarts from snapshots, conflicts of names, forced leaves and prunes, joins and leaves; always from each side to each side. Chapters that do
 * not disturb each other run beside each other.
 */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { type Cluster, type ConflictLost, EventTooLarge, QueryTooLarge } from 'folkmoot'
import { keyOf, MixedPool, type Scope } from './mixed-pool.ts'
import { addressOf } from './pool.ts'
import { eventually, type SerfAgent } from './serf-agent.ts'

export interface Extent {
  /** Rounds of joins and leaves, and how many of each kind come and go in one. */
  rounds: number
  ours: number
  agents: number
}

/** What came of it, to be kept. */
export interface MixedOutcome {
  joinsAndLeaves: number
  events: number
  failuresOfLeavers: number
  /** Agents that left and that other agents call failed. */
  amongAgents: number
  unopened: { ours: number; agents: number }
  /** Steps of the agent's rotation that had to be said again, since an answer was lost. */
  keysAgain: number
}

/** Of a name of one letter with a time of one byte (protocol page 2, section 4.7). */
const LARGEST_EVENT = 481
const QUERY_LIMIT = 1_024
const DOOMED = ['gone-agent-1', 'gone-agent-2', 'gone-folk-1', 'gone-folk-2']
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** Tells it all; rejects at the first thing that is not as it must be. */
export async function tell(scope: Scope, extent: Extent): Promise<MixedOutcome> {
  const pool = await MixedPool.start(scope)
  // Event times are still of one byte.
  await eventsAtTheLimit(pool)
  const traffic = new Traffic(pool)
  const [, keysAgain] = await Promise.all([queries(pool), rotations(pool, traffic)])
  const [doomed] = await Promise.all([
    welcomeTheDoomed(pool),
    ourRival(pool),
    agentRival(pool),
    restarts(pool, traffic),
  ])
  await Promise.all(doomed.map((end) => end()))
  await Promise.all([...DOOMED.map((name) => pool.allSee(name, 'failed')), comings(pool, extent)])
  await forcedLeaves(pool)
  const events = await traffic.end()
  // In the eyes of those who stay. What agents call each other is theirs: their leave is sent a number of times, and nobody asks whether it came.
  const { failures } = pool
  const leavers = failures.filter((failure) => /^guest.* by (folk|agent)-|^visitor.* by folk-/.test(failure))
  assert.deepEqual(leavers, [], 'who leaves is a failure for nobody')
  const amongAgents = failures.filter((failure) => /^visitor.* by agent-/.test(failure)).length
  const unopened = await pool.unopened()
  assert.deepEqual(unopened, { ours: 0, agents: 0 }, 'there was always a key in common')
  await foreignPackets(pool)
  const joinsAndLeaves = extent.rounds * (extent.ours + extent.agents)
  return { joinsAndLeaves, events, failuresOfLeavers: leavers.length, amongAgents, unopened, keysAgain }
}

/** User events of four of the six, one after the other, until the end; every one must be heard by every one, and once. */
class Traffic {
  readonly #pool: MixedPool
  readonly sent: string[] = []
  #running: Promise<void> = Promise.resolve()
  #isRunning = false

  constructor(pool: MixedPool) {
    this.#pool = pool
    this.resume()
  }

  resume(): void {
    this.#isRunning = true
    this.#running = this.#run()
    // Whoever pauses it hears of it.
    this.#running.catch(() => undefined)
  }

  /** Stops, and waits until all have heard everything. */
  async pause(): Promise<void> {
    this.#isRunning = false
    await this.#running
    await this.#pool.allHear(this.sent)
  }

  async #run(): Promise<void> {
    while (this.#isRunning) {
      const turn = this.sent.length
      const { ours, agents } = this.#pool
      // The third of each side restarts: it does not speak.
      if (turn % 5 === 4) await agents[(turn >> 2) % 2].event(`event-${turn}`, 'hello', { coalesce: false })
      else await ours[turn % 2].userEvent(`event-${turn}`, 'hello')
      this.sent.push(`event-${turn}`)
      await sleep(100)
    }
  }

  /** Stops; how many there were, each heard by all six and by none of them twice. */
  async end(): Promise<number> {
    await this.pause()
    for (const name of this.#pool.names) {
      const heard = this.#pool.heardBy(name).filter((event) => event.startsWith('event-'))
      assert.deepEqual(
        heard.filter((event, i) => heard.indexOf(event) < i),
        [],
        `${name} hears nothing twice`,
      )
    }
    return this.sent.length
  }
}

async function eventsAtTheLimit(pool: MixedPool): Promise<void> {
  const [agent, member] = [pool.agents[0], pool.ours[0]]
  const fits = 'x'.repeat(LARGEST_EVENT)
  await Promise.all([agent.event('a', fits, { coalesce: false }), member.userEvent('f', fits)])
  await assert.rejects(agent.event('A', `${fits}x`, { coalesce: false }))
  await assert.rejects(
    member.userEvent('F', `${fits}x`),
    (error) => error instanceof EventTooLarge && error.bytes === 513 && error.limit === 512,
  )
  await pool.allHear(['a', 'f'])
  for (const name of pool.names)
    assert.ok(!pool.heardBy(name).some((event) => event === 'A' || event === 'F'))
}

async function queries(pool: MixedPool): Promise<void> {
  await Promise.all([queriesOfOurs(pool), queriesOfAgents(pool)])
}

async function queriesOfOurs({ ours, names }: MixedPool): Promise<void> {
  const timeout = 60_000
  const all = [...names].sort()
  const whole = await ours[0].query('who', '', { requestAck: true, relayFactor: 2, timeout }).finished
  assert.deepEqual(whole.answers.map(({ from }) => from).sort(), all)
  for (const { from, payload } of whole.answers) assert.equal(text(payload).trim(), from)
  assert.deepEqual([[...whole.acks].sort(), whole.silent], [all, []])
  const tagged = await ours[1].query('who', '', { tags: { kind: '^(agent|folk)$', number: '[12]' }, timeout })
    .finished
  assert.deepEqual(tagged.answers.map(({ from }) => from).sort(), ['agent-1', 'agent-2', 'folk-1', 'folk-2'])
  assert.deepEqual(tagged.acks, [])
  const named = await ours[2].query('who', '', { nodes: ['agent-3', 'folk-1'], tags: { kind: 'a' }, timeout })
    .finished
  assert.deepEqual(
    named.answers.map(({ from }) => from),
    ['agent-3'],
  )
  const tooLarge = await ours[0]
    .query('echo', new Uint8Array(QUERY_LIMIT), { timeout })
    .finished.catch((error: unknown) => error)
  assert.ok(tooLarge instanceof QueryTooLarge)
  const largest = 2 * QUERY_LIMIT - tooLarge.bytes
  await assert.rejects(
    ours[0].query('echo', new Uint8Array(largest + 1), { timeout }).finished,
    QueryTooLarge,
  )
  const { answers } = await ours[0].query('echo', new Uint8Array(largest), { timeout }).finished
  assert.deepEqual(answers.map(({ from }) => from).sort(), all)
  // An agent gives its handlers a line feed behind a payload that has none.
  for (const { from, payload } of answers)
    assert.equal(Number(text(payload)), from.startsWith('agent') ? largest + 1 : largest)
}

async function queriesOfAgents({ agents, names }: MixedPool): Promise<void> {
  const all = [...names].sort()
  const whole = await agents[0].query('-timeout=3s', '-relay-factor=2', 'who')
  assert.deepEqual([whole.Acks?.sort(), Object.keys(whole.Responses ?? {}).sort()], [all, all])
  const [silent, tagged, named] = await Promise.all([
    agents[1].query('-timeout=3s', '-no-ack', 'who'),
    agents[2].query('-timeout=3s', '-tag=kind=^fo', '-tag=number=2|3', 'who'),
    agents[0].query('-timeout=3s', '-node=folk-3', '-node=agent-2', 'who'),
  ])
  assert.deepEqual([silent.Acks ?? [], Object.keys(silent.Responses ?? {}).sort()], [[], all])
  assert.deepEqual(tagged.Acks?.sort(), ['folk-2', 'folk-3'])
  assert.deepEqual(named.Acks?.sort(), ['agent-2', 'folk-3'])
  // The whole message without its payload (protocol page 2, section 8): address, port, numbers, and the names of query and asker.
  const overhead = 79 + 5 + 1 + 1 + 5 + 1 + (1 + 4) + 3 + 3 + 1 + (1 + 'agent-1'.length) + 5
  const largest = QUERY_LIMIT - overhead
  const { Responses } = await agents[0].query('-timeout=3s', 'echo', 'x'.repeat(largest))
  for (const name of all)
    assert.equal(Number(Responses?.[name]), name.startsWith('agent') ? largest + 1 : largest, name)
  await assert.rejects(agents[0].query('-timeout=1s', 'echo', 'x'.repeat(largest + 1)), (error) =>
    inspect(error, { maxStringLength: null }).includes('query exceeds limit of 1024 bytes'),
  )
}

/** A new key by a member of ours, then one by an agent; nobody fails, and there is always a key that both sides have. */
async function rotations(pool: MixedPool, traffic: Traffic): Promise<number> {
  const before = pool.failures.length
  const [first, second] = [keyOf(), keyOf()]
  assert.deepEqual(await pool.ours[0].keys.rotate(first, { grace: 1_500 }), { removed: 1 })
  for (const name of pool.names) assert.deepEqual(pool.keysOf(name), [first])
  const again = await rotateByAgent(pool.agents[1], first, second)
  pool.key = second
  assert.deepEqual(await pool.agents[2].keys(), { [second]: pool.names.length })
  const listed = await pool.ours[1].keys.list()
  assert.deepEqual(listed.primaryKeys, { [second]: pool.names.length })
  for (const name of pool.names) assert.deepEqual(pool.keysOf(name), [second])
  await pool.allHear(traffic.sent.slice())
  assert.deepEqual(pool.failures.slice(before), [], 'nobody fails')
  assert.deepEqual(await pool.unopened(), { ours: 0, agents: 0 })
  return again
}

async function rotateByAgent(agent: SerfAgent, old: string, key: string): Promise<number> {
  let again = 0
  for (const [step, of] of [
    ['install', key],
    ['use', key],
    ['remove', old],
  ] as const) {
    if (step === 'remove') await sleep(1_500)
    // An answer may get lost, and then an agent calls the step failed: it is said again.
    again += await agent.changeKey(step, of)
  }
  return again
}

/** Two of each kind that join, and how each of them ends. */
async function welcomeTheDoomed(pool: MixedPool): Promise<(() => Promise<void>)[]> {
  const ends = await Promise.all(
    DOOMED.map(async (name, i) => {
      if (name.startsWith('gone-agent')) {
        const agent = await pool.agent(name)
        await agent.join(addressOf(pool.ours[i % 3]))
        return () => agent.kill9()
      }
      const member = await pool.member(name)
      await member.join([pool.agents[i % 3].address])
      return () => member.shutdown()
    }),
  )
  for (const name of DOOMED) await pool.allSee(name, 'alive')
  return ends
}

/** A member of ours that comes with the name of an agent loses it, and is closed. */
async function ourRival(pool: MixedPool): Promise<void> {
  const [agent, peer] = [pool.agents[1], pool.agents[0]]
  const rival = await pool.rivalOfOurs(agent.name)
  const lost: ConflictLost[] = []
  rival.on('conflict-lost', (event) => lost.push(event))
  await agent.join(addressOf(rival)).catch(() => undefined)
  await rival.join([peer.address]).catch(() => undefined)
  await eventually('our rival has lost', () => lost.length > 0, { within: 60_000 })
  assert.equal(lost[0].name, agent.name)
  await eventually('our rival is closed', () => rival.state === 'shutdown', { within: 60_000 })
  assert.ok(agent.isRunning)
  assert.equal((await peer.sees(agent.name, 'alive')).addr, agent.address)
}

/** An agent that comes with the name of a member of ours loses it, and its process ends. */
async function agentRival(pool: MixedPool): Promise<void> {
  const [member, peer] = [pool.ours[1], pool.ours[0]]
  const { name, port } = member.localMember()
  const rival = await pool.rivalAgent(name)
  await rival.join(addressOf(peer)).catch(() => undefined)
  await rival.join(addressOf(member)).catch(() => undefined)
  await eventually('the rival agent has ended', () => !rival.isRunning, { within: 60_000 })
  assert.equal(member.state, 'alive')
  assert.equal(peer.member(name)?.port, port)
}

/** The third of each side ends without a leave and goes on from its snapshot: what it heard before is not heard again, what was said meanwhile is. */
async function restarts(pool: MixedPool, traffic: Traffic): Promise<void> {
  await traffic.pause()
  // An agent writes what it has buffered when something new comes after half a second: all but the last is in its file then.
  await sleep(700)
  await pool.ours[0].userEvent('last', '')
  await pool.allHear(['last'])
  await sleep(200)
  traffic.resume()
  await Promise.all([pool.restartOurs(2), pool.restartAgent(2)])
  await Promise.all([pool.allSee('folk-3', 'alive'), pool.allSee('agent-3', 'alive')])
  await pool.allHear(traffic.sent.slice())
}

async function forcedLeaves(pool: MixedPool): Promise<void> {
  const { ours, agents } = pool
  const [agentA, agentB, folkA, folkB] = DOOMED
  await Promise.all([
    ours[0].forceLeave(agentA).then((status) => assert.deepEqual(status, { status: 'left' })),
    agents[1].forceLeave(folkA, 'keep'),
    ours[1].forceLeave(folkB, { prune: true }),
    agents[2].forceLeave(agentB, 'prune'),
  ])
  await Promise.all([
    pool.allSee(agentA, 'left'),
    pool.allSee(folkA, 'left'),
    pool.allForget(folkB),
    pool.allForget(agentB),
  ])
  // Of somebody who lives: it answers for itself.
  await agents[0].forceLeave('folk-3', 'keep')
  await pool.allSee('folk-3', 'alive')
  // An agent that has the time of the leave from a peer's state first does not contradict the leave itself, and hangs: then it is asked again.
  await eventually('an agent contradicts', async () => {
    await ours[2].forceLeave('agent-1')
    return pool.allSee('agent-1', 'alive', 3_000).then(
      () => true,
      () => false,
    )
  })
}

/** Members of both kinds that come and go. */
async function comings(pool: MixedPool, { rounds, ours, agents }: Extent): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const guests = await many(ours, (i) => pool.member(`guest-${round}-${i}`))
    const visitors = await many(agents, (i) => pool.agent(`visitor-${round}-${i}`))
    await Promise.all([
      ...guests.map((guest, i) =>
        guest.join([i % 2 === 0 ? pool.agents[0].address : addressOf(pool.ours[0])]),
      ),
      ...visitors.map((visitor) => visitor.join(addressOf(pool.ours[1]))),
    ])
    await Promise.all([...guests.map(leave), ...visitors.map((visitor) => visitor.leave())])
  }
  const isStranger = ({ name, status }: { name: string; status: string }) =>
    /^(guest|visitor)/.test(name) && status === 'alive'
  for (const member of pool.ours) {
    await eventually('nobody who left is alive for ours', () => !member.members().some(isStranger), {
      within: 60_000,
    })
  }
  for (const agent of pool.agents) {
    await eventually(
      'nobody who left is alive for the agents',
      async () => !(await agent.members()).some(isStranger),
      { within: 60_000 },
    )
  }
}

function many<Made>(count: number, make: (i: number) => Promise<Made>): Promise<Made[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => make(i)))
}

async function leave(member: Cluster): Promise<void> {
  const { told } = await member.leave()
  assert.ok(told >= 3, `${told} were told`)
  await member.shutdown()
}

/** The check of undecryptable packets can fail: what is sealed under a key that nobody has is seen on both sides. */
async function foreignPackets(pool: MixedPool): Promise<void> {
  const socket = createSocket('udp4')
  try {
    const junk = Buffer.concat([Buffer.of(1), Buffer.alloc(60, 7)])
    for (const place of [addressOf(pool.ours[0]), pool.agents[0].address]) {
      const [ip, port] = place.split(':')
      socket.send(junk, Number(port), ip)
    }
    await eventually('both sides see that they cannot open it', async () => {
      const { ours, agents } = await pool.unopened()
      return ours === 1 && agents === 1
    })
  } finally {
    socket.close()
  }
}
