/**
 * A pool whose protocol versions do not go together with ours (protocol page 1, 7.12): made-up peers over real TCP that speak other ranges, and a
 * pool of a real agent with such a member in it. A join is refused with the reason `version`, whoever dials, and nothing is taken over.
 */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { JoinRefused } from 'folkmoot'
import { decodeStream, encodeTree, type Tree } from 'folkmoot/wire'
import { ask } from '../hostile-tools.ts'
import { addressOf, startMember } from './pool.ts'
import { eventually, freshIp, SerfAgent, withoutSerf } from './serf-agent.ts'

/** pmin, pmax, pcur, dmin, dmax, dcur: ours are 1, 5, 2, 2, 5, 5. */
const RANGES: [what: string, versions: number[], complaint: RegExp][] = [
  ['a newer memberlist', [6, 9, 6, 2, 5, 5], /stranger speaks memberlist 6 .*memberlist 6 to 5/],
  ['a newer Serf', [1, 5, 2, 6, 8, 6], /stranger speaks memberlist 2 and serf 6.*serf 6 to 5/],
  ['an older memberlist than it reads', [1, 1, 1, 2, 5, 5], /speaks memberlist 2 .*memberlist 1 to 1/],
  ['a dialect that nobody reads', [1, 5, 7, 2, 5, 5], /stranger speaks memberlist 7 .*memberlist 1 to 5/],
  ['a Serf that nobody reads', [1, 5, 2, 2, 5, 1], /stranger speaks memberlist 2 and serf 1.*serf 2 to 5/],
]

/** What a stranger of these versions says of itself in a push/pull. */
function stateOf(ip: string, port: number, versions: number[]): Uint8Array {
  const node = {
    Name: 'stranger',
    Addr: Uint8Array.from(ip.split('.').map(Number)),
    Port: port,
    Meta: new Uint8Array(0),
    Incarnation: 1,
    State: 0,
    Vsn: Uint8Array.from(versions),
  }
  return encodeTree({
    type: 'pushPull',
    header: { Join: true, Nodes: 1, UserStateLen: 0 },
    nodes: [node],
    userState: new Uint8Array(0),
  })
}

/** A peer that answers every push/pull as a stranger would. */
async function stranger(t: TestContext, versions: number[]): Promise<string> {
  const ip = freshIp()
  const server = createServer((socket) => {
    const { port } = Object(server.address())
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(stateOf(ip, port, versions)))
  })
  server.listen(0, ip)
  await once(server, 'listening')
  t.after(() => server.close())
  return `${ip}:${Object(server.address()).port}`
}

async function refusal(joined: Promise<unknown>): Promise<JoinRefused> {
  const error: unknown = await joined.then(
    () => assert.fail('it was joined'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof JoinRefused, String(error))
  assert.equal(error.reason, 'version', error.message)
  return error
}

describe('versions that do not go together', { concurrency: true }, () => {
  for (const [what, versions, complaint] of RANGES) {
    test(`we join ${what}: refused, and nothing is taken over`, async (t) => {
      const member = await startMember(t, { nodeName: 'folk', threads: 'none' })
      const seed = await stranger(t, versions)
      const error = await refusal(member.join([seed]))
      assert.match(error.detail, complaint)
      assert.deepEqual(
        error.outcomes.map(({ refusal, own }) => ({ refusal, own })),
        [{ refusal: 'version', own: false }],
      )
      assert.equal(member.memberCount, 1)
    })

    test(`${what} joins us: it is answered, and not let in`, async (t) => {
      const member = await startMember(t, { nodeName: 'folk', threads: 'none', compression: false })
      const ip = freshIp()
      const { answer, isClosed } = await ask(member.localMember(), stateOf(ip, 7946, versions))
      assert.ok(isClosed)
      const tree: Tree = decodeStream(answer)
      assert.ok(
        tree.type === 'pushPull' && tree.nodes.length === 1,
        'it has our state, as the original gives it',
      )
      // What a later push/pull finds here is what the first one left.
      const friend = await startMember(t, { nodeName: 'friend', threads: 'none' })
      await friend.join([addressOf(member)])
      assert.equal(member.member('stranger'), undefined)
      assert.deepEqual(
        friend.members().map(({ name }) => name),
        ['folk', 'friend'],
      )
    })
  }

  test('a seed that can be joined beside one that cannot: joined', async (t) => {
    const member = await startMember(t, { nodeName: 'folk' })
    const friend = await startMember(t, { nodeName: 'friend', threads: 'none' })
    const seed = await stranger(t, [6, 9, 6, 2, 5, 5])
    const { outcomes } = await member.join([seed, addressOf(friend)])
    assert.deepEqual(
      outcomes.map(({ reached, refusal }) => ({ reached, refusal })),
      [
        { reached: false, refusal: 'version' },
        { reached: true, refusal: undefined },
      ],
    )
  })
})

/** Tells a member over UDP of a stranger that is alive and speaks other versions. */
async function tell(t: TestContext, address: string): Promise<void> {
  const [host, port] = address.split(':')
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  const fields = {
    Node: 'stranger',
    Addr: Uint8Array.from(freshIp().split('.').map(Number)),
    Port: 7946,
    Meta: new Uint8Array(0),
    Incarnation: 1,
    Vsn: Uint8Array.from([6, 9, 6, 2, 5, 5]),
  }
  const bytes = encodeTree({ type: 'message', name: 'alive', fields })
  await new Promise<unknown>((resolve) => socket.send(bytes, Number(port), host, resolve))
}

describe('a pool with a member of other versions in it', { concurrency: true, skip: withoutSerf }, () => {
  test('a real agent that knows one: we do not join it, and it does not join us', async (t) => {
    const agent = await SerfAgent.start(t, { name: 'agent' })
    const member = await startMember(t, { nodeName: 'folk' })
    await tell(t, agent.address)
    await eventually('the agent lists the stranger', async () => await agent.member('stranger'))
    const error = await refusal(member.join([agent.address]))
    assert.match(error.detail, /memberlist/)
    await assert.rejects(agent.join(addressOf(member)))
    assert.match(agent.log, /incompatible/)
    assert.equal(member.memberCount, 1)
    assert.equal(await agent.member('folk'), undefined)
  })

  test('we know one: we do not join an agent, and are not joined by it', async (t) => {
    const agent = await SerfAgent.start(t, { name: 'agent' })
    const member = await startMember(t, { nodeName: 'folk' })
    await tell(t, addressOf(member))
    await eventually('we list the stranger', () => member.member('stranger'))
    await refusal(member.join([agent.address]))
    await assert.rejects(agent.join(addressOf(member)))
    assert.equal(member.member('agent'), undefined)
    assert.equal(await agent.member('folk'), undefined)
  })
})
