/**
 * The desk over a real member of a pool: what RPC clients ask for becomes calls of the `Cluster`, and its answers and errors become the
 * records and the words of the original (protocol page 3, sections 1.5 and 1.11).
 */

import type { SeedOutcome } from '../actors/mail.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Member } from '../cluster/member.ts'
import type { Patterns } from '../dispatch/patterns.ts'
import { isFolkmootError } from '../errors/errors.ts'
import { parseIp } from '../wire/address.ts'
import { BadPattern } from './desk.ts'
import type { QueryRecord, QueryRequest, RpcCoordinate, RpcMember, Stats } from './rpc/records.ts'
import type {
  EventRequest,
  ForceLeaveRequest,
  JoinRequest,
  MembersFilter,
  TagsRequest,
} from './rpc/requests.ts'

const MS = 1_000_000n

export function rpcMember(member: Member): RpcMember {
  return {
    name: member.name,
    addr: parseIp(member.address) ?? new Uint8Array(0),
    port: member.port,
    tags: { ...member.tags },
    status: member.status,
    protocolMin: member.protocol.min,
    protocolMax: member.protocol.max,
    protocolCur: member.protocol.current,
    delegateMin: member.delegate.min,
    delegateMax: member.delegate.max,
    delegateCur: member.delegate.current,
  }
}

/** An error whose message is what the original's clients are told. */
function inGoWords(error: unknown, words: Readonly<Record<string, string>>): Error {
  if (isFolkmootError(error) && Object.hasOwn(words, error.code))
    return new Error(words[error.code], { cause: error })
  return error instanceof Error ? error : new Error(String(error))
}

export async function sendEvent(cluster: Cluster, { name, payload, coalesce }: EventRequest): Promise<void> {
  try {
    await cluster.userEvent(name, payload ?? undefined, { coalesce })
  } catch (error) {
    const limit = limitOf(error)
    const raw = Buffer.byteLength(name) + (payload?.length ?? 0)
    throw inGoWords(error, {
      ERR_EVENT_TOO_LARGE:
        raw > limit
          ? `user event exceeds configured limit of ${limit} bytes before encoding`
          : `encoded user event exceeds configured limit of ${limit} bytes after encoding`,
    })
  }
}

function limitOf(error: unknown): number {
  return typeof error === 'object' && error !== null && 'limit' in error ? Number(error.limit) : 0
}

export async function forceLeave(cluster: Cluster, { node, prune }: ForceLeaveRequest): Promise<void> {
  try {
    await cluster.forceLeave(node, { prune })
  } catch (error) {
    // A name that nobody has is no failure to the original, and scripts rely on that.
    if (isFolkmootError(error) && error.code === 'ERR_UNKNOWN_MEMBER') return
    throw inGoWords(error, { ERR_BROADCAST_TIMEOUT: 'timed out broadcasting node removal' })
  }
}

export async function changeTags(cluster: Cluster, { tags, deleteTags }: TagsRequest): Promise<void> {
  const changed: Record<string, string> = { ...cluster.localMember().tags }
  for (const name of deleteTags ?? []) delete changed[name]
  await setTags(cluster, Object.assign(changed, tags))
}

export async function setTags(cluster: Cluster, tags: Record<string, string>): Promise<void> {
  try {
    await cluster.setTags(tags)
  } catch (error) {
    throw inGoWords(error, {
      ERR_TAGS_TOO_LARGE: `Encoded length of tags exceeds limit of ${limitOf(error)} bytes`,
      ERR_BROADCAST_TIMEOUT: 'timeout waiting for update broadcast',
    })
  }
}

/** How many addresses answered, and the original's text about those that did not, where none did. `doubt`: why it may not be true. */
export async function join(
  cluster: Cluster,
  request: JoinRequest,
): Promise<{ joined: number; error: string; doubt?: string }> {
  if (request.existing.length === 0) return { joined: 0, error: '' }
  try {
    const { reached, outcomes } = await cluster.join(request.existing, { ignoreOldEvents: !request.replay })
    return { joined: reached + outcomes.filter(isOurselves).length, error: '' }
  } catch (error) {
    if (!isFolkmootError(error)) throw error
    if (error.code === 'ERR_CLUSTER_LEFT' || error.code === 'ERR_CLUSTER_CLOSED') {
      return { joined: 0, error: "Serf can't Join after Leave or Shutdown" }
    }
    const outcomes = 'outcomes' in error && isOutcomes(error.outcomes) ? error.outcomes : []
    // What the original knows nothing of is no error of its command, but it is said.
    if (error.code === 'ERR_JOIN_UNCONFIRMED') {
      return { joined: outcomes.filter(({ reached }) => reached).length, error: '', doubt: error.message }
    }
    const ourselves = outcomes.filter(isOurselves).length
    const failed = outcomes.filter(({ reached }) => !reached)
    if (ourselves > 0 && failed.length === outcomes.length) return { joined: ourselves, error: '' }
    const texts = failed.length === 0 ? [error.message] : failed.map(failedJoin)
    const count = `${texts.length} error${texts.length === 1 ? '' : 's'} occurred:`
    return { joined: 0, error: `${count}\n${texts.map((text) => `\t* ${text}\n`).join('')}\n` }
  }
}

/** The original dials its own address too, and counts it as reached: scripts give every member the same list. */
function isOurselves({ reached, own }: SeedOutcome): boolean {
  return !reached && own
}

function isOutcomes(value: unknown): value is SeedOutcome[] {
  return (
    Array.isArray(value) && value.every((item) => typeof item === 'object' && item !== null && 'seed' in item)
  )
}

const GO_REASONS: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, 'connect: connection refused'],
  [/EHOSTUNREACH/, 'connect: no route to host'],
  [/ENETUNREACH/, 'connect: network is unreachable'],
  [/ETIMEDOUT|timed? ?out/i, 'i/o timeout'],
]

function failedJoin({ seed, addresses, error }: SeedOutcome): string {
  const [address] = addresses
  if (address === undefined) return `Failed to resolve ${seed}: ${error}`
  const reason = GO_REASONS.find(([pattern]) => pattern.test(error))
  const ip = address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
  return `Failed to join ${ip}: ${reason === undefined ? error : `dial tcp ${address}: ${reason[1]}`}`
}

/** Members that match, as the original matches: each expression stands between «^» and «$», without a group around it. */
export function filtered(members: readonly Member[], filter: MembersFilter, patterns: Patterns): RpcMember[] {
  const whole = (expression: string) => {
    const pattern = `^${expression}$`
    if (!patterns.isValid(pattern)) throw new BadPattern(`error parsing regexp: \`${pattern}\``)
    return (text: string) => patterns.isIn(pattern, text)
  }
  const status = filter.status === '' ? undefined : whole(filter.status)
  const name = filter.name === '' ? undefined : whole(filter.name)
  const tags = Object.entries(filter.tags ?? {}).map(([tag, expression]) => ({
    tag,
    matches: whole(expression),
  }))
  const isWanted = (member: Member) =>
    (status === undefined || status(member.status)) &&
    (name === undefined || name(member.name)) &&
    tags.every(({ tag, matches }) => matches(member.tags[tag] ?? ''))
  return members.filter(isWanted).map(rpcMember)
}

/** The coordinate of a member, or undefined when there is none. */
export async function coordinateOf(cluster: Cluster, node: string): Promise<RpcCoordinate | undefined> {
  const coordinate = await cluster.coordinate(node)
  if (coordinate === undefined) return undefined
  const { vector, error, adjustment, height } = coordinate
  return { vec: [...vector], error, adjustment, height }
}

/** Names of Serf's own are not for clients, but for the ping of `reachability`. Throws in the original's words. */
export function checkQueryName({ name, payload }: QueryRequest): void {
  if (name.startsWith('_serf_') && !(name === '_serf_ping' && (payload?.length ?? 0) === 0)) {
    throw new Error("Queries cannot contain the '_serf_' prefix")
  }
}

/**
 * Asks the pool. Resolves when the query is on its way; records follow as they come, and `done` at the deadline, never earlier: the original's
 * command line loses records when `done` comes in one burst with them.
 */
export async function ask(
  cluster: Cluster,
  request: QueryRequest,
  record: (record: QueryRecord) => void,
  later: (ms: number, call: () => void) => () => void,
): Promise<() => void> {
  const { filterNodes, filterTags, requestAck, relayFactor, name, payload } = request
  const given = BigInt(request.timeout)
  const timeout = given < 0n ? 1 : Number((given + MS - 1n) / MS)
  try {
    const query = cluster.query(name, payload ?? undefined, {
      nodes: filterNodes ?? [],
      tags: filterTags ?? {},
      requestAck,
      relayFactor,
      timeout,
    })
    const { lasts } = await query.started
    const done = later(lasts, () => {
      query.close()
      record({ type: 'done', from: '', payload: null })
    })
    void tell(query.acks(), (from) => record({ type: 'ack', from, payload: null }))
    void tell(query.responses(), (answer) =>
      record({ type: 'response', from: answer.from, payload: answer.payload }),
    )
    return () => {
      done()
      query.close()
    }
  } catch (error) {
    throw inGoWords(error, {
      ERR_QUERY_TOO_LARGE: `query exceeds limit of ${limitOf(error)} bytes`,
      ERR_FEATURE_NOT_SUPPORTED: 'Feature not supported',
    })
  }
}

async function tell<Item>(items: AsyncIterable<Item>, take: (item: Item) => void): Promise<void> {
  try {
    for await (const item of items) take(item)
  } catch {
    // The cluster closed under the query: its clients are told by the end of their connections.
  }
}

/** An answer to a query; what is wrong with it is said as the original says it, also of queries that are about no keys. */
export async function respond(answer: () => Promise<void>): Promise<void> {
  try {
    await answer()
  } catch (error) {
    const prefix = 'failed to respond to key query: '
    throw inGoWords(error, {
      ERR_QUERY_ANSWERED: `${prefix}response already sent`,
      ERR_QUERY_EXPIRED: `${prefix}response is past the deadline`,
      ERR_RESPONSE_TOO_LARGE: `${prefix}response exceeds limit of ${limitOf(error)} bytes`,
      ERR_RELAY_TOO_LARGE: `${prefix}relayed response exceeds limit of ${limitOf(error)} bytes`,
    })
  }
}

/** What `serf info` prints: groups of texts. */
export async function statsOf(
  cluster: Cluster,
  runtime: Readonly<Record<string, string>>,
  handlers: Readonly<Record<string, string>>,
): Promise<Stats> {
  const { serf } = await cluster.stats()
  const texts = Object.entries(serf).map(([name, value]): [string, string] => [name, String(value)])
  return {
    agent: { name: cluster.localMember().name },
    runtime: { ...runtime },
    serf: Object.fromEntries(texts),
    tags: { ...cluster.localMember().tags },
    event_handlers: { ...handlers },
  }
}
