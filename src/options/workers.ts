/** The option `workers`: where the files of the threads lie when a bundler moved them. */
import { InvalidOption } from '../errors/errors.ts'

/** The threads of a member: one for each actor, or one for all of them. */
export type ThreadName = 'detector' | 'gossip' | 'dispatch' | 'member'

/** A file for each thread: a `file:` or `data:` URL, as URL or text, or an absolute path. */
export type ThreadFiles = { readonly [Name in ThreadName]?: string | URL }

/** Empty: the file beside our own. */
export type ThreadFileSettings = Record<ThreadName, string>

const NAMES: readonly ThreadName[] = ['detector', 'gossip', 'dispatch', 'member']
const LOCATION = /^(file:|data:|\/|[a-z]:[\\/]|\\\\)/i

export function settleWorkers(workers: unknown): ThreadFileSettings {
  const bound = `an object with ${NAMES.join(', ')}`
  if (typeof workers !== 'object' || workers === null || Array.isArray(workers)) {
    throw new InvalidOption('workers', workers, bound)
  }
  for (const name of Object.keys(workers)) {
    if (NAMES.some((known) => known === name)) continue
    throw new InvalidOption(`workers.${name}`, Reflect.get(workers, name), `left out: ${bound} it is`)
  }
  const file = (name: ThreadName) => locationOf(name, Reflect.get(workers, name))
  return {
    detector: file('detector'),
    gossip: file('gossip'),
    dispatch: file('dispatch'),
    member: file('member'),
  }
}

function locationOf(name: ThreadName, value: unknown): string {
  if (value === undefined) return ''
  const location = value instanceof URL ? value.href : value
  if (typeof location === 'string' && LOCATION.test(location)) return location
  throw new InvalidOption(`workers.${name}`, value, 'a file: or data: URL, or an absolute path')
}
