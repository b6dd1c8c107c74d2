/** A flood of made-up members: how many names the table takes, how fast one source may bring them, and who is exempt. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alive, LoneGossip } from './lone-gossip.ts'

function names(count: number, prefix = 'fake'): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const address = [10, 1, i >> 8, i & 255]
    return alive({ incarnation: 1, name: `${prefix}-${i}`, address })
  })
}

const quiet = { pushPullInterval: 0, reconnectInterval: 0, probeInterval: 60_000 }

test('maxMembers bounds the table, tombstones and ourselves counted in; who is known goes on as ever', () => {
  const lone = new LoneGossip({ ...quiet, maxMembers: 100 })
  lone.hear(...names(250))
  const stats = lone.stats()
  assert.deepEqual([stats.members, stats['drop.too-many-members']], [100, 151])
  assert.equal(lone.logged.filter((line) => line.includes('as many as maxMembers allows')).length, 1)
  lone.newFacts()
  const meta = Uint8Array.of(255, 0x80)
  lone.hear(alive({ incarnation: 2, name: 'fake-7', address: [10, 1, 0, 7], meta }))
  assert.deepEqual(lone.newFacts(), ['update fake-7 alive'])
})

test('a source brings 16,384 names at once and 1,024 a second; another source is not held up by it', () => {
  const lone = new LoneGossip(quiet)
  lone.hearFrom('10.9.9.9', ...names(17_000))
  assert.equal(lone.stats().members, 1 + 16_384)
  assert.equal(lone.stats()['drop.new-names-rate'], 17_000 - 16_384)
  const warned = lone.logged.filter((line) => line.includes('from 10.9.9.9'))
  assert.equal(warned.length, 1)
  lone.hearFrom('10.9.9.8', ...names(10, 'honest'))
  assert.equal(lone.stats().members, 1 + 16_384 + 10)
  lone.advance(1_000)
  lone.hearFrom('10.9.9.9', ...names(5_000, 'more'))
  assert.equal(lone.stats().members, 1 + 16_384 + 10 + 1_024)
  lone.hearFrom('10.9.9.9', alive({ incarnation: 2, name: 'fake-1', address: [10, 1, 0, 1] }))
  assert.equal(lone.stats()['drop.new-names-rate'], 616 + 3_976, 'a known name costs nothing')
})

test('what a packet said of its source is over with the packet', () => {
  const lone = new LoneGossip(quiet)
  lone.hearFrom('10.9.9.9', ...names(17_000))
  const dropped = lone.stats()['drop.new-names-rate']
  lone.hear(...names(50, 'ours'))
  assert.equal(lone.stats()['drop.new-names-rate'], dropped)
})
