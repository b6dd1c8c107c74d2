/** `folkmoot/wire` as its users see it: nothing is lost, nothing is thrown for bytes, and where a member would stop it says where and why. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Body,
  decodePacket,
  decodeSerf,
  decodeStream,
  encodeSerf,
  encodeTree,
  InvalidArgument,
  type SerfTree,
  stopsIn,
  type Tree,
  toJson,
} from 'folkmoot/wire'
import { fromHex, inputVectors, toHex } from '../vectors.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)

function fieldsOf(tree: Tree | SerfTree): Body {
  assert.ok(tree.type === 'message' && tree.fields !== null, JSON.stringify(toJson(tree)))
  return tree.fields
}

test('numbers beyond 2^53 come as bigints and go back to the same bytes', () => {
  for (const lamportTime of [2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n]) {
    const bytes = encodeSerf({ type: 'message', name: 'join', fields: { LTime: lamportTime, Node: 'a' } })
    const { LTime } = fieldsOf(decodeSerf(bytes))
    assert.equal(typeof LTime, lamportTime > Number.MAX_SAFE_INTEGER ? 'bigint' : 'number')
    assert.equal(BigInt(String(LTime)), lamportTime)
    assert.deepEqual(encodeSerf(decodeSerf(bytes)), bytes)
  }
  for (const Timeout of [-1, -32, -33, -128, -129, -32_769, -(2 ** 31) - 1, -(2n ** 63n), 2n ** 63n - 1n]) {
    const bytes = encodeSerf({ type: 'message', name: 'query', fields: { Timeout } })
    assert.equal(fieldsOf(decodeSerf(bytes)).Timeout, Timeout)
  }
})

test('nil and empty are two things, in every kind of field', () => {
  for (const Payload of [null, new Uint8Array(0), Uint8Array.of(0, 255)]) {
    const event = { CC: false, LTime: 1, Name: 'e', Payload }
    const bytes = encodeSerf({ type: 'message', name: 'userEvent', fields: event })
    assert.deepEqual(fieldsOf(decodeSerf(bytes)), event)
  }
  const nothing = { LTime: null, Node: null, Prune: null }
  const bytes = encodeSerf({ type: 'message', name: 'leave', fields: nothing })
  assert.deepEqual(fieldsOf(decodeSerf(bytes)), nothing)
  assert.equal(toHex(encodeSerf({ type: 'message', name: 'leave', fields: null })), '00c0')
  const [nil, empty] = ['04 c0', '04 80'].map((hex) => decodePacket(fromHex(hex.replace(' ', ''))))
  assert.ok(
    nil.type === 'message' && nil.fields === null && empty.type === 'message' && empty.fields !== null,
  )
})

test('names in tables mean nothing to JavaScript, keep their order, and need not be UTF-8', () => {
  const names = ['__proto__', 'constructor', '10', '9', 'toString', '\ufeffbom', '']
  const StatusLTimes = new Map<string | Uint8Array, number>(names.map((name, i) => [name, i]))
  StatusLTimes.set(Uint8Array.of(0xff, 0xfe), 99)
  const bytes = encodeSerf({ type: 'message', name: 'pushPull', fields: { StatusLTimes } })
  const tree = decodeSerf(bytes)
  const table = fieldsOf(tree).StatusLTimes
  assert.ok(table instanceof Map)
  assert.deepEqual([...table], [...StatusLTimes])
  assert.deepEqual(encodeSerf(tree), bytes)
  assert.equal(Object.getPrototypeOf(toJson(table)), null)
  assert.equal(Object.hasOwn({}, '0'), false)
})

test('a member by its parts: tags, coordinates, filters and what is inside answers are shown and go back', () => {
  const alive: Tree = {
    type: 'message',
    name: 'alive',
    fields: {
      Addr: Uint8Array.of(10, 0, 0, 1),
      Incarnation: 1,
      Meta: new Map([['role', 'web']]),
      Node: 'a',
      Port: 7946,
      Vsn: Uint8Array.of(1, 5, 2, 2, 5, 5),
    },
  }
  assert.deepEqual(decodePacket(encodeTree(alive)), alive)
  const coordinate = { Adjustment: 0, Error: 1.5, Height: 1e-5, Vec: [0, 0.25] }
  const ack: Tree = {
    type: 'message',
    name: 'ackResp',
    fields: { Payload: { version: 1, coordinate }, SeqNo: 7 },
  }
  assert.deepEqual(decodePacket(encodeTree(ack)), ack)
  const query: Body = {
    Filters: [{ names: ['a', 'b'] }, { tag: { Expr: '^web', Tag: 'role' } }, Uint8Array.of(7, 7)],
    Payload: { type: 'message', name: 'keyRequest', fields: { Key: new Uint8Array(16) } },
  }
  assert.deepEqual(fieldsOf(decodeSerf(encodeSerf({ type: 'message', name: 'query', fields: query }))), query)
  const user: Tree = {
    type: 'user',
    payload: { type: 'message', name: 'join', fields: { LTime: 1, Node: 'a' } },
  }
  const packet = encodeTree({ type: 'compound', parts: [alive, user] })
  assert.deepEqual(decodePacket(packet), { type: 'compound', parts: [alive, user] })
  const asBytes = decodePacket(packet, { payloads: 'bytes' })
  assert.ok(asBytes.type === 'compound' && fieldsOf(asBytes.parts[0]).Meta instanceof Uint8Array)
})

test('bytes that only look like what Serf writes stay bytes', () => {
  for (const Payload of ['0201', '01', '01c1', '0184', 'ff81a161a162'].map(fromHex)) {
    const bytes = encodeTree({ type: 'message', name: 'ackResp', fields: { Payload, SeqNo: 1 } })
    assert.deepEqual(fieldsOf(decodePacket(bytes)), { Payload, SeqNo: 1 })
  }
  // A table whose name is written in another form would not come back the same.
  const Meta = Uint8Array.of(255, 0x81, 0xd9, 1, 97, 0xa1, 98)
  assert.deepEqual(fieldsOf(decodePacket(encodeTree({ type: 'message', name: 'alive', fields: { Meta } }))), {
    Meta,
  })
})

test('what stands behind a message is kept', () => {
  for (const hex of ['0b81a55365714e6f01abcd', '0702000900090b81a55365714e6f010b81a55365714e6f02ff'])
    assert.equal(toHex(encodeTree(decodePacket(fromHex(hex)))), hex)
})

test('records in array form, as nobody writes them, are read in the order of their declaration', () => {
  const ping = decodePacket(Uint8Array.of(0, 0x92, 5, 0xa1, 97))
  assert.deepEqual(fieldsOf(ping), { SeqNo: 5, Node: 'a' })
  const event = decodeSerf(Uint8Array.of(3, 0x94, 9, 0xa1, 101, 0xc0, 0xc3))
  assert.deepEqual(fieldsOf(event), { LTime: 9, Name: 'e', Payload: null, CC: true })
})

const STOPS: [
  what: string,
  carrier: 'packet' | 'stream',
  hex: string,
  layers: string[],
  offset: number,
  reason: RegExp,
][] = [
  ['nothing', 'packet', '', ['packet'], 0, /empty/],
  ['a label cut short', 'packet', 'f40561', ['label'], 3, /too soon/],
  ['a wrong checksum', 'packet', '0c000000000b81a55365714e6f01', ['hasCrc'], 1, /09735157|checksum/],
  ['a ping cut short', 'packet', '0082a44e6f6465a5616c', ['ping'], 8, /too soon, or sealed/],
  ['a number too large', 'packet', '0b81a55365714e6fcf0000000100000000', ['nackResp'], 17, /range/],
  ['an unknown type', 'packet', '63', ['message'], 0, /type 99/],
  ['a push/pull in a packet', 'packet', '0683', ['message'], 0, /type 6/],
  ['a second label', 'packet', 'f40161f4016102', ['label', 'message'], 0, /type 244/],
  [
    'an inner part',
    'packet',
    '070200090002' + '0b81a55365714e6f01' + '0b81',
    ['compound[1]', 'nackResp'],
    2,
    /too soon/,
  ],
  [
    'a part cut off',
    'packet',
    '070200090009' + '0b81a55365714e6f01' + '0b81',
    ['compound'],
    15,
    /1 of 2 parts/,
  ],
  [
    'a checksum inside',
    'packet',
    '0701000e' + '0c097351570b81a55365714e6f01',
    ['compound[0]', 'message'],
    0,
    /type 12/,
  ],
  ['members that never come', 'stream', '0681a54e6f64657305', ['pushPull'], 9, /too soon/],
  ['2^31 members', 'stream', '0681a54e6f646573ce80000000', ['pushPull'], 1, /2147483648 members/],
  ['a sealed stream', 'stream', `0a0000001d${'01'.repeat(29)}`, ['encrypt'], 5, /none of 0 keys/],
  ['a Serf message inside', 'packet', '080381', ['user', 'userEvent'], 2, /too soon/],
]

for (const [what, carrier, hex, layers, offset, reason] of STOPS) {
  test(`it says where it stopped: ${what}`, () => {
    const bytes = fromHex(hex)
    const tree = carrier === 'packet' ? decodePacket(bytes) : decodeStream(bytes)
    const [stop] = stopsIn(tree)
    assert.deepEqual({ layers: stop?.layers, offset: stop?.offset }, { layers, offset })
    assert.match(stop.reason, reason)
    assert.equal(toHex(encodeTree(tree)), hex, 'and the bytes come back')
  })
}

test('what was read before the stop is there', () => {
  const tree = decodePacket(fromHex('0082a44e6f6465a5616c706861a5'))
  assert.ok(tree.type === 'malformed' && tree.partial?.type === 'message')
  assert.deepEqual(tree.partial.fields, { Node: 'alpha' })
})

test('the recorded hostile inputs decode to a tree each', () => {
  for (const { hex, transport } of inputVectors) {
    const bytes = fromHex(hex)
    const tree = transport === 'udp' ? decodePacket(bytes) : decodeStream(bytes)
    stopsIn(tree)
    JSON.stringify(toJson(tree))
  }
})

test('nothing hostile goes deep, grows large or takes long', () => {
  const relays = new Uint8Array(60_000).map((_, i) => (i % 2 === 0 ? 9 : 0xc0))
  assert.match(stopsIn(decodeSerf(relays))[0].reason, /deep/)
  let packet: Uint8Array = fromHex('0b81a55365714e6f01')
  for (let i = 0; i < 12; i++)
    packet = encodeTree({
      type: 'compress',
      inner: { type: 'malformed', layer: '', offset: 0, reason: '', bytes: packet },
    })
  assert.match(stopsIn(decodePacket(packet))[0].reason, /deep/)
  const zeros: Tree = { type: 'user', payload: new Uint8Array(200_000) }
  assert.match(stopsIn(decodePacket(encodeTree({ type: 'compress', inner: zeros })))[0].reason, /65536 bytes/)
  // Forty million nils in a list: each would be a value.
  const many = new Uint8Array(8_000_000).fill(0xc0)
  many.set([2, 0x81, 0xab, ...utf8('LeftMembers'), 0xdd, 0, 0x70, 0, 0])
  assert.match(stopsIn(decodeSerf(many))[0].reason, /more values/)
  const empties = new Uint8Array(60_000)
  empties.set([7, 255])
  assert.equal(stopsIn(decodePacket(empties)).length, 100)
})

test('a tree that cannot be written is refused by name', () => {
  const of = (fields: Body): Tree => ({ type: 'message', name: 'ping', fields })
  const wrong: [tree: Tree, says: RegExp][] = [
    [of({ SeqNo: 2 ** 32 }), /SeqNo is 4294967296, but must be a whole number from 0 to 4294967295/],
    [of({ SeqNo: -1 }), /SeqNo/],
    [of({ SeqNo: 1.5 }), /SeqNo/],
    [of({ Node: 5 }), /Node/],
    [of({ SourceAddr: '10.0.0.1' }), /SourceAddr/],
    [of({ Nodes: 1 }), /Nodes/],
    [{ type: 'message', name: 'pong', fields: null }, /pong/],
    [{ type: 'label', label: '', inner: of({}) }, /1 to 255 bytes/],
    [{ type: 'compound', parts: Array.from({ length: 256 }, () => of({})) }, /255 parts/],
    [{ type: 'compound', parts: [{ type: 'user', payload: new Uint8Array(65_535) }] }, /65535 bytes/],
  ]
  for (const [tree, says] of wrong) {
    assert.throws(
      () => encodeTree(tree),
      (error) =>
        error instanceof InvalidArgument &&
        says.test(error.message) &&
        /nothing was encoded/.test(error.message),
    )
  }
})

test('sealed packets and streams open with any of the keys, and say so when none fits', () => {
  const keys = [new Uint8Array(16).fill(1), Buffer.from(new Uint8Array(32).fill(2)).toString('base64')]
  const ping: Tree = { type: 'message', name: 'ping', fields: { Node: 'a', SeqNo: 1 } }
  for (const carrier of ['packet', 'stream'] as const)
    for (const version of [0, 1] as const)
      for (const label of ['', 'blue']) {
        const nonce = new Uint8Array(12).fill(9)
        const sealed: Tree = { type: 'encrypt', carrier, version, keyIndex: 1, nonce, inner: ping }
        const tree: Tree = label === '' ? sealed : { type: 'label', label, inner: sealed }
        const bytes = encodeTree(tree, { keys })
        const decode = carrier === 'packet' ? decodePacket : decodeStream
        assert.deepEqual(decode(bytes, { keys }), tree)
        const [stop] = stopsIn(decode(bytes, { keys: keys.slice(0, 1) }))
        assert.match(stop.reason, /none of 1 keys opens it/)
        // A reply carries no label, but is sealed with it.
        const reply = encodeTree(sealed, { keys, label })
        assert.deepEqual(decode(reply, { keys, label }), sealed)
        if (label !== '') assert.equal(stopsIn(decode(reply, { keys })).length, 1)
      }
  const secret = 'c2VjcmV0IHNlY3JldA=='
  assert.throws(
    () => decodePacket(new Uint8Array(40), { keys: [secret] }),
    (error) =>
      error instanceof InvalidArgument && !error.message.includes(secret) && /key 0/.test(error.message),
  )
})
