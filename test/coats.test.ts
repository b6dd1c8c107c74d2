/** Keys, labels and sizes as a host says them: what is taken, what is refused, and that no key is ever shown. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { Counters } from '../src/actors/counters.ts'
import { InvalidOption } from '../src/errors/errors.ts'
import { Directed } from '../src/gossip/directed.ts'
import { directRoom } from '../src/options/coats.ts'
import { settle } from '../src/options/options.ts'

/** Bytes and base64 of a key whose text would be seen anywhere. */
const SECRET = new Uint8Array(16).fill(0xab)
const SECRET_TEXT = Buffer.from(SECRET).toString('base64')
/** Any trace of it: base64, hex, or the numbers of an inspected array. */
const TRACE = /q6ur|abab|171, 171/i

function refusal(options: object): InvalidOption {
  try {
    Reflect.apply(settle, undefined, [options, 'h'])
  } catch (error) {
    if (error instanceof InvalidOption) return error
    throw error
  }
  throw new Error(`${inspect(options)} was taken`)
}

test('keys are taken as bytes and in base64, in their order, as copies', () => {
  const given = SECRET.slice()
  const other = Buffer.alloc(32, 7)
  const { encryptionKeys } = settle({ encryptionKeys: [given, other.toString('base64')] }, 'h')
  given.fill(0)
  assert.deepEqual(encryptionKeys, [SECRET, Uint8Array.from(other)])
})

test('without a word about it nothing is encrypted or labelled, and with keys both ways are verified', () => {
  const { encryptionKeys, verifyIncoming, verifyOutgoing, label, skipInboundLabelCheck } = settle({}, 'h')
  assert.deepEqual(
    [encryptionKeys, verifyIncoming, verifyOutgoing, label, skipInboundLabelCheck],
    [[], true, true, '', false],
  )
})

test('what is wrong with a key is told by its place and size, and the key by nothing', () => {
  const wrong: [options: object, option: string, value: RegExp][] = [
    [{ encryptionKeys: [SECRET, SECRET.subarray(1)] }, 'encryptionKeys[1]', /a key of 15 bytes/],
    [
      { encryptionKeys: [Buffer.alloc(12, SECRET).toString('base64')] },
      'encryptionKeys[0]',
      /a key of 12 bytes/,
    ],
    [{ encryptionKeys: [SECRET_TEXT.slice(0, -1)] }, 'encryptionKeys[0]', /no base64/],
    [{ encryptionKeys: [`${SECRET_TEXT}\n`] }, 'encryptionKeys[0]', /no base64/],
    [{ encryptionKeys: [''] }, 'encryptionKeys[0]', /a key of 0 bytes/],
    [{ encryptionKeys: [[...SECRET]] }, 'encryptionKeys[0]', /a list of 16/],
    [{ encryptionKeys: SECRET_TEXT }, 'encryptionKeys', /a text/],
    [{ encryptionKeys: new Array(257).fill(SECRET) }, 'encryptionKeys', /a list of 257/],
    [{ encryptionKey: SECRET_TEXT }, 'encryptionKey', /not shown/],
    [{ secretKey: SECRET }, 'secretKey', /not shown/],
    [{ encrypt: SECRET_TEXT }, 'encrypt', /not shown/],
  ]
  for (const [options, option, value] of wrong) {
    const error = refusal(options)
    assert.equal(error.option, option)
    assert.match(String(error.value), value)
    const shown = inspect(error, { depth: 9 }) + error.message + JSON.stringify(error)
    assert.doesNotMatch(shown, TRACE, option)
  }
})

test('a label is a text of at most 255 bytes, not characters', () => {
  assert.equal(settle({ label: 'ü'.repeat(127) }, 'h').label.length, 127)
  for (const label of ['ü'.repeat(128), 7]) assert.equal(refusal({ label }).option, 'label')
  for (const option of ['verifyIncoming', 'verifyOutgoing', 'skipInboundLabelCheck']) {
    assert.equal(refusal({ [option]: 'yes' }).option, option)
  }
})

test('a buffer that cannot hold a probe, or the news of ourselves, is refused with the size that could', () => {
  for (const options of [
    { udpBufferSize: 576, label: 'l'.repeat(255) },
    { udpBufferSize: 600, tags: { long: 'x'.repeat(500) } },
    { udpBufferSize: 600, label: 'east', nodeName: 'n'.repeat(128), tags: { long: 'x'.repeat(400) } },
  ]) {
    const error = refusal(options)
    assert.equal(error.option, 'udpBufferSize')
    const least = Number(/at least (\d+)/.exec(error.bound)?.[1])
    assert.equal(settle({ ...options, udpBufferSize: least }, 'h').udpBufferSize, least)
    assert.equal(refusal({ ...options, udpBufferSize: least - 1 }).option, 'udpBufferSize')
  }
})

test('a message for one member of 10 KB is refused with both sizes, and nothing is sent', () => {
  const told: unknown[] = []
  const counters = new Counters()
  const room = directRoom(settle({ label: 'east' }, 'h'))
  assert.equal(room, 1_400 - 6 - 29 - 5)
  const detector = { tell: (mail: unknown) => told.push(mail), waiting: () => 0 }
  const directed = new Directed({ detector, counters, room, requireNodeNames: false, home: () => undefined })
  const error = directed.send('10.0.0.1', 7946, new Uint8Array(10_240))
  assert.equal(error?.code, 'ERR_PACKET_TOO_LARGE')
  assert.deepEqual([error?.bytes, error?.limit], [10_240, room])
  assert.deepEqual([told.length, counters.get('drop.direct-too-large')], [0, 1])
  assert.equal(directed.send('10.0.0.1', 7946, new Uint8Array(room)), undefined)
  assert.equal(told.length, 1)
})
