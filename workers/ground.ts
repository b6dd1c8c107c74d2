/**
 * What a cluster stands on: where its actors are placed, and what it needs of its host's thread. The real one is the thread that it was made in;
 * the simulator has another, in virtual time.
 */
import type { FacultyWorld } from '../src/cluster/faculties.ts'
import type { Actors } from '../src/cluster/line.ts'
import type { ListenerTurns } from '../src/cluster/listeners.ts'
import type { Transport } from '../src/cluster/transport.ts'
import type { Settings } from '../src/options/options.ts'
import { openHandlerPool } from './handler-pool.ts'
import type { Host } from './host.ts'
import { HOST_TURNS } from './host-turns.ts'
import { KEY_HANDS } from './key-hands.ts'
import { place } from './placement.ts'

export interface Ground extends FacultyWorld {
  /** Starts a member's actors. Rejects with BindFailed and the like, and then leaves nothing open. */
  place(settings: Settings, host: Host, transport: Transport | undefined): Promise<Actors>
  turns: ListenerTurns
}

export const REAL_GROUND: Ground = {
  place,
  turns: HOST_TURNS,
  keyHands: KEY_HANDS,
  openHandlers: openHandlerPool,
}
