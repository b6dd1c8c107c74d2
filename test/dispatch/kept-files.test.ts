/** The tags file and the keyring file: Serf's formats, and what is said of a file that is none. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readKeyring, writeKeyring } from '../../src/dispatch/keyring-file.ts'
import { readTags, writeTags } from '../../src/dispatch/tags-file.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

test('tags are written as Go writes them: sorted, indented, escaped, without a line feed at the end', () => {
  const tags = { role: 'web', 'a<b': '>&', b: 'Gruß\u2028', '': '', z: '"\\\n' }
  assert.equal(
    textOf(writeTags(tags)),
    '{\n  "": "",\n  "a\\u003cb": "\\u003e\\u0026",\n  "b": "Gruß\\u2028",\n  "role": "web",\n  "z": "\\"\\\\\\n"\n}',
  )
  assert.equal(textOf(writeTags({})), '{}')
})

test('any tags come back', () => {
  const tags = fc.dictionary(
    fc.string({ maxLength: 8, unit: 'grapheme' }),
    fc.string({ maxLength: 8, unit: 'grapheme' }),
    {
      maxKeys: 5,
    },
  )
  fc.assert(
    fc.property(tags, (given) => {
      assert.deepEqual({ ...Object(readTags(writeTags(given), 5)) }, { ...given })
    }),
  )
})

test('a file that holds no tags says why', () => {
  assert.match(String(readTags(utf8('{"role": "we'), 5)), /^it is not JSON/)
  assert.equal(readTags(utf8('["role"]'), 5), 'it is not an object')
  assert.equal(readTags(utf8('{"role": 1}'), 5), 'the tag "role" is not a text')
  assert.match(String(readTags(Uint8Array.of(0x22, 0xff, 0x22), 5)), /^it is not JSON/)
  assert.match(String(readTags(utf8(`{"a": "${'x'.repeat(600)}"}`), 5)), /exceed the limit of 512 bytes/)
})

const KEYS = [16, 24, 32].map((size) => new Uint8Array(size).fill(size))

test('keys are written as Serf writes them, and come back in their order', () => {
  const file = writeKeyring(KEYS)
  assert.equal(
    textOf(file),
    `[\n${KEYS.map((key) => `  "${Buffer.from(key).toString('base64')}"`).join(',\n')}\n]`,
  )
  assert.deepEqual(readKeyring(file), KEYS)
})

test('a file that holds no keys says why, and shows nothing of what is in it', () => {
  const secret = Buffer.alloc(32, 7).toString('base64')
  const cases: [string, string][] = [
    [`["${secret}"`, 'it is not JSON'],
    [`{"a": "${secret}"}`, 'it is not a list'],
    ['[]', 'it contains no keys'],
    [`["${secret}", "${secret.slice(1)}"]`, 'key 2 is not base64'],
    [`["${Buffer.alloc(17, 7).toString('base64')}"]`, 'key 1: key size must be 16, 24 or 32 bytes'],
    ['[1]', 'key 1 is not base64'],
  ]
  for (const [file, reason] of cases) assert.equal(readKeyring(utf8(file)), reason)
})
