/** The parts of a facade that do one thing each, put together: keys, handlers in threads, the end, and who is near. */
import type { QueryWish } from '../actors/mail.ts'
import type { Settings } from '../options/options.ts'
import type { MemberFilter } from './cluster-types.ts'
import { Ends } from './ends.ts'
import { type HandledEmitter, Handlers, type HandlerWorld } from './handlers.ts'
import { Keys, type KeyWorld } from './keys.ts'
import type { Line } from './line.ts'
import type { Member } from './member.ts'
import { Nearness } from './nearness.ts'
import type { QueryHandle } from './queries.ts'

/** What they need of the host's thread. */
export interface FacultyWorld {
  keyHands: Pick<KeyWorld, 'sleep' | 'randomKey'>
  /** Where handlers run that have threads of their own. */
  openHandlers: HandlerWorld['open']
  turns: { date(): number }
}

/** The facade, as they see it. */
export interface FacultyCluster extends HandledEmitter {
  members(filter?: MemberFilter): readonly Member[]
  member(name: string): Member | undefined
}

/** What they do through the facade that no host may. */
export interface FacultyHands {
  line: Line
  query(wish: QueryWish, signal: AbortSignal | undefined): QueryHandle
  report: HandlerWorld['report']
}

export function facultiesOf(
  cluster: FacultyCluster,
  { nodeName, coordinates }: Settings,
  { keyHands, openHandlers, turns }: FacultyWorld,
  { line, query, report }: FacultyHands,
): { keys: Keys; handlers: Handlers; nearness: Nearness; ends: Ends } {
  return {
    keys: new Keys({ ...keyHands, ask: line, members: () => cluster.members(), query }),
    handlers: new Handlers({ open: openHandlers, date: turns.date, emitter: cluster, report }),
    ends: new Ends(line, { tags: () => cluster.member(nodeName)?.tags ?? {}, sleep: keyHands.sleep }),
    nearness: new Nearness({
      ask: line,
      ownName: nodeName,
      coordinates: coordinates ? 'on' : 'off',
      member: (name) => cluster.member(name),
      members: (filter) => cluster.members(filter),
    }),
  }
}
