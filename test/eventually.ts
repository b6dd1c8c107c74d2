/** Waiting for what a test expects, with a limit that a busy machine needs and a word about what was missing. */
import { setTimeout as sleep } from 'node:timers/promises'

/** Asks `probe` until it gives something, and says what was missing when it never did. */
export async function eventually<Value>(
  what: string | (() => string),
  probe: () => Value | undefined | false | Promise<Value | undefined | false>,
  { within = 20_000, every = 100 } = {},
): Promise<Value> {
  const endsAt = performance.now() + within
  for (;;) {
    const value = await probe()
    if (value !== undefined && value !== false) return value
    if (performance.now() > endsAt)
      throw new Error(`not within ${within} ms: ${typeof what === 'string' ? what : what()}`)
    await sleep(every)
  }
}
