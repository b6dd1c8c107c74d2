/** Handlers for tests of `cluster.handle`: good ones and bad ones. */
import { isMainThread, threadId } from 'node:worker_threads'
import type { HandledEvent } from '../../src/index.ts'

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** Says what it was given, and that it is not on the main thread. */
export default function echo(event: HandledEvent): string {
  return `${event.type} ${event.name} ${text(event.payload)} ${isMainThread ? 'main' : 'thread'}`
}

/** Takes so many milliseconds of a core, and gives bytes. */
export function busy({ payload }: HandledEvent): Uint8Array {
  const endsAt = performance.now() + Number(text(payload))
  let rounds = 0
  while (performance.now() < endsAt) rounds += 1
  return new TextEncoder().encode(rounds > 0 ? 'done' : 'idle')
}

export function hang({ payload }: HandledEvent): string {
  while (text(payload) !== 'go on') {
    // A loop that nothing but the end of its thread ends.
  }
  return `thread ${threadId}`
}

/** Waits for ever without a loop. */
export function sleep(): Promise<string> {
  return new Promise(() => setInterval(() => undefined, 1_000))
}

export function fail(): never {
  throw Object.assign(new RangeError('the handler is broken'), { code: 'BROKEN' })
}

export function exit(): void {
  process.exit(3)
}

/** Leaves something behind that throws when nobody waits for it. */
export function leaveBehind(): string {
  setTimeout(() => {
    throw new Error('left behind')
  }, 10)
  return 'fine'
}

export function large(): Uint8Array {
  return new Uint8Array(5_000)
}

export function number(): number {
  return 7
}

/** Answers nothing. */
export function quiet(): void {}

/** Says when it began and ended, and in which thread. */
export async function together({ payload }: HandledEvent): Promise<string> {
  const startedAt = Date.now()
  await new Promise((resolve) => setTimeout(resolve, Number(text(payload))))
  return `${startedAt} ${Date.now()} ${threadId}`
}
