/** Any claims about a member, in any order and as often as you like, against the table of precedence written out as a model. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { alive, dead, LoneGossip, suspect } from './lone-gossip.ts'

type Held = 'unknown' | 'alive' | 'suspect' | 'dead' | 'left'

interface Said {
  kind: 'alive' | 'suspect' | 'dead' | 'left'
  incarnation: number
  from: string
}

interface Model {
  held: Held
  incarnation: number
}

/** What a claim makes of what is held (protocol page 1, 7.8 to 7.10), with nobody moving and no time passing. */
function after({ held, incarnation }: Model, said: Said): Model {
  const isActive = held === 'alive' || held === 'suspect'
  if (said.kind === 'alive') {
    const overrules = held === 'unknown' || said.incarnation > incarnation
    return overrules ? { held: 'alive', incarnation: said.incarnation } : { held, incarnation }
  }
  if (said.incarnation < incarnation || !isActive) return { held, incarnation }
  if (said.kind === 'suspect') {
    return held === 'alive' ? { held: 'suspect', incarnation: said.incarnation } : { held, incarnation }
  }
  return { held: said.kind, incarnation: said.incarnation }
}

function message({ kind, incarnation, from }: Said): Uint8Array {
  if (kind === 'alive') return alive({ incarnation, name: 'peer' })
  if (kind === 'suspect') return suspect('peer', incarnation, from)
  return dead('peer', incarnation, kind === 'left' ? 'peer' : from)
}

const said: fc.Arbitrary<Said> = fc.record({
  kind: fc.constantFrom('alive', 'suspect', 'dead', 'left'),
  incarnation: fc.integer({ min: 1, max: 6 }),
  from: fc.constantFrom('third', 'fourth', 'self', 'stranger'),
})

/** What an actor holds, by its gauges and by what it told the detector last. */
function holds(lone: LoneGossip): Model {
  const stats = lone.stats()
  const count = (state: string) => stats[`memberlist.node.instances{node_state=${state}}`]
  const states: [Held, number][] = [
    ['alive', count('alive') - 1],
    ['suspect', count('suspect')],
    ['dead', count('dead')],
    ['left', count('left')],
  ]
  const [held] = states.find(([, number]) => number === 1) ?? (['unknown'] as const)
  const last = lone.roster.find((line) => line.startsWith('peer ')) ?? 'peer gone 0'
  return { held, incarnation: Number(last.split(' ')[2]) }
}

test('claims in any order and number leave what the table says', () => {
  fc.assert(
    fc.property(fc.array(said, { maxLength: 40 }), (claims) => {
      // The first word about it must be that it lives: a death heard before would have it asked first.
      const lone = new LoneGossip({ reconnectInterval: 0 })
      const first: Said = { kind: 'alive', incarnation: 2, from: '' }
      let model: Model = { held: 'unknown', incarnation: 0 }
      for (const claim of [first, ...claims]) {
        lone.hear(message(claim))
        model = after(model, claim)
        assert.deepEqual(holds(lone), model)
      }
    }),
    { numRuns: 150 },
  )
})

test('two members that hear the same claims in different orders agree once both have heard the newest word of its own', () => {
  fc.assert(
    fc.property(fc.array(said, { maxLength: 30 }), fc.integer(), (claims, seed) => {
      const shuffled = claims
        .map((claim, i) => ({ claim, place: Math.sin(seed + i) }))
        .sort((a, b) => a.place - b.place)
        .map(({ claim }) => claim)
      const newest: Said = { kind: 'alive', incarnation: 7, from: '' }
      const [one, other] = [claims, shuffled].map((order) => {
        const lone = new LoneGossip({ reconnectInterval: 0 })
        lone.hear(
          message({ kind: 'alive', incarnation: 1, from: '' }),
          ...order.map(message),
          message(newest),
        )
        return holds(lone)
      })
      assert.deepEqual(one, other)
    }),
    { numRuns: 100 },
  )
})
