/** The keyring as a machine of its own: order, refusals, sealing and opening in both versions, nonces. */
import assert from 'node:assert/strict'
import { createCipheriv, randomFillSync } from 'node:crypto'
import { test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import {
  KEY_REFUSALS,
  Keyring,
  MOST_KEYS,
  SEAL_HEAD,
  SEAL_OVERHEAD,
  type SealVersion,
  sealedLength,
} from '../../src/wire/keyring.ts'
import { fromHex, toHex } from '../vectors.ts'

const NOTHING = new Uint8Array(0)
const VERSIONS = [0, 1] as const

function fill(bytes: Uint8Array): void {
  randomFillSync(bytes)
}

function keyOf(number: number, bytes = 16): Uint8Array {
  return new Uint8Array(bytes).fill(number)
}

function ringOf(...numbers: number[]): Keyring {
  return new Keyring(
    numbers.map((number) => keyOf(number)),
    fill,
  )
}

function numbersOf(ring: Keyring): number[] {
  return ring.keys.map(([first]) => first)
}

function seal(
  ring: Keyring,
  plain: Uint8Array,
  version: SealVersion,
  extra: Uint8Array = NOTHING,
): Uint8Array {
  const sealed = new Uint8Array(sealedLength(plain.length, version))
  sealed.set(plain, SEAL_HEAD)
  ring.seal(sealed, 0, plain.length, version, extra)
  return sealed
}

test('the worked examples of the protocol page come out byte for byte, and open again', () => {
  const nonce = fromHex('101112131415161718191a1b')
  const givenNonces = (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length; at += nonce.length) bytes.set(nonce, at)
  }
  const ring = new Keyring([fromHex('000102030405060708090a0b0c0d0e0f')], givenNonces)
  const plain = fromHex('0b81a55365714e6f01')
  const blue = new TextEncoder().encode('blue')
  const worked: [version: SealVersion, extra: Uint8Array, hex: string][] = [
    [1, NOTHING, '01101112131415161718191a1bcfafa6fc6a3ef8801685cc745e4095634076cae7b01920effe'],
    [1, blue, '01101112131415161718191a1bcfafa6fc6a3ef880163c571be863027c4276d6c0f869e56853'],
    [
      0,
      NOTHING,
      '00101112131415161718191a1bcfafa6fc6a3ef88016da5af2c020ec39b05f61963b5ff28b63771c763fa526e5',
    ],
    [
      1,
      fromHex('0a00000026'),
      '01101112131415161718191a1bcfafa6fc6a3ef880166af2d862741d8790accb345139f00403',
    ],
  ]
  for (const [version, extra, hex] of worked) {
    assert.equal(toHex(seal(ring, plain, version, extra)), hex)
    assert.equal(toHex(ring.open(fromHex(hex), extra) ?? NOTHING), toHex(plain))
    assert.equal(ring.open(fromHex(hex), new TextEncoder().encode('green')), undefined)
  }
})

test('the first key is the primary one; the others keep their order whatever is added, used and removed', () => {
  const ring = ringOf(1, 2, 2, 1, 3)
  assert.deepEqual(numbersOf(ring), [1, 2, 3])
  assert.equal(ring.add(keyOf(4)), undefined)
  assert.equal(ring.add(keyOf(2)), undefined)
  assert.deepEqual(numbersOf(ring), [1, 2, 3, 4])
  assert.equal(ring.use(keyOf(3)), undefined)
  assert.deepEqual(numbersOf(ring), [3, 1, 2, 4])
  assert.equal(ring.remove(keyOf(1)), undefined)
  assert.equal(ring.remove(keyOf(1)), undefined, 'what is not there is as good as removed')
  assert.deepEqual(numbersOf(ring), [3, 2, 4])
  ring.replace([keyOf(2), keyOf(5)])
  assert.deepEqual(numbersOf(ring), [2, 5])
})

test('what a keyring refuses it says in the words of Serf, and stays as it is', () => {
  const ring = ringOf(1, 2)
  for (const size of [0, 15, 17, 31, 33, 64]) assert.equal(ring.add(new Uint8Array(size)), 'size')
  assert.equal(ring.use(keyOf(9)), 'absent')
  assert.equal(ring.remove(keyOf(1)), 'primary')
  assert.deepEqual(numbersOf(ring), [1, 2])
  assert.equal(new Keyring([], fill).remove(keyOf(1)), 'empty')
  assert.equal(new Keyring([], fill).use(keyOf(1)), 'absent')
  for (let i = 3; i <= MOST_KEYS; i++) assert.equal(ring.add(new Uint8Array(24).fill(i)), undefined)
  assert.equal(ring.add(keyOf(3)), 'full')
  assert.equal(KEY_REFUSALS.size, 'key size must be 16, 24 or 32 bytes')
  assert.equal(KEY_REFUSALS.absent, 'Requested key is not in the keyring')
  assert.equal(KEY_REFUSALS.primary, 'Removing the primary key is not allowed')
})

test('keys go in and out as copies, and no inspection shows one', () => {
  const key = fromHex('5ec2e75ec2e75ec2e75ec2e75ec2e75e')
  const ring = new Keyring([key], fill)
  key.fill(0)
  ring.keys[0].fill(0)
  assert.equal(toHex(ring.keys[0]), '5ec2e75ec2e75ec2e75ec2e75ec2e75e')
  const shown = inspect(ring, { depth: 9, showHidden: true }) + JSON.stringify(ring) + String(ring)
  assert.doesNotMatch(shown, /5e|94, 194/)
})

test('what any key of any size seals opens with a ring that holds it, at any place, in both versions', () => {
  const keys = [16, 24, 32].flatMap((size) => [1, 2].map((number) => keyOf(number, size)))
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.constantFrom(...VERSIONS),
      fc.uint8Array({ maxLength: 40 }),
      fc.integer({ min: 0, max: keys.length - 1 }),
      (plain, version, extra, place) => {
        const sealed = seal(new Keyring([keys[place]], fill), plain, version, extra)
        assert.ok(sealed.length <= plain.length + SEAL_OVERHEAD[version])
        assert.deepEqual(Uint8Array.from(new Keyring(keys, fill).open(sealed, extra) ?? [0]), plain)
        const others = keys.filter((_, i) => i !== place)
        assert.equal(new Keyring(others, fill).open(sealed, extra), undefined)
      },
    ),
  )
})

test('whatever is changed, cut off or added, a sealed message opens no more, for the same one reason', () => {
  const ring = ringOf(1, 2, 3)
  for (const version of VERSIONS) {
    const sealed = seal(ring, fromHex('0b81a55365714e6f01'), version)
    for (let at = 0; at < sealed.length; at++) {
      const changed = sealed.slice()
      changed[at] ^= 1
      // The version is no part of what is authenticated: version 1 shows the padding of 0, 0 finds no padding in what was 1.
      const isOtherVersion = at === 0 && version === 0
      assert.equal(ring.open(changed, NOTHING) === undefined, !isOtherVersion, `byte ${at}`)
      assert.equal(ring.open(sealed.subarray(0, at), NOTHING), undefined)
    }
    assert.equal(ring.open(Uint8Array.of(...sealed, 0), NOTHING), undefined)
    for (const other of [2, 3, 9, 255]) {
      assert.equal(ring.open(Uint8Array.of(other, ...sealed.subarray(1)), NOTHING), undefined)
    }
  }
})

test('padding of version 0 that is not what it must be is refused, though the key is right', () => {
  const ring = ringOf(1)
  const padded = (plain: Uint8Array) => {
    const nonce = new Uint8Array(12)
    const cipher = createCipheriv('aes-128-gcm', keyOf(1), nonce)
    const text = Buffer.concat([cipher.update(plain), cipher.final()])
    return Uint8Array.from([0, ...nonce, ...text, ...cipher.getAuthTag()])
  }
  const block = (...end: number[]) => Uint8Array.from([...new Array(16 - end.length).fill(7), ...end])
  assert.equal(ring.open(padded(block(3, 3, 3)), NOTHING)?.length, 13)
  assert.equal(ring.open(padded(new Uint8Array(16).fill(16)), NOTHING)?.length, 0)
  for (const wrong of [block(0), block(17), block(255), block(2, 3, 3), block(4, 4, 4), block(1, 16)]) {
    assert.equal(ring.open(padded(wrong), NOTHING), undefined, toHex(wrong))
  }
})

test('a million nonces are all distinct', () => {
  const ring = ringOf(1)
  const seen = new Set<string>()
  const sealed = Buffer.alloc(sealedLength(0, 1))
  for (let i = 0; i < 1_000_000; i++) {
    ring.prepare(sealed, 0, 0, 1)
    seen.add(sealed.toString('latin1', 1, SEAL_HEAD))
  }
  assert.equal(seen.size, 1_000_000)
})

/** What a plain list of numbers makes of a change: the list behind it, and the refusal. */
function changed(model: number[], what: string, number: number): [number[], string | undefined] {
  const others = model.filter((other) => other !== number)
  const has = others.length < model.length
  if (what === 'add') return [has ? model : [...model, number], undefined]
  if (what === 'use') return has ? [[number, ...others], undefined] : [model, 'absent']
  return model[0] === number ? [model, 'primary'] : [others, undefined]
}

test('install, use, remove and list in any order, with one to sixty keys, agree with a plain list', () => {
  const number = fc.integer({ min: 0, max: 60 })
  const operations = fc.array(fc.tuple(fc.constantFrom('add', 'use', 'remove'), number), { maxLength: 200 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), operations, (count, steps) => {
      let model = Array.from({ length: count }, (_, i) => i)
      const ring = ringOf(...model)
      for (const [what, number] of steps) {
        const key = keyOf(number)
        const refusal = what === 'add' ? ring.add(key) : what === 'use' ? ring.use(key) : ring.remove(key)
        const [after, refused] = changed(model, what, number)
        model = after
        assert.equal(refusal, refused)
        // A list that whoever asked turns round does not move the ring.
        ring.keys.reverse()
        assert.deepEqual(numbersOf(ring), model)
      }
      assert.ok(ringOf(model[0]).open(seal(ring, fromHex('00'), 1), NOTHING), 'the primary key seals')
    }),
  )
})
