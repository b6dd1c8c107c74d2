/**
 * Which events a stream or a handler wants (protocol page 3, sections 1.6 and 4.1): a comma separated list of event types, of which `user`
 * and `query` may name one event. No trimming, no folding of case: what the original refuses is refused.
 */

export type EventKind =
  | 'member-join'
  | 'member-leave'
  | 'member-failed'
  | 'member-update'
  | 'member-reap'
  | 'user'
  | 'query'

const KINDS = new Set([
  'member-join',
  'member-leave',
  'member-failed',
  'member-update',
  'member-reap',
  'user',
  'query',
  '*',
])

export interface EventFilter {
  /** One of the seven kinds, or «*»; in a handler's specification also what is none, to be refused by name. */
  readonly kind: string
  /** The only event that is meant; empty for any. */
  readonly name: string
}

/** Reads a list; empty text means everything. */
export function parseFilters(text: string): EventFilter[] {
  return (text === '' ? '*' : text).split(',').map((one) => {
    for (const kind of ['user', 'query']) {
      if (one.startsWith(`${kind}:`)) return { kind, name: one.slice(kind.length + 1) }
    }
    return { kind: one, name: '' }
  })
}

export function isValid({ kind }: EventFilter): boolean {
  return KINDS.has(kind)
}

/** Whether an event passes; `name` is that of a user event or a query. */
export function passes(filter: EventFilter, kind: EventKind, name: string): boolean {
  if (filter.kind === '*') return true
  return filter.kind === kind && (filter.name === '' || filter.name === name)
}

export interface HandlerSpec {
  readonly filter: EventFilter
  readonly script: string
}

/** A handler as configured: `[filter[,filter...]=]script`, split at the first «=»; one entry for each filter. */
export function parseHandler(text: string): HandlerSpec[] {
  const equals = text.indexOf('=')
  const filters = equals < 0 ? '' : text.slice(0, equals)
  const script = text.slice(equals + 1)
  return parseFilters(filters).map((filter) => ({ filter, script }))
}
