/**
 * Acks that go elsewhere than the ping came from. A ping may name another address for its answer (members behind a translator do), so anybody can
 * aim our acks at a third party (protocol page 1, section 12.1). Such acks carry nothing that rides along, and there are only so many of them in a
 * second: a bucket that fills evenly. What is above it is dropped and counted.
 */
import { Bucket } from '../actors/bucket.ts'

/** Such acks in a second, and at once. A member is pinged about once in a probe interval, however large the pool is. */
export const MOST_ELSEWHERE = 256

export class Elsewhere {
  readonly #bucket = new Bucket(MOST_ELSEWHERE, MOST_ELSEWHERE)

  /** Whether one more may go. */
  permits(now: number): boolean {
    return this.#bucket.take(now)
  }
}
