/** A member of a pool under stress, of whichever kind, with a process of its own or in one with others. */
import type { KeyStep, View } from './host.ts'
import type { Place } from './places.ts'
import type { PlayerKind } from './story.ts'

/** What it can be started with, in terms that both kinds have. */
export interface Outfit {
  /** A file that remembers the pool. */
  snapshot?: string
  /** A file with its keys, of which the first is used. */
  keyringFile?: string
  profile?: 'lan' | 'local'
  /** Milliseconds after which whoever is gone is forgotten; as the profile has it where absent. */
  forgetAfter?: number
  /** A file that says the same to an agent. */
  config?: string
}

export interface Player {
  readonly name: string
  readonly kind: PlayerKind
  readonly place: Place
  /** `ip:port` of its gossip. */
  readonly address: string
  readonly pid: number
  join(seeds: readonly string[]): Promise<void>
  view(): Promise<View>
  event(name: string, payload: string): Promise<void>
  /** How many answered. */
  query(name: string): Promise<number>
  changeKey(step: KeyStep, key: string): Promise<void>
  /** On how many members each key is. */
  keys(): Promise<Record<string, number>>
  /** What it knows of the last that befell a member, in lines for a reader. */
  recall(name: string): Promise<string[]>
  /** Ends its process as a crash would. */
  kill(): Promise<void>
  /** After `kill`: starts it again with all it had, and tells it of nobody. */
  again(): Promise<void>
}
