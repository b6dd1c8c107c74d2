/** What the key manager needs of the host's thread: waiting, and a key that nobody can guess. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

const KEY_BYTES = 32

export const KEY_HANDS = {
  /** Rejects with the signal's reason when it aborts. */
  sleep: (milliseconds: number, signal: AbortSignal | undefined) =>
    sleep(milliseconds, undefined, signal === undefined ? {} : { signal }),
  randomKey: () => Uint8Array.from(randomBytes(KEY_BYTES)),
}
