/** A hostile peer that knows the protocol against one node of real actors, for a million messages in virtual time: `npm run long -- fuzz-member [seed]`. */
import { LoneNode } from '../fuzz/lone-node.ts'

const MESSAGES = 1_000_000
const PER_NODE = 4_000

export async function prove(seed: number): Promise<unknown> {
  let messages = 0
  for (let life = 0; messages < MESSAGES; life++) {
    const node = new LoneNode(seed + life)
    try {
      while (node.messages < PER_NODE) node.step()
    } catch (error) {
      throw new Error(
        `life ${life} (seed ${seed + life}), after ${node.messages} messages: ${node.steps.slice(-20).join('\n')}`,
        {
          cause: error,
        },
      )
    }
    messages += node.messages
  }
  return { messages, lives: messages / PER_NODE, broken: 0 }
}
