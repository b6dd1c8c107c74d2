/**
 * Keyrings in calm: a key that one member installs is held by all, and one that it removes by nobody. Queries have no push/pull behind them, so
 * both are asked again until they hold, as an operator would who sees that somebody was silent.
 */
import { writeKeyRequest } from '../wire/keys.ts'
import { InvariantBroken } from './invariants.ts'
import type { SimulatedNode } from './node.ts'
import type { World } from './world.ts'

/** A query of small pools dies out before it reaches all in one of ten, and each is sent three times by itself. */
const TRIES = 6
const LONGEST_QUERY = 60_000

/** Throws InvariantBroken where a keyring does not follow. All must be up and alive in each other's view. */
export function keyringsFollow(world: World, nodes: readonly SimulatedNode[], key: Uint8Array): void {
  follow(world, nodes, '_serf_remove-key', key)
  const without = nodes.map(keysOf)
  follow(world, nodes, '_serf_install-key', key)
  judge('a key that is installed in calm is held by all', nodes, (node, i) => keysOf(node) === without[i] + 1)
  follow(world, nodes, '_serf_remove-key', key)
  judge('a key that is removed in calm is held by nobody', nodes, (node, i) => keysOf(node) === without[i])
}

function follow(world: World, nodes: readonly SimulatedNode[], name: string, key: Uint8Array): void {
  const [asker] = nodes
  for (let i = 0; i < TRIES; i++) {
    const query = asker.questions.ask({ name, payload: writeKeyRequest(key), requestAck: true })
    world.runUntil(() => query.ended !== undefined, LONGEST_QUERY)
    if (new Set(query.answers.map(({ from }) => from)).size === nodes.length) return
  }
}

function judge(
  rule: string,
  nodes: readonly SimulatedNode[],
  holds: (node: SimulatedNode, index: number) => boolean,
): void {
  const wrong = nodes.filter((node, i) => !holds(node, i))
  if (wrong.length > 0)
    throw new InvariantBroken(rule, wrong.map((node) => `${node.name}: ${keysOf(node)} keys`).join())
}

function keysOf(node: SimulatedNode): number {
  return node.stats().keys ?? 0
}
