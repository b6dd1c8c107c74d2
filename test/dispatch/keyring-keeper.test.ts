/** Queries about keys as a member answers them: Serf's words and bytes, one change at a time, nothing confirmed before all have it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counters } from '../../src/actors/counters.ts'
import type { ToGossip } from '../../src/actors/mail.ts'
import { type FileOperation, Files } from '../../src/dispatch/files.ts'
import { InternalQueries } from '../../src/dispatch/internal-queries.ts'
import { KEY_QUERIES, KeyringKeeper } from '../../src/dispatch/keyring-keeper.ts'
import { toBase64 } from '../../src/options/coats.ts'
import {
  type KeyAnswer,
  readKeyAnswer,
  readKeyRequest,
  writeKeyAnswer,
  writeKeyRequest,
} from '../../src/wire/keys.ts'
import { fromHex, serfVectors, toHex } from '../vectors.ts'

const K1 = new Uint8Array(32).fill(1)
const K2 = new Uint8Array(16).fill(2)
const K3 = new Uint8Array(24).fill(3)

function kept(keys: readonly Uint8Array[], { path = '', limit = 1_024, head = 44 } = {}) {
  const operations: FileOperation[] = []
  const told: ToGossip[] = []
  const answers: Uint8Array[] = []
  const counters = new Counters()
  const files = new Files((operation) => operations.push(operation))
  const gossip = { tell: (mail: ToGossip) => told.push(mail), waiting: () => 0 }
  const rules = {
    ...{ keyringFile: path, queryResponseSizeLimit: limit, encryptionKeys: keys },
    ...{ verifyIncoming: false, verifyOutgoing: true },
  }
  const keeper = new KeyringKeeper(rules, { files, gossip, counters, now: () => 0 })
  const internal = new InternalQueries(counters)
  keeper.serve(internal)
  const ask = (kind: keyof typeof KEY_QUERIES, payload: Uint8Array = writeKeyRequest(new Uint8Array(0))) => {
    const query = {
      name: KEY_QUERIES[kind],
      payload,
      source: 'other',
      // The head of a response from a name of 5 letters has 44 bytes or so (protocol page 2, section 8).
      fits: (answer: Uint8Array) => head + answer.length + 3 <= limit,
      respond: (answer: Uint8Array) => answers.push(answer),
    }
    internal.ask(query, 0)
  }
  const inForce = () => told.flatMap((mail) => (mail.type === 'keyring' ? [mail] : []))
  const confirm = () => keeper.isSet(inForce().at(-1)?.number ?? 0)
  const last = (): KeyAnswer | undefined => readKeyAnswer(answers.at(-1) ?? new Uint8Array(0))
  return { keeper, ask, answers, last, inForce, confirm, operations, files, counters }
}

const YES: KeyAnswer = { isDone: true, message: '', keys: [], primaryKey: '' }
const no = (message: string): KeyAnswer => ({ ...YES, isDone: false, message })

test('install, use and remove change the keyring, and are confirmed when everybody has it', () => {
  const { ask, answers, last, inForce, confirm } = kept([K1])
  const step = (kind: 'install' | 'use' | 'remove', key: Uint8Array, expected: Uint8Array[]) => {
    const before = answers.length
    ask(kind, writeKeyRequest(key))
    assert.deepEqual(inForce().at(-1)?.keys, expected)
    assert.equal(answers.length, before, 'answered before detector and gossip have it')
    confirm()
    assert.deepEqual(last(), YES)
  }
  step('install', K2, [K1, K2])
  step('install', K2, [K1, K2])
  step('use', K2, [K2, K1])
  step('remove', K3, [K2, K1])
  step('remove', K1, [K2])
})

test('what is refused is said in the words of Serf, and changes nothing', () => {
  const { ask, last, inForce } = kept([K1, K2])
  ask('install', writeKeyRequest(new Uint8Array(7)))
  assert.deepEqual(last(), no('key size must be 16, 24 or 32 bytes'))
  ask('use', writeKeyRequest(K3))
  assert.deepEqual(last(), no('Requested key is not in the keyring'))
  ask('remove', writeKeyRequest(K1))
  assert.deepEqual(last(), no('Removing the primary key is not allowed'))
  assert.deepEqual(inForce(), [])
})

test('an empty payload, one byte, and one that is no request are refused without a word (page 2, section 10)', () => {
  const { ask, last, answers } = kept([K1])
  for (const payload of [[], [7], [8, ...writeKeyRequest(K2).subarray(1)], [7, 0xc1]]) {
    ask('install', Uint8Array.from(payload))
    assert.deepEqual(last(), no(''))
  }
  assert.equal(answers.length, 4)
  // Nil in the place of the record is one with an empty key.
  ask('install', Uint8Array.of(7, 0xc0))
  assert.deepEqual(last(), no('key size must be 16, 24 or 32 bytes'))
})

test('without encryption there is no keyring', () => {
  const { ask, last } = kept([])
  ask('install', writeKeyRequest(K1))
  assert.deepEqual(last(), no('No keyring to modify (encryption not enabled)'))
  ask('list')
  assert.deepEqual(last(), no('Keyring is empty (encryption not enabled)'))
})

test('the file is written first; where it refuses, nothing has changed', () => {
  const { ask, last, inForce, confirm, operations, files } = kept([K1], { path: 'keys' })
  ask('install', writeKeyRequest(K2))
  assert.deepEqual(inForce(), [])
  const [{ number }] = operations
  files.finished(number, { ok: false, code: 'ENOSPC', message: 'no space left' })
  assert.deepEqual(last(), no('the keyring file could not be written: no space left'))
  assert.deepEqual(inForce(), [])
  ask('install', writeKeyRequest(K2))
  const again = operations[1]
  assert.ok(again.type === 'replace')
  assert.equal(again.mode, 0o600)
  assert.deepEqual(JSON.parse(Buffer.from(again.bytes).toString()), [K1, K2].map(toBase64))
  files.finished(again.number, { ok: true, bytes: new Uint8Array(0) })
  confirm()
  assert.deepEqual(last(), YES)
})

test('changes that come at once are made one after the other (B29)', () => {
  const { ask, answers, inForce, confirm } = kept([K1])
  ask('install', writeKeyRequest(K2))
  ask('install', writeKeyRequest(K3))
  ask('use', writeKeyRequest(K3))
  ask('remove', writeKeyRequest(K1))
  ask('list')
  assert.equal(inForce().length, 1)
  for (let i = 0; i < 4; i++) confirm()
  assert.equal(answers.length, 5)
  assert.deepEqual(inForce().at(-1)?.keys, [K3, K2])
})

test('more than 64 waiting changes are refused', () => {
  const { ask, last, counters } = kept([K1])
  for (let i = 0; i < 66; i++) ask('install', writeKeyRequest(K2))
  assert.deepEqual(last(), no('too many changes of the keyring are under way'))
  assert.equal(counters.get('drop.key-change'), 1)
})

for (let count = 1; count <= 60; count++) {
  test(`a list of ${count} keys is whole, or cut with a word about it (B29, row 60)`, () => {
    const keys = Array.from({ length: count }, (_, i) => new Uint8Array(32).fill(i + 1))
    const { ask, last, answers } = kept(keys)
    ask('list')
    assert.equal(answers.length, 1)
    const answer = last()
    assert.ok(answer)
    const shown = answer.keys.length
    assert.deepEqual(answer.keys, keys.slice(0, shown).map(toBase64))
    assert.equal(answer.primaryKey, toBase64(keys[0]))
    assert.ok(shown === count || (shown >= 17 && shown <= 19), `${shown} shown`)
    const remark = `truncated key list response, showing first ${shown} of ${count} keys`
    assert.equal(answer.message, shown === count ? '' : remark)
  })
}

/** A head without a name and with numbers of one byte. */
const NAMELESS = 34
/** The original's test answers without a primary key, which saves its 44 characters and two bytes; ours always names it. */
const PRIMARY = 46
const manyKeys = (count: number) =>
  Array.from({ length: count }, (_, i) => new Uint8Array(32).fill(i >> 8).fill(i & 255, 1))

test('TestSerfQueries_keyListResponseWithCorrectSize: up to 18 keys of 44 characters whole, of more 18 with a word about it', () => {
  const listed = (count: number) => {
    const { ask, last } = kept(manyKeys(count), { head: NAMELESS - PRIMARY })
    ask('list')
    return [last()?.keys.length, last()?.message.includes('truncated')]
  }
  for (const count of [0, 1, 18]) assert.deepEqual(listed(count), [count, false])
  for (const count of [50, 38, 40]) assert.deepEqual(listed(count), [18, true])
})

test('TestSerfQueries_estimateMaxKeysInListKeyResponseFactor: with ten times the limit, of one key more than are tried at first some fit', () => {
  const limit = 10_240
  const { ask, last } = kept(manyKeys(Math.floor(limit / 25) + 1), { limit, head: NAMELESS })
  ask('list')
  assert.ok(Number(last()?.keys.length) > 180)
  assert.match(last()?.message ?? '', /truncated/)
})

test('a list of which not one key fits is not answered, rather than with none', () => {
  const { ask, answers, counters } = kept([K1], { limit: 100 })
  ask('list')
  assert.equal(answers.length, 0)
  assert.equal(counters.get('drop.key-list-size'), 1)
})

test('requests and answers are those of real agents, byte for byte', () => {
  const key = fromHex('1ef63cb9b45932069f50e5aface69dc0e72455ad70377416028e3a15529b54df')
  const bodyOf = (name: string) => serfVectors.find((vector) => vector.name === name)?.hex ?? ''
  for (const name of ['key-request-install-body', 'key-request-remove-body']) {
    assert.equal(toHex(writeKeyRequest(key)), bodyOf(name))
    assert.deepEqual(readKeyRequest(fromHex(bodyOf(name))), key)
  }
  assert.equal(toHex(writeKeyRequest(new Uint8Array(0))), bodyOf('key-request-list-body'))
  const list = readKeyAnswer(fromHex(bodyOf('key-response-list-body')))
  assert.ok(list)
  assert.equal(list.keys.length, 3)
  assert.equal(toHex(writeKeyAnswer(list)), bodyOf('key-response-list-body'))
})
