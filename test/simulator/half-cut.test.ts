/**
 * One member of ten that a network lets through by half (known defects 5 and 28), in virtual time. It may accuse whom it does not hear: nobody is
 * failed for that, and whoever looks at the numbers of any healthy member finds the name of the one that accuses.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SimulatedNode, World } from '../../src/simulator/index.ts'

const MINUTE = 60_000
const SEEDS = [1, 2, 3, 4, 5]

function tenOf(seed: number): { world: World; sick: SimulatedNode; well: SimulatedNode[] } {
  const world = new World({ seed, handling: 'share' })
  const nodes = world.pool(10)
  world.runUntil(() => world.isOneView(), MINUTE)
  world.run(5_000)
  const [sick, ...well] = nodes.toReversed()
  return { world, sick, well }
}

function stat(world: World, of: SimulatedNode, actor: 'gossip' | 'detector', name: string): number {
  const reply = actor === 'gossip' ? of.command({ type: 'stats' }) : of.askDetector({ type: 'stats' })
  world.run(20)
  const value: unknown = reply.envelope?.ok ? reply.envelope.value : undefined
  return typeof value === 'object' && value !== null ? Number(Reflect.get(value, name) ?? 0) : Number.NaN
}

/** Who was failed by whom, as the healthy ones saw it. */
function failures(world: World, sick: SimulatedNode): string[] {
  return world.transitions
    .filter(({ kind, observer }) => kind === 'failed' && observer !== sick.name)
    .map(({ name }) => name)
}

test('one that hears nobody and is heard by all accuses all to no avail, and is named within 10 s', () => {
  for (const seed of SEEDS) {
    const { world, sick, well } = tenOf(seed)
    for (const one of well) world.network.cut(one, sick, 'all')
    world.run(10_000)
    const made = well.filter(
      (one) => stat(world, one, 'gossip', `folkmoot.accusations.made{accuser=${sick.name}}`) > 0,
    )
    // Not by all: the accused hears of it at once and answers, which ends most accusations before they are round.
    assert.ok(made.length > 2, `seed ${seed}: named by ${made.length}`)
    world.run(2 * MINUTE)
    assert.deepEqual([...new Set(failures(world, sick))], [sick.name], `seed ${seed}`)
    const refuted = well.map((one) =>
      stat(world, one, 'gossip', `folkmoot.accusations.refuted{accuser=${sick.name}}`),
    )
    assert.ok(Math.min(...refuted) > 0, `seed ${seed}: ${refuted}`)
    world.network.heal()
    assert.ok(world.runUntil(() => world.isOneView(), 3 * MINUTE) < Number.POSITIVE_INFINITY, `seed ${seed}`)
  }
})

for (const what of [
  'from it to half of them',
  'to it from half of them',
  'either way with half of them',
] as const) {
  test(`where nothing goes ${what}, helpers save all: nobody is failed, and the paths show it`, () => {
    for (const seed of SEEDS) {
      const { world, sick, well } = tenOf(seed)
      for (const one of well.slice(0, 5)) {
        if (!what.startsWith('to')) world.network.cut(sick, one, 'all')
        if (!what.startsWith('from')) world.network.cut(one, sick, 'all')
      }
      world.run(MINUTE)
      // A probe for which chance took helpers of the wrong half alone finds nobody: that one counts as dead for the moment.
      assert.ok(stat(world, sick, 'detector', 'paths.impaired') > 0, `seed ${seed}`)
      assert.ok(stat(world, sick, 'detector', 'probe.acked-relayed') > 5, `seed ${seed}`)
      world.run(2 * MINUTE)
      assert.deepEqual(failures(world, sick), [], `seed ${seed}`)
    }
  })
}
