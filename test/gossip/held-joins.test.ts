/** Joins that wait for what else a merge knows of a member: nothing is told before them, and nothing twice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FACT, FactReader, STATUS } from '../../src/actors/facts.ts'
import type { ToDispatch } from '../../src/actors/mail.ts'
import { SeededRandom } from '../../src/actors/random.ts'
import { MemberTable } from '../../src/gossip/members.ts'
import { Outbox } from '../../src/gossip/outbox.ts'

/** Two members that have just joined while joins are held. */
function merging() {
  const told: ToDispatch[] = []
  const table = new MemberTable(new SeededRandom(1))
  const dispatch = { tell: (mail: ToDispatch) => told.push(mail), waiting: () => 0 }
  const outbox = new Outbox(table, { tell: () => undefined, waiting: () => 0 }, dispatch)
  const rows = ['one', 'other'].map((name) => table.add(new TextEncoder().encode(name), 0, name.length))
  outbox.joins = 'held'
  for (const row of rows) {
    table.setVersions(row, Uint8Array.of(1, 5, 2, 2, 5, 5), 0)
    table.status[row] = STATUS.alive
    outbox.member(FACT.memberJoin, row)
  }
  outbox.joins = 'told'
  let now = 0
  /** Each as «kind row status time». */
  const facts = () => {
    now += 1_000
    outbox.flush(now)
    return told.splice(0).flatMap((mail) => (mail.type === 'facts' ? read(mail.bytes) : []))
  }
  return { table, outbox, rows, facts }
}

function read(bytes: Uint8Array): string[] {
  const facts: string[] = []
  for (const reader = new FactReader(bytes); !reader.atEnd; reader.next())
    facts.push(`${reader.kind} ${reader.row} ${reader.status} ${reader.statusTime}`)
  return facts
}

test('a join is held until the time of the member is known, and has it', () => {
  const { table, outbox, rows, facts } = merging()
  assert.deepEqual(facts(), [])
  assert.equal(outbox.through, 0)
  table.setStatusTime(rows[1], 9)
  outbox.member(FACT.memberChange, rows[1])
  assert.deepEqual(facts(), [`${FACT.memberJoin} ${rows[1]} ${STATUS.alive} 9`])
  outbox.member(FACT.memberChange, rows[1])
  assert.deepEqual(
    facts(),
    [`${FACT.memberChange} ${rows[1]} ${STATUS.alive} 9`],
    'told as ever from then on',
  )
})

test('who ends while its join is held has joined before, alive', () => {
  const { table, outbox, rows, facts } = merging()
  table.status[rows[0]] = STATUS.failed
  outbox.member(FACT.memberFailed, rows[0])
  assert.deepEqual(facts(), [
    `${FACT.memberJoin} ${rows[0]} ${STATUS.alive} 0`,
    `${FACT.memberFailed} ${rows[0]} ${STATUS.failed} 0`,
  ])
})

test('what is still held is released in portions, each once', () => {
  const { outbox, rows, facts } = merging()
  assert.equal(outbox.releaseJoins(1), true)
  assert.equal(outbox.releaseJoins(1), false)
  assert.deepEqual(
    facts(),
    rows.map((row) => `${FACT.memberJoin} ${row} ${STATUS.alive} 0`),
  )
  assert.equal(outbox.releaseJoins(1), false)
  assert.deepEqual(facts(), [])
})
