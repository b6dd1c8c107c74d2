/** What all thread entry points share: what they are given, how they speak to the host, how they end. */
import { type MessagePort, parentPort } from 'node:worker_threads'
import { expose } from 'comlink'
import type { LogLevel } from '../src/actors/contract.ts'
import type { ActorName, ToHost } from '../src/actors/mail.ts'
import { CrashMemory } from '../src/gossip/crash-memory.ts'
import type { Settings } from '../src/options/options.ts'
import type { ToFacade } from './bodies.ts'
import type { Place } from './body.ts'
import { Crashed } from './crashed.ts'
import { endpointOf } from './endpoint.ts'
import { transfersOf } from './mailbox.ts'
import { loadTransport } from './own-transport.ts'
import type { Beats } from './pulse.ts'

/** One end of a mailbox pair to a neighbour, with the counters of both directions. */
export interface Wall {
  port: MessagePort
  outward: Int32Array<SharedArrayBuffer>
  inward: Int32Array<SharedArrayBuffer>
}

/** What a thread is given at its start. Walls are there for the neighbours that it has. */
export interface ThreadData {
  settings: Settings
  commands: MessagePort
  /** The pulse of the host's thread. */
  beats: Beats
  /** What outlives a crash: see `crash-memory.ts`. */
  memory: SharedArrayBuffer
  /** Only in tests: where faults come from, by actor. */
  faults: Partial<Record<ActorName, MessagePort>>
  detector?: Wall
  gossip?: Wall
  dispatch?: Wall
}

/** Log lines a second at most: a flood of warnings must not become a flood of mail. */
const MOST_LINES = 50

export function tellHost(mail: ToHost): void {
  parentPort?.postMessage(mail, mail.type === 'news' || mail.type === 'mirror' ? transfersOf(mail) : [])
}

export const FACADE: ToFacade = {
  news: tellHost,
  query: tellHost,
}

/** The place of an actor in a thread of its own: what it throws ends the thread, which the host's side hears of. */
export function placeOf(actor: ActorName, data: ThreadData): Place {
  let lines = 0
  let countedAt = 0
  return {
    log: (level: LogLevel, message: string) => {
      const now = performance.now()
      if (now - countedAt > 1_000) {
        countedAt = now
        lines = 0
      }
      lines += 1
      if (lines <= MOST_LINES) tellHost({ type: 'log', actor, level, message })
    },
    mailboxes: () => {
      const depths: Record<string, number> = {}
      for (const [name, wall] of Object.entries({
        detector: data.detector,
        gossip: data.gossip,
        dispatch: data.dispatch,
      }))
        if (wall !== undefined) depths[name] = Atomics.load(wall.inward, 0) + Atomics.load(wall.inward, 1)
      return depths
    },
    beats: () => Atomics.load(data.beats, 0),
    stalled: (state, stalledFor) => tellHost({ type: 'host', state, stalledFor }),
    crashed: (error: unknown) => {
      throw new Crashed(actor, error)
    },
    memory: new CrashMemory(data.memory),
    transport: () => loadTransport(data.settings.transport),
  }
}

/** Serves commands; `close` also lets go of every port, after which nothing keeps the thread alive. */
export function serve(data: ThreadData, api: object, close: () => Promise<void> | void): void {
  const walls = [data.detector, data.gossip, data.dispatch]
  const end = async (): Promise<void> => {
    await close()
    // The reply to this very call still has to go out.
    setImmediate(() => {
      for (const wall of walls) wall?.port.close()
      parentPort?.close()
      data.commands.close()
    })
  }
  expose({ ...api, close: end }, endpointOf(data.commands))
}
