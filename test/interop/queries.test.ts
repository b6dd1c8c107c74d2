/** Queries between Folkmoot and real agents: from each side to each side, with filters, acks, relays, limits, and an early end. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { type Cluster, type QueryEvent, QueryTooLarge } from 'folkmoot'
import { listed, startMember } from './pool.ts'
import { eventually, SerfAgent, withoutSerf } from './serf-agent.ts'

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

interface Pool {
  agents: SerfAgent[]
  members: Cluster[]
}

/** Three agents and three members in one pool. Agents answer `uptime` with their name and what they were sent, members any query. */
async function mixedPool(t: TestContext): Promise<Pool> {
  const eventHandlers = [`query:uptime=echo "$SERF_SELF_NAME $SERF_QUERY_NAME $(cat)"`]
  const agents = await Promise.all([
    SerfAgent.start(t, { name: 'agent-one', tags: { role: 'web', zone: 'north-1' }, eventHandlers }),
    SerfAgent.start(t, { name: 'agent-two', tags: { role: 'db' }, eventHandlers }),
    SerfAgent.start(t, { name: 'agent-three', eventHandlers }),
  ])
  // The agents' local profile sends a query twice: in one pool of many it misses somebody. Ours are heard by all.
  const retransmitMult = 20
  const members = await Promise.all([
    startMember(t, { retransmitMult, nodeName: 'folk-one', tags: { role: 'web', zone: 'south-1' } }),
    startMember(t, { retransmitMult, nodeName: 'folk-two', threads: 'none', tags: { role: 'db' } }),
    startMember(t, { retransmitMult, nodeName: 'folk-three', threads: 'none', compression: false }),
  ])
  const [first, ...others] = agents
  for (const agent of others) await agent.join(first.address)
  for (const member of members) await member.join([first.address])
  const names = ['agent-one', 'agent-two', 'agent-three', 'folk-one', 'folk-two', 'folk-three']
  for (const member of members) {
    for (const name of names) await listed(member, name, 'alive')
    member.on('query', async (query) => {
      await query.respond(`${member.localMember().name} ${query.name} ${text(query.payload)}`)
    })
  }
  for (const agent of agents) for (const name of names) await agent.sees(name, 'alive')
  return { agents, members }
}

const everybody = ['agent-one', 'agent-three', 'agent-two', 'folk-one', 'folk-three', 'folk-two']
const spoken = (name: string): string => `${name} uptime now${name.startsWith('agent') ? '\n' : ''}`

describe('queries', { concurrency: false, skip: withoutSerf }, () => {
  test('a query from a member is answered by all agents and members, acknowledged, and over at once', async (t) => {
    const { members } = await mixedPool(t)
    for (const relayFactor of [0, 2]) {
      const query = members[0].query('uptime', 'now', { requestAck: true, relayFactor, timeout: 30_000 })
      const { how, answers, acks, silent } = await query.finished
      assert.equal(how, 'answered', `all had answered long before the deadline; silent: ${silent}`)
      assert.deepEqual(answers.map(({ from }) => from).sort(), everybody)
      for (const { from, payload } of answers) assert.equal(text(payload), spoken(from))
      assert.deepEqual([...acks].sort(), everybody)
      assert.deepEqual(silent, [])
    }
    const { answers, acks } = await members[1].query('uptime', 'now', {
      tags: { role: '^(web|db)$', zone: '(?i)NORTH' },
      timeout: 30_000,
    }).finished
    assert.deepEqual([answers.map(({ from }) => from), acks], [['agent-one'], []])
    const named = await members[2].query('uptime', 'now', {
      nodes: ['agent-two', 'folk-two', 'folk-one'],
      tags: { role: 'd' },
      requestAck: true,
      timeout: 30_000,
    }).finished
    assert.deepEqual(
      [named.answers.map(({ from }) => from).sort(), named.silent],
      [['agent-two', 'folk-two'], []],
    )
    assert.deepEqual([...named.acks].sort(), ['agent-two', 'folk-two'])
  })

  test('a query from an agent is answered by all members, filtered and acknowledged as it wants', async (t) => {
    const { agents } = await mixedPool(t)
    const whole = await agents[0].query('-timeout=3s', 'uptime', 'now')
    assert.deepEqual(whole.Acks?.sort(), everybody)
    assert.deepEqual(whole.Responses, Object.fromEntries(everybody.map((name) => [name, spoken(name)])))
    const silent = await agents[1].query('-timeout=2s', '-no-ack', '-relay-factor=2', 'uptime', 'now')
    assert.deepEqual(silent.Acks ?? [], [])
    assert.deepEqual(Object.keys(silent.Responses ?? {}).sort(), everybody)
    const tagged = await agents[2].query(
      '-timeout=2s',
      '-tag=role=^w',
      '-tag=zone=south|north',
      'uptime',
      'now',
    )
    assert.deepEqual(tagged.Acks?.sort(), ['agent-one', 'folk-one'])
    const missing = await agents[2].query(
      '-timeout=2s',
      '-tag=zone=^$',
      '-node=folk-one',
      '-node=folk-two',
      'uptime',
      'now',
    )
    assert.deepEqual(Object.keys(missing.Responses ?? {}), ['folk-two'], 'a missing tag is an empty text')
    const invalid = await agents[2].query('-timeout=1s', '-tag=zone=(?=x)', 'uptime', 'now')
    assert.deepEqual([invalid.Acks ?? [], Object.keys(invalid.Responses ?? {})], [[], []])
  })

  test('a payload at the limit goes both ways, and one byte more goes nowhere', async (t) => {
    const agent = await SerfAgent.start(t, { name: 'agent', eventHandlers: ['query:echo=wc -c'] })
    const member = await startMember(t, { nodeName: 'folk', threads: 'none' })
    await member.join([agent.address])
    await agent.sees('folk', 'alive')
    const sizes: number[] = []
    member.on('query', async (query: QueryEvent) => {
      sizes.push(query.payload.length)
      await query.respond(String(query.payload.length))
    })
    const ours = await largest(
      async (size) =>
        await member.query('echo', new Uint8Array(size), { nodes: ['agent'], timeout: 20_000 }).finished.then(
          ({ answers }) =>
            answers.length === 1 &&
            // The agent gives its handlers a newline behind a payload that has none.
            text(answers[0].payload).trim() === String(size + 1),
          (error) => {
            assert.ok(error instanceof QueryTooLarge && error.bytes > 1_024 && error.limit === 1_024)
            return false
          },
        ),
    )
    const theirs = await largest(async (size) => {
      const answer = await agent
        .query('-timeout=1s', '-node=folk', 'echo', 'x'.repeat(size))
        .catch((error: unknown) => {
          // The command prints why, on either of its two outputs.
          assert.ok(inspect(error, { maxStringLength: null }).includes('query exceeds limit of 1024 bytes'))
        })
      return answer?.Responses?.folk === String(size)
    })
    // Both are 1,024 bytes with their frames; names, numbers and filters take what is missing.
    assert.ok(ours > 850 && theirs > 850, `${ours} and ${theirs}`)
    assert.equal(Math.max(...sizes), theirs)
  })

  test('who dies is waited for no longer, and who never answers is named at the deadline', async (t) => {
    const agent = await SerfAgent.start(t, { name: 'agent', eventHandlers: ['query:quick=echo here'] })
    const dying = await SerfAgent.start(t, { name: 'dying' })
    const member = await startMember(t, { nodeName: 'folk', threads: 'none' })
    member.on('query', async (query) => query.respond('here'))
    await member.join([agent.address, dying.address])
    for (const name of ['agent', 'dying']) await listed(member, name, 'alive')
    await dying.kill9()
    const query = member.query('quick', '', { timeout: 120_000 })
    const { how, silent } = await query.finished
    assert.deepEqual([how, silent], ['answered', ['dying']], 'once it was known to be dead')
    const late = await member.query('nobody-knows', '', { timeout: 500, requestAck: true }).finished
    assert.deepEqual([late.how, late.silent], ['deadline', ['agent']])
    assert.deepEqual([...late.acks].sort(), ['agent', 'folk'])
  })

  test('members ask agents what Serf asks itself, and answer it', async (t) => {
    const agent = await SerfAgent.start(t, { name: 'agent' })
    const member = await startMember(t, { nodeName: 'folk', threads: 'none' })
    await member.join([agent.address])
    await agent.sees('folk', 'alive')
    const heard: string[] = []
    member.on('query', ({ name }) => heard.push(name))
    const ping = await member.query('_serf_ping', undefined, { requestAck: true, timeout: 20_000 }).finished
    assert.deepEqual([[...ping.acks].sort(), ping.how], [['agent', 'folk'], 'answered'])
    const reached = await agent.query('-timeout=1s', 'hello')
    assert.deepEqual(reached.Acks?.sort(), ['agent', 'folk'])
    await eventually('our own ear', () => heard.includes('hello'))
    assert.deepEqual(heard, ['hello'], 'nothing of Serf itself reaches the host')
  })
})

/** The largest size that works, found between what must work and what cannot. */
async function largest(works: (size: number) => Promise<boolean>): Promise<number> {
  let low = 800
  let high = 1_024
  assert.ok(await works(low), `${low} bytes`)
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (await works(middle)) low = middle
    else high = middle
  }
  return low
}
