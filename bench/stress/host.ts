/**
 * The process behind our members in a stress run: a host program with any number of them, that does what it is told, reports failures and user
 * events as its listeners hear them, and ends with its channel.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { Cluster, type ClusterOptions } from 'folkmoot'
import { Diary } from './diary.ts'
import { wallClock } from './story.ts'

export type HostOrder =
  | { type: 'start'; options: ClusterOptions }
  | { type: 'join'; who: string; seeds: readonly string[] }
  | { type: 'view'; who: string }
  | { type: 'event'; who: string; name: string; payload: string }
  | { type: 'query'; who: string; name: string }
  | { type: 'key'; who: string; step: KeyStep; key: string }
  | { type: 'keys'; who: string }
  | { type: 'counters'; who: string }
  | { type: 'recall'; who: string; name: string }
  | { type: 'deafen'; who: string }
  | { type: 'lagged'; who: string }
  | { type: 'go'; who: string; how: 'leave' | 'vanish' }

export type KeyStep = 'install' | 'use' | 'remove'

/** By name, the status. */
export type View = Record<string, string>

export type HostAnswer = {
  id: number
  error?: string
  address?: string
  view?: View
  count?: number
  counters?: Record<string, number>
  keys?: Record<string, number>
  lines?: string[]
}

/** What was heard since the last time: who failed, by whom, when; and which user events. */
export interface HostNews {
  failures: { who: string; by: string; at: number }[]
  events: { by: string; name: string }[]
  /** What must never happen to a member: its actors crashed, it lost its name, it was given up. */
  mishaps: string[]
}

const TELL_EVERY = 100
/** No more waits for the deaf listener than that. */
const DEAF_BUFFER = 1_000
/** After so long without an event there is none. */
const NO_MORE = 1_000

const members = new Map<string, Cluster>()
const deaf = new Map<string, AsyncIterableIterator<unknown>>()
const diaries = new Map<string, Diary>()
let news = nothingNew()

function nothingNew(): HostNews {
  return { failures: [], events: [], mishaps: [] }
}

function member(who: string): Cluster {
  const found = members.get(who)
  if (found === undefined) throw new Error(`no member ${who} here`)
  return found
}

async function started(options: ClusterOptions): Promise<string> {
  const mishap = (what: string) => news.mishaps.push(`${options.nodeName}: ${what}`)
  const quiet = () => undefined
  const logger = { debug: quiet, info: quiet, warn: quiet, error: mishap }
  const cluster = await Cluster.create({ ...options, logger })
  cluster.on('fatal', (error) => mishap(`given up: ${error.message}`))
  cluster.on('restarted', ({ actor, error }) => mishap(`${actor} crashed: ${inspect(error)}`))
  cluster.on('conflict-lost', (event) => mishap(inspect(event)))
  const { name: by, address, port } = cluster.localMember()
  members.set(by, cluster)
  diaries.set(by, new Diary(cluster))
  cluster.on('member-failed', (event) => {
    for (const { name: who } of event.members) news.failures.push({ who, by, at: wallClock() })
  })
  cluster.on('user-event', ({ name }) => news.events.push({ by, name }))
  cluster.on('query', (query) => void query.respond(by).catch(() => undefined))
  return `${address}:${port}`
}

async function changeKey(who: string, step: KeyStep, key: string): Promise<void> {
  await member(who).keys[step](key)
}

/** A listener that has begun to read, and never goes on. */
async function deafen(who: string): Promise<void> {
  const iterator = member(who).events({ buffer: DEAF_BUFFER, policy: 'drop-oldest', initial: 'none' })
  deaf.set(who, iterator)
  void iterator.next()
}

/** What the deaf one is told that it has lost, when it reads at last. */
async function lagged(who: string): Promise<number> {
  const iterator = deaf.get(who)
  if (iterator === undefined) throw new Error(`${who} is not deaf`)
  try {
    for (let read = 0; read <= DEAF_BUFFER; read++) {
      const next = await Promise.race([iterator.next(), sleep(NO_MORE, undefined)])
      const value = next?.value
      if (value === undefined) break
      if (typeof value === 'object' && value !== null && 'count' in value) return Number(value.count)
    }
    return 0
  } finally {
    deaf.delete(who)
    await iterator.return?.()
  }
}

async function go(who: string, how: 'leave' | 'vanish'): Promise<void> {
  const cluster = member(who)
  members.delete(who)
  diaries.get(who)?.close()
  diaries.delete(who)
  if (how === 'leave') await cluster.leave()
  await cluster.shutdown()
}

async function counters(who: string): Promise<Record<string, number>> {
  const { detector, gossip, dispatch } = await member(who).stats()
  return { ...dispatch, ...gossip, ...detector }
}

async function recall(who: string, name: string): Promise<string[]> {
  return (await diaries.get(who)?.of(name)) ?? []
}

async function obey(order: HostOrder): Promise<Omit<HostAnswer, 'id'>> {
  switch (order.type) {
    case 'start':
      return { address: await started(order.options) }
    case 'join':
      await member(order.who).join([...order.seeds])
      return {}
    case 'view': {
      const all = member(order.who).members()
      return { view: Object.fromEntries(all.map(({ name, status }) => [name, status])) }
    }
    case 'event':
      await member(order.who).userEvent(order.name, order.payload)
      return {}
    case 'query': {
      const { answers } = await member(order.who).query(order.name).finished
      return { count: answers.length }
    }
    case 'key':
      await changeKey(order.who, order.step, order.key)
      return {}
    case 'keys':
      return { keys: { ...(await member(order.who).keys.list()).keys } }
    case 'counters':
      return { counters: await counters(order.who) }
    case 'recall':
      return { lines: await recall(order.who, order.name) }
    case 'deafen':
      await deafen(order.who)
      return {}
    case 'lagged':
      return { count: await lagged(order.who) }
    case 'go':
      await go(order.who, order.how)
      return {}
  }
}

function tellNews(): void {
  if (news.failures.length + news.events.length + news.mishaps.length === 0) return
  process.send?.(news)
  news = nothingNew()
}

setInterval(tellNews, TELL_EVERY)

process.on('message', async ({ id, order }: { id: number; order: HostOrder }) => {
  const answer = await obey(order).catch((error: unknown) => ({ error: String(error) }))
  // Who is answered may be about to end us.
  tellNews()
  process.send?.({ id, ...answer }, () => undefined)
})
// No shutdown: whoever wants one says so.
process.once('disconnect', () => process.exit())
process.send?.({ id: 0 })
