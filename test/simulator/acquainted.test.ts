/** A pool that knows itself from the beginning is as one that formed by itself and is at rest. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { introduce, SETTLING, stateOf } from '../../src/simulator/acquaintance.ts'
import { type SimulatedNode, World } from '../../src/simulator/index.ts'

const MEMBERS = 512
const FEW = 128

test('512 members that begin acquainted: all know all, nobody has news, nobody is failed, an event reaches all', () => {
  const options = { compression: false }
  const world = new World({ seed: 3, handling: 'share', hosts: 'light', options, keep: isTold })
  const nodes = world.acquainted(MEMBERS)
  world.run(1_000)
  for (const { inside, name } of nodes) {
    assert.equal(inside?.gossip.table.active, MEMBERS, name)
    assert.equal(seenBy(inside?.dispatch.view), MEMBERS, name)
    assert.equal(inside?.detector.ring.probed.length, MEMBERS - 1, name)
  }
  const before = world.network.counters.snapshot().sent
  world.run(5_000)
  // A probe and its ack each: nothing is gossiped.
  const sent = (world.network.counters.snapshot().sent - before) / MEMBERS / 5
  assert.ok(sent > 1.8 && sent < 2.2, `${sent} datagrams a second and member`)
  assert.deepEqual(world.transitions, [])
  world.event(nodes[0], 'all')
  world.run(3_000)
  assert.equal(world.transitions.length, MEMBERS)
})

test('who begins as others did knows what it would know by a push/pull', () => {
  const options = { compression: false }
  const copied = new World({ seed: 4, handling: 'share', hosts: 'light', options })
  const told = new World({ seed: 4, handling: 'share', hosts: 'light', options })
  copied.acquainted(MEMBERS)
  const state = stateOf(told.start(MEMBERS))
  for (const place of [2, 300, MEMBERS - 1]) {
    introduce(told.nodes[place], state)
    told.run(SETTLING)
    const [one, other] = [copied.nodes[place], told.nodes[place]].map(known)
    for (const [what, value] of Object.entries(one))
      assert.deepEqual(value, other[what], `${what} of ${place}`)
  }
})

test('who begins acquainted takes no event for one of before its time, whomever it exchanges states with first', () => {
  const options = { compression: false, pushPullInterval: 1_000 }
  const world = new World({ seed: 6, handling: 'share', hosts: 'light', options, keep: isTold })
  const nodes = world.acquainted(FEW)
  const names = ['one', 'two', 'three', 'four', 'five']
  for (const name of names) {
    world.event(nodes[world.faults.below(FEW)], name)
    world.run(250)
  }
  world.run(5_000)
  for (const name of names)
    assert.equal(world.transitions.filter((seen) => seen.name === name).length, FEW, name)
})

test('states that are compared and not written change nothing of what anybody hears', () => {
  const [written, compared] = (['written', 'compared'] as const).map((states) => {
    const options = { compression: false, pushPullInterval: 5_000 }
    const weather = { loss: 0.1, duplicates: 0, delay: [0.1, 1] } as const
    const world = new World({ seed: 5, handling: 'share', hosts: 'light', states, options, weather })
    const nodes = world.acquainted(FEW)
    world.run(5_000)
    nodes[7].kill()
    world.event(nodes[9], 'all')
    world.run(30_000)
    return world
  })
  const bytes = (world: World) => world.network.counters.get('stream-bytes')
  assert.ok(bytes(written) > 5 * bytes(compared), `${bytes(written)} and ${bytes(compared)} bytes`)
  assert.ok(written.transitions.filter(({ kind }) => kind === 'failed').length >= FEW - 1)
  assert.equal(compared.hash, written.hash)
})

/** All that a node knows of others, by name. */
function known({ inside }: SimulatedNode): Record<string, unknown> {
  assert.ok(inside?.pictures)
  const { gossip, detector, dispatch, pictures } = inside
  const { table } = gossip
  const rows = [...Array(table.rowCount).keys()].filter((row) => table.isUsed(row))
  const members = rows.map((row) => {
    const { name, address, meta, versions, ...numbers } = structuredClone(table.fields(row))
    assert.equal(table.find(name, 0, name.length), row)
    const serf = [table.status[row], table.statusTime(row), table.instance.get(row)]
    const host = dispatch.known.of(row)
    return { name: String(name), address, meta, versions, ...numbers, serf, host, goneAt: table.goneAt(row) }
  })
  const peers = Array.from({ length: detector.ring.size }, () => detector.ring.next()).map((peer) => {
    assert.ok(peer)
    assert.ok(detector.ring.isCurrent(peer.row, peer.instance))
    return { ...peer, row: String(table.name(peer.row)), name: String(peer.name) }
  })
  const seen: Record<string, unknown>[] = []
  pictures.each((row, picture) => {
    assert.deepEqual([...picture.name], [...table.name(row)])
    const { status, incarnation, statusTime, instance, port } = picture
    const [name, bytes] = [String(picture.name), String(picture.bytes.slice(16, picture.length))]
    seen.push({ name, status, incarnation, statusTime, instance, port, bytes })
  })
  const versions: unknown[] = []
  table.versions.each((...set) => versions.push(structuredClone(set)))
  return {
    members: byName(members),
    peers: byName(peers),
    seen: byName(seen),
    versions,
    counts: [table.size, table.active, table.listed, table.rowCount, detector.ring.peers, pictures.size],
    own: [gossip.table.name(0), dispatch.known.of(0)],
  }
}

function byName<Named extends { name?: unknown }>(all: Named[]): Named[] {
  return all.sort((a, b) => (String(a.name) < String(b.name) ? -1 : 1))
}

function seenBy(view: { each(visit: () => void): void } | undefined): number {
  let seen = 0
  view?.each(() => {
    seen += 1
  })
  return seen
}

function isTold({ kind }: { kind: string }): boolean {
  return kind === 'user' || kind === 'failed' || kind === 'leave'
}
