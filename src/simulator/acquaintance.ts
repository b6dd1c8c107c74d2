/**
 * A pool whose members know each other from the beginning: each hears all of them in one push/pull of somebody who goes at once. A pool of thousands forms
 * by itself too, but what that takes grows with the square of it and is no part of an experiment with a pool at rest.
 */

import { writePushPullHeader, writePushPullNode } from '../wire/claim.ts'
import { Writer } from '../wire/msgpack.ts'
import type { Pipe } from './network.ts'
import type { SimulatedNode } from './node.ts'

/** Who introduces them is at no place of theirs. */
const NOBODY = { ip: '192.0.2.1', port: 7946 }

/** Takes what is answered, and is gone. */
const DEAF: Pipe = { write: () => undefined, end: () => undefined, destroy: () => undefined }

/** Shows all of these nodes to each other. They run, are new, and have no keys. */
export function acquaint(nodes: readonly SimulatedNode[]): void {
  const state = stateOf(nodes)
  for (const node of nodes) node.accept(DEAF, NOBODY.ip, NOBODY.port).data(state)
}

/** A push/pull that has all of them alive, as each says of itself. */
function stateOf(nodes: readonly SimulatedNode[]): Uint8Array {
  const writer = new Writer()
  writePushPullHeader(writer, { join: false, nodes: nodes.length, userStateLength: 0 })
  for (const { inside, name } of nodes) {
    const table = inside?.gossip.table
    const bytes = new TextEncoder().encode(name)
    const row = table?.find(bytes, 0, bytes.length) ?? -1
    if (table === undefined || row < 0) throw new Error(`${name} does not run: it cannot be introduced`)
    writePushPullNode(writer, table.fields(row))
  }
  return writer.copy()
}
