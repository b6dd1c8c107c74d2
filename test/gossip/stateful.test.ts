/**
 * A hostile peer that knows the protocol: random sequences of valid messages, and now and then of bytes, into one node of real actors. What must always
 * hold is asked after each. Fixed seeds; the long run is `npm run long -- fuzz-member`.
 */
import { test } from 'node:test'
import { LoneNode } from '../fuzz/lone-node.ts'

const SEEDS = 12
const STEPS = 400

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`seed ${seed}: ${STEPS} hostile messages break nothing that must hold`, () => {
    const node = new LoneNode(seed)
    for (let i = 0; i < STEPS; i++) {
      try {
        node.step()
      } catch (error) {
        throw new Error(`after ${node.messages} messages, the last: ${node.steps.slice(-8).join('\n')}`, {
          cause: error,
        })
      }
    }
  })
}
