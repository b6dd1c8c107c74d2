/**
 * A pool whose members know each other from the beginning. A pool of thousands forms by itself too, but what that takes grows with the square of it and is
 * no part of an experiment with a pool at rest.
 *
 * Where nothing is shared each member hears of all in one push/pull of somebody who goes at once. Where records are, the first two do, and all others
 * become as these (see `pattern.ts`), in a hundredth of the time: all that they know is the same, but nobody told them of it, so that neither their
 * counters nor their histories have it.
 */

import { type Pattern, partOf } from '../actors/pattern.ts'
import { writePushPullHeader, writePushPullNode } from '../wire/claim.ts'
import { Writer } from '../wire/msgpack.ts'
import { writePushPullState } from '../wire/serf.ts'
import type { Inside } from './inside.ts'
import type { Pipe } from './network.ts'
import type { SimulatedNode } from './node.ts'

/** Who introduces them is at no place of theirs. */
const NOBODY = { ip: '192.0.2.1', port: 7946 }

/** Takes what is answered, and is gone. */
const DEAF: Pipe = { write: () => undefined, end: () => undefined, destroy: () => undefined }

/** What was said within a node has arrived after so many milliseconds. */
export const SETTLING = 50

/** Shows all of these nodes to each other. They run, are new, and have no keys; `settle` lets a little time pass, and says what time it is then. */
export function acquaint(nodes: readonly SimulatedNode[], settle: () => number): void {
  const state = stateOf(nodes)
  const mayCopy = nodes.every(({ inside }) => inside?.pictures !== undefined)
  const told = mayCopy ? nodes.slice(0, 2) : nodes
  for (const node of told) introduce(node, state)
  const now = settle()
  if (mayCopy) {
    const [first, second] = told.map(insideOf)
    // Nothing in it is news. But one that has never exchanged states takes what its first peer heard before for older than its own time.
    const known = stateOf(nodes.slice(0, 1))
    for (let row = 2; row < nodes.length; row++) {
      takeAfter(insideOf(nodes[row]), { first, second, row, rows: nodes.length })
      introduce(nodes[row], known)
    }
  }
  // Those that begin at once would exchange their states all in the same half minute: ten times as many as in a pool of thousands that is long there.
  for (const node of nodes) insideOf(node).gossip.sync.settle(now)
}

/** Shows those of a state to one node, as somebody who goes at once. */
export function introduce(node: SimulatedNode, state: Uint8Array): void {
  node.accept(DEAF, NOBODY.ip, NOBODY.port).data(state)
}

/** A push/pull that has all of them alive, as each says of itself. */
export function stateOf(nodes: readonly SimulatedNode[]): Uint8Array {
  const writer = new Writer()
  const user = new Writer()
  const times = { lamportTime: 0, eventTime: 0, queryTime: 0 }
  writePushPullState(user, { ...times, left: [], statuses: { count: 0, each: () => undefined }, slots: [] })
  writePushPullHeader(writer, { join: false, nodes: nodes.length, userStateLength: user.length })
  for (const node of nodes) {
    const { table } = insideOf(node).gossip
    const bytes = new TextEncoder().encode(node.name)
    writePushPullNode(writer, table.fields(table.find(bytes, 0, bytes.length)))
  }
  writer.append(user.bytes, 0, user.length)
  return writer.copy()
}

function takeAfter(inside: Inside, pattern: Pattern<Inside>): void {
  inside.gossip.table.takeAfter(partOf(pattern, ({ gossip }) => gossip.table))
  inside.detector.ring.takeAfter(partOf(pattern, ({ detector }) => detector.ring))
  inside.dispatch.known.takeAfter(partOf(pattern, ({ dispatch }) => dispatch.known))
  inside.pictures?.takeAfter(partOf(pattern, picturesOf))
}

function insideOf({ inside, name }: SimulatedNode): Inside {
  if (inside === undefined) throw new Error(`${name} does not run: it cannot be introduced`)
  return inside
}

function picturesOf({ pictures }: Inside) {
  if (pictures === undefined) throw new Error('pictures of nodes that share nothing cannot be copied')
  return pictures
}
