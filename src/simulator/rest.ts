/**
 * What must hold once the pool has come to rest: gossip's table, the detector's ring, dispatch's view, the mirror of the host and what its
 * listeners heard all say the same, nothing waits to be sent any more, and nothing has grown beyond its bound.
 */
import { STATUS } from '../actors/facts.ts'
import { toLatin } from '../actors/latin.ts'
import { type Member, memberOf } from '../cluster/member.ts'
import { HELD, isActive } from '../gossip/precedence.ts'
import type { SimulatedNode } from './node.ts'
import { nameOf } from './table-watch.ts'
import type { World } from './world.ts'

/** Each says what is wrong with a running node; empty when nothing is. */
export const REST_RULES: Readonly<Record<string, (world: World, node: SimulatedNode) => string>> = {
  "at rest the detector's ring holds whom the table holds alive": ringAgrees,
  "at rest dispatch's view is the table's": viewAgrees,
  "at rest the host's mirror is the table's": mirrorAgrees,
  'at rest what listeners heard adds up to the mirror': listenersAgree,
  'at rest every broadcast has been retired': queuesAreEmpty,
}

/** Bounds that hold at every moment: looked at whenever a fault is played. */
export const BOUND_RULES: Readonly<Record<string, (world: World, node: SimulatedNode) => string>> = {
  'queues stay within their bounds': (world, node) => {
    const stats = node.stats()
    const most = Math.max(4096, 2 * world.nodes.length)
    const depths = Object.entries(stats).filter(([name]) => QUEUES.some((queue) => name === queue))
    return depths.some(([, depth]) => depth > most) ? JSON.stringify(depths) : ''
  },
  'mailboxes stay within their bounds': (_world, node) =>
    node.backlogs.some((weight) => weight > MOST_WAITING) ? node.backlogs.join(' ') : '',
  'a table holds no more than were ever started': (world, node) => {
    const size = node.inside?.gossip.table.size ?? 0
    return size > world.nodes.length ? `${size} of ${world.nodes.length}` : ''
  },
}

/** Depths of the four queues in a node's statistics. */
export const QUEUES = ['membership_queue', 'intent_queue', 'query_queue', 'event_queue']
/** Two hand-off queues of 1,024, and what dispatch may have waiting. */
const MOST_WAITING = 65_536 + 2 * 1_024

/** The first rule that is broken, with what is wrong; undefined when all hold. */
export function firstBroken(
  rules: typeof REST_RULES,
  world: World,
): { rule: string; what: string } | undefined {
  for (const node of world.nodes) {
    if (!node.isUp) continue
    for (const [rule, check] of Object.entries(rules)) {
      const what = check(world, node)
      if (what !== '') return { rule, what: `${node.name}: ${what}` }
    }
  }
  return undefined
}

function ringAgrees(world: World, node: SimulatedNode): string {
  const own = toLatin(new TextEncoder().encode(node.name))
  const held = (world.watchers.life(node)?.table.holdings ?? [])
    .filter(({ held, name }) => isActive(held) && name !== own)
    .map(({ name }) => name)
  return differs([...(node.inside?.detector.ring.probed ?? [])], held)
}

function viewAgrees(world: World, node: SimulatedNode): string {
  const view: string[] = []
  node.inside?.dispatch.view.each((picture) => view.push(textOf(memberOf(picture))))
  return differs(view, holdingsOf(world, node))
}

function mirrorAgrees(world: World, node: SimulatedNode): string {
  return differs([...node.members.values()].map(textOf), holdingsOf(world, node))
}

function listenersAgree(world: World, node: SimulatedNode): string {
  const host = world.watchers.life(node)?.host
  for (const { name, status } of node.members.values()) {
    const known = host?.known(name) ?? 'nothing'
    const isAlive = status === 'alive' || status === 'leaving'
    // Somebody who was gone before the host heard of it never was there.
    const fits = isAlive ? known === 'alive' : known === status || known === 'nothing'
    if (!fits) return `listeners know ${name} as ${known}, and it is ${status}`
  }
  return ''
}

function queuesAreEmpty(_world: World, node: SimulatedNode): string {
  const stats = node.stats()
  const full = QUEUES.filter((queue) => (stats[queue] ?? 0) > 0)
  return full.map((queue) => `${queue} ${stats[queue]}`).join()
}

const STATUS_NAMES = Object.fromEntries(Object.entries(STATUS).map(([name, number]) => [number, name]))

/** Members as Serf knows them. */
function holdingsOf(world: World, node: SimulatedNode): string[] {
  return (world.watchers.life(node)?.table.holdings ?? [])
    .filter(({ status }) => status !== STATUS.none)
    .map((holding) => {
      const { status, incarnation, place, held } = holding
      // Suspicion moves no mirror, nor does what it says of the incarnation.
      const number = held === HELD.alive ? incarnation : ''
      return `${nameOf(holding)} ${STATUS_NAMES[status]} ${place} ${number}`
    })
}

function textOf({ name, status, address, port, incarnation }: Member): string {
  return `${name} ${status} ${address}:${port} ${status === 'alive' ? incarnation : ''}`
}

function differs(one: string[], other: string[]): string {
  const [a, b] = [one.sort().join(', '), other.sort().join(', ')]
  return a === b ? '' : `${a} | ${b}`
}
