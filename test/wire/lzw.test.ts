/** LZW: the table of the protocol page, round trips, and a hard bound on what comes out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Compressor, compress, Expander, expand } from '../../src/wire/lzw.ts'
import { fromHex, toHex } from '../vectors.ts'

const TABLE: [plain: string, compressed: string][] = [
  ['', '000302'],
  ['61', '00c30404'],
  ['61616161', '00c3080c1310'],
  ['61'.repeat(16), '00c3081c48b0609880'],
  ['544f4245', '00a93c11522420'],
  ['000102030405060708', '00010410308040010307100404'],
]

for (const [plain, compressed] of TABLE) {
  test(`${plain.slice(0, 20) || 'nothing'} is ${compressed}, both ways`, () => {
    assert.equal(toHex(compress(fromHex(plain))), compressed)
    assert.equal(toHex(expand(fromHex(compressed), 1_000) ?? fromHex('ff')), plain)
  })
}

test('whatever is compressed comes back, in slices of any size', () => {
  const some = fc.oneof(
    fc.uint8Array({ maxLength: 20_000 }),
    fc.array(fc.constantFrom(0, 1, 2), { maxLength: 60_000 }).map((bytes) => Uint8Array.from(bytes)),
  )
  fc.assert(
    fc.property(some, fc.integer({ min: 1, max: 5_000 }), (plain, slice) => {
      const compressor = new Compressor(plain)
      while (!compressor.step(slice)) assert.ok(plain.length > 0)
      assert.equal(toHex(compressor.result()), toHex(compress(plain)))
      const expander = new Expander(compressor.result(), plain.length)
      let expansion = expander.step(slice)
      while (expansion === 'more') expansion = expander.step(slice)
      assert.equal(expansion, 'done')
      assert.equal(toHex(expander.result()), toHex(plain))
    }),
    { numRuns: 60 },
  )
})

test('a full table is cleared, and long input survives it', () => {
  const plain = Uint8Array.from({ length: 300_000 }, (_, i) => (i * i * 31 + (i >> 7)) & 255)
  assert.equal(toHex(expand(compress(plain), plain.length) ?? fromHex('')), toHex(plain))
})

test('a bomb is given up at the limit, without room for more than it', () => {
  const bomb = compress(new Uint8Array(50_000_000))
  assert.ok(bomb.length < 60_000)
  assert.equal(expand(bomb, 65_536), undefined)
  const expander = new Expander(bomb, 65_536)
  assert.equal(expander.step(100_000_000), 'too large')
  assert.ok(expander.result().buffer.byteLength <= 65_536)
})

test('input that ends before its end code is malformed, bytes behind the end code are ignored', () => {
  const whole = compress(fromHex('0102030405'))
  assert.equal(expand(whole.subarray(0, whole.length - 1), 100), undefined)
  assert.equal(toHex(expand(Uint8Array.of(...whole, 1, 2, 3), 100) ?? fromHex('')), '0102030405')
  assert.equal(expand(new Uint8Array(0), 100), undefined)
  // A code that cannot be defined yet.
  assert.equal(expand(fromHex('00ffff'), 100), undefined)
})
