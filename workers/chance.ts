/** Where a member's chance comes from: a generator of its own, seeded by the system. */
import { randomBytes, randomFillSync } from 'node:crypto'
import { SeededRandom } from '../src/actors/random.ts'

export function seededByTheSystem(): SeededRandom {
  return new SeededRandom(randomBytes(6).readUIntBE(0, 6))
}

/** Bytes that nobody can guess, drawn at once: the asynchronous call would wait for the thread pool. */
export function fillByTheSystem(bytes: Uint8Array): void {
  randomFillSync(bytes)
}
