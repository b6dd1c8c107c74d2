/** The vote about our name: a majority at our address keeps it, a majority elsewhere takes it, and silence decides nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Notice } from '../../src/actors/notices.ts'
import { NameVote } from '../../src/dispatch/name-vote.ts'
import type { Asker } from '../../src/dispatch/questions.ts'
import { Writer } from '../../src/wire/msgpack.ts'
import { writeConflict } from '../../src/wire/query.ts'

const OWN = { ip: '10.0.0.1', port: 7946 }
const RIVAL = { ip: '10.0.0.2', port: 7946 }
const utf8 = (text: string) => new TextEncoder().encode(text)

function seen(address: Uint8Array, port = 7946): Uint8Array {
  const writer = new Writer()
  const versions = Uint8Array.of(1, 5, 2, 2, 5, 5)
  writeConflict(writer, { address, port, versions, name: utf8('twin'), meta: utf8(''), status: 1 })
  return writer.copy()
}
const NOBODY = Uint8Array.of(6, 0xc0)
const OURS = seen(Uint8Array.of(10, 0, 0, 1))
const THEIRS = seen(Uint8Array.of(10, 0, 0, 2))
const MAPPED = seen(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1))

function vote(...payloads: Uint8Array[]): Notice[] {
  const askers: Asker[] = []
  const notices: Notice[] = []
  const questions = {
    ask: (_wish: unknown, asker: Asker) => {
      askers.push(asker)
      return 1
    },
  }
  const votes = new NameVote('twin', { questions, notice: (notice) => notices.push(notice) })
  votes.start(OWN, RIVAL)
  votes.start(OWN, RIVAL)
  assert.equal(askers.length, 1, 'one vote at a time')
  askers[0].started(3_200)
  for (const [i, payload] of payloads.entries()) askers[0].heard([{ from: `m${i}`, payload }], [])
  askers[0].ended([], 'deadline')
  return notices
}

const typesOf = (notices: Notice[]) => notices.map(({ type }) => type)

test('no answers are no lost vote (B4)', () => {
  assert.deepEqual(vote(), [{ type: 'conflict-unresolved', name: 'twin', address: '10.0.0.2', port: 7946 }])
})

test('a majority that sees us at our address keeps the name for us', () => {
  assert.deepEqual(vote(OURS), [])
  assert.deepEqual(vote(OURS, MAPPED, THEIRS), [])
})

test('half is no majority, and who knows nobody does not speak for us', () => {
  assert.deepEqual(typesOf(vote(OURS, THEIRS)), ['conflict-lost'])
  assert.deepEqual(typesOf(vote(OURS, NOBODY)), ['conflict-lost'])
  assert.deepEqual(typesOf(vote(seen(Uint8Array.of(10, 0, 0, 1), 7947))), ['conflict-lost'])
  assert.deepEqual(vote(THEIRS, THEIRS, OURS), [
    { type: 'conflict-lost', name: 'twin', address: '10.0.0.2', port: 7946, votes: 3, votesForUs: 1 },
  ])
})

test('answers that are none do not count', () => {
  assert.deepEqual(typesOf(vote(Uint8Array.of(6), Uint8Array.of(8, 0xc0), new Uint8Array(0))), [
    'conflict-unresolved',
  ])
  assert.deepEqual(vote(OURS, Uint8Array.of(6, 0xc1)), [])
})
