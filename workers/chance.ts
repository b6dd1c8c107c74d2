/** Where a member's chance comes from: a generator of its own, seeded by the system. */
import { randomBytes } from 'node:crypto'
import { SeededRandom } from '../src/actors/random.ts'

export function seededByTheSystem(): SeededRandom {
  return new SeededRandom(randomBytes(6).readUIntBE(0, 6))
}
