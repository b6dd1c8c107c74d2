/**
 * What is measured: one member in a process of its own, ours or the real agent, asked the same questions. Its CPU and memory are read from outside
 * by the same means; what a listener hears is counted in both.
 */
import { type Memory, memoryOf } from './cost.ts'

export interface Subject {
  readonly kind: 'Folkmoot' | 'serf agent'
  readonly name: string
  readonly ip: string
  readonly port: number
  readonly pid: number
  /** Joins and waits until the answer says that it is done. */
  join(address: string): Promise<void>
  /** How many members the host sees. */
  members(): Promise<number>
  /** How many of them are alive, itself included. */
  alive(): Promise<number>
  /** User events that the listener has heard. */
  heard(): Promise<number>
  stop(): Promise<void>
}

/** Asks until a number stands still for half a second, and gives it. */
export async function settled(
  ask: () => Promise<number>,
  sleep: (ms: number) => Promise<unknown>,
): Promise<number> {
  const STILL = 5
  let last = await ask()
  for (let still = 0; still < STILL; ) {
    await sleep(100)
    const now = await ask()
    still = now === last ? still + 1 : 0
    last = now
  }
  return last
}

export function memory(subject: Subject): Memory {
  return memoryOf(subject.pid)
}
