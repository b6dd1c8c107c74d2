/** What became of members and by whose word; who accuses to no avail (known defects 5 and 10). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isHistory } from '../../src/cluster/replies.ts'
import type { HistoryEntry } from '../../src/gossip/history.ts'
import { alive, dead, LoneGossip, suspect } from './lone-gossip.ts'

function pool(): LoneGossip {
  const lone = new LoneGossip()
  for (const [i, name] of ['peer', 'third', 'fourth'].entries())
    lone.hear(alive({ incarnation: 1, name, port: 7_001 + i }))
  return lone
}

function historyOf(lone: LoneGossip, name = ''): HistoryEntry[] {
  const envelope = lone.replies.get(lone.command({ type: 'history', name }))
  if (!envelope?.ok || !isHistory(envelope.value)) throw new Error('no history')
  return envelope.value
}

const told = (entries: readonly HistoryEntry[]): string[] =>
  entries.map(
    ({ name, change, incarnation, accuser, confirmations }) =>
      `${name} ${change} ${incarnation}${accuser === '' ? '' : ` by ${accuser}`} ${confirmations}`,
  )

test('the story of a member: alive, accused by one, confirmed by another, dead, back', () => {
  const lone = pool()
  lone.hear(suspect('peer', 1, 'third'), suspect('peer', 1, 'fourth'), suspect('peer', 1, 'third'))
  lone.advance(30_000)
  lone.hear(alive({ incarnation: 2, name: 'peer', port: 7_001 }))
  assert.deepEqual(told(historyOf(lone, 'peer')), [
    'peer alive 1 0',
    'peer suspect 1 by third 0',
    'peer confirmed 1 by fourth 1',
    'peer dead 1 by self 1',
    'peer alive 2 0',
  ])
  const [first, , , death] = historyOf(lone, 'peer')
  assert.ok(first.ago >= 30_000 && death.ago < first.ago)
  assert.deepEqual(historyOf(lone, 'nobody'), [])
})

test('a leave, and accusations of ourselves, are written down too', () => {
  const lone = pool()
  lone.hear(dead('peer', 1, 'peer'), suspect('self', 1, 'third'))
  assert.deepEqual(told(historyOf(lone)).slice(-2), ['peer left 1 by peer 0', 'self refuted 1 by third 0'])
  assert.equal(lone.stats()['folkmoot.accusations.made{accuser=third}'], 1)
  assert.equal(lone.stats()['folkmoot.accusations.refuted{accuser=third}'], 1)
})

test('only the last 256 transitions are kept', () => {
  const lone = pool()
  for (let i = 0; i < 400; i++) lone.hear(alive({ incarnation: 1, name: `n${i}` }))
  const entries = historyOf(lone)
  assert.equal(entries.length, 256)
  assert.equal(entries[0].name, 'n144')
  assert.equal(entries[255].name, 'n399')
})

test('who accuses to no avail is counted by name, and warned of once', () => {
  const lone = pool()
  for (let i = 1; i <= 8; i++) {
    lone.hear(suspect('peer', i, 'third'))
    lone.hear(alive({ incarnation: i + 1, name: 'peer', port: 7_001 }))
  }
  const stats = lone.stats()
  assert.equal(stats['folkmoot.accusations.made{accuser=third}'], 8)
  assert.equal(stats['folkmoot.accusations.refuted{accuser=third}'], 8)
  const warnings = lone.logged.filter((line) => line.includes('third'))
  assert.deepEqual(warnings, [
    'third made 5 accusations, 5 of them refuted: it may be half cut off, or overloaded',
  ])
})

test('made-up accusers take bounded room', () => {
  const lone = pool()
  for (let i = 1; i <= 1_000; i++) {
    lone.hear(suspect('peer', i, `ghost{${i},=}`))
    lone.hear(alive({ incarnation: i + 1, name: 'peer', port: 7_001 }))
  }
  const made = Object.keys(lone.stats()).filter((name) => name.startsWith('folkmoot.accusations.made'))
  assert.equal(made.length, 65)
  assert.ok(made.every((name) => !name.slice(0, -1).includes('}')))
})
