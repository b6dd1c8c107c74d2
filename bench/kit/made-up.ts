/** The messages of a pool that does not exist: member `i` of it says the same wherever it is asked. */
import { type AliveFields, writeAlive, writePushPullHeader, writePushPullNode } from '../../src/wire/claim.ts'
import { Writer } from '../../src/wire/msgpack.ts'
import { encodeTags, writePushPullState, writeUserEvent } from '../../src/wire/serf.ts'
import { MESSAGE, STATE } from '../../src/wire/types.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Name of every event that is poured: whoever counts them looks for it. */
export const EVENT_NAME = 'deploy'
/** Slots of the ring of events in a push/pull. */
const RING = 512

function member(i: number, port: number) {
  return {
    incarnation: 1,
    name: bytes(`member-${String(i).padStart(6, '0')}`),
    address: Uint8Array.of(127, 0, 0, 1),
    port,
    meta: encodeTags({ role: 'web', dc: `east-${i % 5}` }, 5),
    versions: Uint8Array.of(1, 5, 2, 2, 5, 5),
  }
}

/** What member `i` says of itself in a packet. */
export function aliveMessage(i: number, port: number): Uint8Array {
  const writer = new Writer()
  writeAlive(writer.reset(), member(i, port))
  return writer.copy()
}

export function eventMessage(lamportTime: number, payloadBytes: number, name = EVENT_NAME): Uint8Array {
  const writer = new Writer()
  const payload = new Uint8Array(payloadBytes).fill(120)
  writer.reset().byte(MESSAGE.user)
  writeUserEvent(writer, { lamportTime, name: bytes(name), payload, coalesce: false })
  return writer.copy()
}

/** A state with a guest in it, whose map is given as it came in a push/pull; empty for none. */
export type StateWith = (guest: Uint8Array) => Uint8Array

/** The whole state of a pool of so many, as it answers a push/pull. */
export function stateOf(members: number, port: number): Uint8Array {
  return stateWith(members, port)(new Uint8Array(0))
}

/** The same, to be answered with whoever asks in it. */
export function stateWith(members: number, port: number): StateWith {
  return stateFrom(Array.from({ length: members }, (_, i) => member(i, port)))
}

/** The state of a pool of these. */
export function stateFrom(members: readonly AliveFields[]): StateWith {
  const nodes = new Writer()
  const names = members.map(({ name }) => name)
  for (const node of members) writePushPullNode(nodes, { ...node, state: STATE.alive })
  const tail = new Writer()
  writePushPullState(tail, {
    lamportTime: 1,
    eventTime: 1,
    queryTime: 1,
    left: [],
    statuses: {
      count: names.length,
      each: (visit) => {
        for (const name of names) visit(name, 1)
      },
    },
    slots: new Array(RING).fill(undefined),
  })
  return (guest) => {
    const count = members.length + Math.sign(guest.length)
    const head = new Writer()
    writePushPullHeader(head, { join: true, nodes: count, userStateLength: tail.length })
    return Buffer.concat([head.view(), nodes.view(), guest, tail.view()])
  }
}
