/** The sizes of what members really send, watched on the wire, and what happens to an answer that no packet holds. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { type Cluster, type ClusterOptions, PacketTooLarge } from 'folkmoot'
import { listed, startMember } from './interop/pool.ts'
import { eventually, freshIp } from './interop/serf-agent.ts'
import { WireTap } from './interop/wire-tap.ts'

/** A member behind a tap that sees all that is sent to it. */
async function tapped(t: TestContext, options: ClusterOptions): Promise<[Cluster, WireTap]> {
  const ip = freshIp()
  const tap = await WireTap.start(t, `${ip}:7946`)
  const member = await startMember(t, {
    bind: `${ip}:7946`,
    advertise: tap.address,
    threads: 'none',
    ...options,
  })
  return [member, tap]
}

const KEY = randomBytes(32)
const CHOICES: [what: string, options: ClusterOptions][] = [
  ['plain', { udpBufferSize: 1_400 }],
  ['with every coat', { udpBufferSize: 900, label: 'east-cluster', encryptionKeys: [KEY] }],
  [
    'with every coat but compression',
    { udpBufferSize: 1_100, label: 'e', encryptionKeys: [KEY], compression: false },
  ],
]

for (const [what, options] of CHOICES) {
  test(`no datagram on the wire is above udpBufferSize: ${what}`, async (t) => {
    const members: Cluster[] = []
    const taps: WireTap[] = []
    for (const nodeName of ['a', 'b', 'c']) {
      const tags = { noise: randomBytes(180).toString('hex') }
      const [member, tap] = await tapped(t, { nodeName, tags, gossipInterval: 20, ...options })
      if (members.length > 0) await member.join([taps[0].address])
      members.push(member)
      taps.push(tap)
    }
    const heard = new Set<string>()
    members[2].on('user-event', ({ name }) => heard.add(name))
    for (let i = 0; i < 300; i++) {
      await members[i % 3].userEvent(`e${i}`, randomBytes(20 + ((i * 37) % 400)))
    }
    await Promise.all(
      members.map((member, i) => member.setTags({ noise: randomBytes(150 + i).toString('hex') })),
    )
    await eventually('the events are heard', () => heard.size > 250)
    const lengths = taps.flatMap(({ packets }) => packets.map(({ length }) => length))
    const { udpBufferSize = 0 } = options
    assert.ok(lengths.length > 50, `${lengths.length} packets`)
    const longest = Math.max(...lengths)
    assert.ok(longest <= udpBufferSize, `${longest}`)
    assert.ok(
      longest > 0.9 * udpBufferSize,
      `${longest}: packets were filled, so that the bound was put to the test`,
    )
  })
}

test('an answer of 10 KB that its limit allows but no packet holds is refused with both sizes', async (t) => {
  const options = { threads: 'none', queryResponseSizeLimit: 20_000, encryptionKeys: [KEY] } as const
  const asker = await startMember(t, { nodeName: 'asker', ...options })
  const answerer = await startMember(t, { nodeName: 'answerer', ...options })
  const refused = new Promise<unknown>((resolve) => {
    answerer.on('query', (query) => query.respond(new Uint8Array(10_240)).catch(resolve))
  })
  await answerer.join([`${asker.localMember().address}:${asker.localMember().port}`])
  await listed(asker, 'answerer', 'alive')
  asker.query('state', new Uint8Array(0), { nodes: ['answerer'], timeout: 20_000 })
  const error = await refused
  assert.ok(error instanceof PacketTooLarge)
  assert.ok(error.bytes > 10_240 && error.limit === 1_400 - 29 - 5, error.message)
})
