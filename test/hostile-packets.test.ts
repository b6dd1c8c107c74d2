/**
 * Packets that mean harm, on the UDP socket of a live member in threads of its own: each is dropped for its reason, nobody is let in by it, and the
 * member answers afterwards as before.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cluster } from 'folkmoot'
import { type Body, encodeTree, type Tree } from 'folkmoot/wire'
import { compress } from '../src/wire/lzw.ts'
import { wrapCompressed } from '../src/wire/packet.ts'
import { assertAnswersPing, listener, until } from './hostile-tools.ts'
import { fromHex } from './vectors.ts'

const LAST = 2 ** 32 - 1
const VSN = Uint8Array.of(1, 5, 2, 2, 5, 5)

const alive = (fields: Body): Tree => ({
  type: 'message',
  name: 'alive',
  fields: {
    Addr: Uint8Array.of(127, 0, 0, 77),
    Incarnation: 1,
    Meta: null,
    Node: 'intruder',
    Port: 7946,
    Vsn: VSN,
    ...fields,
  },
})
const accusation = (name: 'suspect' | 'dead', Node: string, Incarnation: number): Tree => ({
  type: 'message',
  name,
  fields: { From: 'intruder', Incarnation, Node },
})
const nack: Tree = { type: 'message', name: 'nackResp', fields: { SeqNo: 1 } }
const nested = (levels: number): Tree =>
  levels === 0 ? nack : { type: 'compound', parts: [nested(levels - 1)] }
const cluttered = (parts: number): Tree => ({
  type: 'compound',
  parts: Array.from({ length: parts }, () => nack),
})

/** A packet, the actor that drops it, and the counter that says why. */
const PACKETS: [what: string, bytes: Uint8Array, actor: 'detector' | 'gossip', counter: string][] = [
  ['a bomb', wrapCompressed(compress(new Uint8Array(10_000_000))), 'detector', 'drop.compress'],
  ['a part of no bytes', fromHex('07010000'), 'detector', 'drop.empty'],
  ['a compression of nothing', fromHex('0982a4416c676f00a3427566a3000302'), 'detector', 'drop.empty'],
  ['a checksum of nothing', fromHex('0c00000000'), 'detector', 'drop.empty'],
  ['a thousand coats', encodeTree(nested(1_000)), 'detector', 'drop.depth'],
  ['a part said to be 65,535 bytes', fromHex('0701ffff0b81'), 'detector', 'drop.compound'],
  [
    'versions of three bytes',
    encodeTree(alive({ Vsn: VSN.subarray(0, 3) })),
    'gossip',
    'drop.alive-versions',
  ],
  ['no versions', encodeTree(alive({ Vsn: null })), 'gossip', 'drop.alive-versions'],
  ['the last incarnation', encodeTree(alive({ Incarnation: LAST })), 'gossip', 'drop.incarnation'],
  [
    'us with the last incarnation',
    encodeTree(alive({ Node: 'alpha', Incarnation: LAST })),
    'gossip',
    'drop.incarnation',
  ],
  [
    'us suspect at the last incarnation',
    encodeTree(accusation('suspect', 'alpha', LAST)),
    'gossip',
    'drop.incarnation',
  ],
  [
    'us dead at the last incarnation',
    encodeTree(accusation('dead', 'alpha', LAST)),
    'gossip',
    'drop.incarnation',
  ],
  [
    'an address of five bytes',
    encodeTree(alive({ Addr: new Uint8Array(5) })),
    'gossip',
    'drop.alive-address',
  ],
  ['a member without a name', encodeTree(alive({ Node: '' })), 'gossip', 'drop.alive-no-name'],
]

test('each hostile packet is counted for its reason and changes nothing', async (t) => {
  const cluster = await Cluster.create({ nodeName: 'alpha', bind: '127.0.0.1:0', compression: false })
  t.after(() => cluster.shutdown())
  const place = cluster.localMember()
  const { socket } = await listener(t)
  const count = async (actor: 'detector' | 'gossip', counter: string) =>
    (await cluster.stats())[actor][counter] ?? 0
  for (const [what, bytes, actor, counter] of PACKETS) {
    assert.ok(bytes.length < 65_000, what)
    const before = await count(actor, counter)
    socket.send(bytes, place.port, place.address)
    await until(
      async () => (await count(actor, counter)) > before,
      `${what}: ${JSON.stringify(await cluster.stats())}`,
    )
  }
  await assertAnswersPing(t, place)
  assert.deepEqual(
    cluster.members().map(({ name, status, incarnation }) => [name, status, incarnation < LAST]),
    [['alpha', 'alive', true]],
  )
})

test('compounds of 128, 255 and a thousand parts are read whole', async (t) => {
  const cluster = await Cluster.create({ nodeName: 'alpha', bind: '127.0.0.1:0', compression: false })
  t.after(() => cluster.shutdown())
  const { address, port } = cluster.localMember()
  const { socket, heard } = await listener(t)
  const ping: Tree = { type: 'message', name: 'ping', fields: { Node: 'alpha', SeqNo: 77 } }
  for (const parts of [128, 254]) {
    heard.length = 0
    const compound: Tree = { type: 'compound', parts: [...Array.from({ length: parts }, () => nack), ping] }
    socket.send(encodeTree(compound), port, address)
    await until(() => heard.length > 0, `the last of ${parts + 1} parts is read`)
  }
  heard.length = 0
  const quarter = cluttered(249)
  const all: Tree = { type: 'compound', parts: [quarter, quarter, quarter, quarter, ping] }
  socket.send(encodeTree(all), port, address)
  await until(() => heard.length > 0, 'the last of a thousand parts is read')
})

test('sixty-four KiB of anything at the very end of what a datagram holds is dropped in little time and memory', async (t) => {
  const cluster = await Cluster.create({ nodeName: 'alpha', bind: '127.0.0.1:0', compression: false })
  t.after(() => cluster.shutdown())
  const place = cluster.localMember()
  const { socket } = await listener(t)
  const fills = [0x00, 0x07, 0x09, 0x80, 0x81, 0x90, 0x91, 0xa0, 0xc0, 0xdd, 0xdf, 0xff]
  const before = process.memoryUsage().rss
  for (const type of [0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 12])
    for (const fill of fills) {
      const bytes = new Uint8Array(65_000).fill(fill)
      bytes[0] = type
      socket.send(bytes, place.port, place.address)
    }
  await assertAnswersPing(t, place)
  assert.equal(cluster.memberCount, 1)
  assert.ok(process.memoryUsage().rss - before < 100 * 1024 * 1024)
})
