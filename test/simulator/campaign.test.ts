/** Chaos, then calm, over many seeds, sharded over the cores. And the proof that the invariants bite. */
import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { test } from 'node:test'
import { Piscina } from 'piscina'
import type { Actor } from '../../src/actors/contract.ts'
import type { ToGossip } from '../../src/actors/mail.ts'
import { eachOverheard, Pack, packOverheard } from '../../src/actors/packed.ts'
import { type ChaosReport, chaos } from '../../src/simulator/index.ts'
import { MESSAGE } from '../../src/wire/types.ts'

const SEEDS = 48
const SHARD = 6

test(`${SEEDS} seeds of chaos and calm: no invariant breaks, every pool heals, and the faults really fired`, async () => {
  const pool = new Piscina<number[], ChaosReport[]>({
    filename: new URL('../../workers/simulate.js', import.meta.url).href,
    maxThreads: availableParallelism(),
  })
  const shards = Array.from({ length: SEEDS / SHARD }, (_, i) =>
    Array.from({ length: SHARD }, (_, j) => 1 + i * SHARD + j),
  )
  const reports = (await Promise.all(shards.map((seeds) => pool.run(seeds)))).flat()
  await pool.close()
  assert.equal(reports.length, SEEDS)
  const sum = (count: (report: ChaosReport) => number) =>
    reports.reduce((total, report) => total + count(report), 0)
  for (const fault of ['lost', 'duplicated', 'cut', 'kills', 'restarts', 'events', 'deliveries'] as const) {
    assert.ok(sum((report) => report.fired[fault] ?? 0) > SEEDS, `hardly any ${fault}`)
  }
  assert.equal(new Set(reports.map(({ hash }) => hash)).size, SEEDS, 'no two runs are alike')
})

/** Runs seeds until an invariant or the calm says that something is wrong. */
function caught(tamper: (actor: Actor<ToGossip>) => Actor<ToGossip>, most: number): string {
  for (let seed = 1; seed <= most; seed++) {
    try {
      chaos({ seed, tamper })
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
  return ''
}

/** The actor with its mail changed on the way. */
function between(actor: Actor<ToGossip>, change: (mail: ToGossip) => ToGossip | undefined): Actor<ToGossip> {
  return {
    receive: (mail, now) => {
      const changed = change(mail)
      if (changed !== undefined) actor.receive(changed, now)
    },
    wake: (now) => actor.wake(now),
    get wakeAt() {
      return actor.wakeAt
    },
  }
}

/** The overheard messages that a test lets through. */
function filtered(mail: ToGossip, lets: (type: number) => boolean): ToGossip | undefined {
  if (mail.type !== 'overheard') return mail
  const pack = new Pack()
  eachOverheard(mail.bytes, (bytes, start, end) => {
    if (lets(bytes[start])) packOverheard(pack, bytes, start, end)
  })
  return pack.isEmpty ? undefined : { ...mail, bytes: pack.take() }
}

test('a member that never hears what is said against it is found out', () => {
  const deaf = (actor: Actor<ToGossip>) =>
    between(actor, (mail) => filtered(mail, (type) => type !== MESSAGE.suspect && type !== MESSAGE.alive))
  assert.notEqual(caught(deaf, 60), '')
})

test('a verdict about somebody who answered is found out', () => {
  let probes = 0
  const slanderer = (actor: Actor<ToGossip>) =>
    between(actor, (mail) => {
      probes += 1
      // Every now and then somebody is declared dead out of thin air, at the highest incarnation there is.
      if (probes % 50 === 0)
        actor.receive({ type: 'silent', row: 1, instance: 1, incarnation: 0xffff_fffd }, 0)
      return mail
    })
  assert.notEqual(caught(slanderer, 60), '')
})
