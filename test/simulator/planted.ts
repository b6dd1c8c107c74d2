/** Bugs to be planted: in which compiled module, what stands there and what stands there instead. */
export interface Plan {
  module: string
  changes: (readonly [right: string, wrong: string])[]
}

export function isPlan(value: unknown): value is Plan {
  const { module, changes } = Object(value)
  return typeof module === 'string' && Array.isArray(changes)
}

export const BUGS: Readonly<Record<string, Plan>> = {
  'refutation dropped': {
    module: 'gossip/refutation.js',
    changes: [['    refute(accused) {', '    refute(accused) { return;']],
  },
  'wrong comparison of incarnations': {
    module: 'gossip/precedence.js',
    changes: [['return claimed > heldIncarnation', 'return claimed >= heldIncarnation']],
  },
  'suspicion never shrinking': {
    module: 'gossip/formulas.js',
    changes: [['return Math.max(min, Math.floor(max - certainty * (max - min)))', 'return max']],
  },
  'coalescer losing a change': {
    module: 'dispatch/coalesce.js',
    changes: [
      [
        'held.now = after(held.now, kind)',
        'if (kind !== FACT.memberFailed) held.now = after(held.now, kind)',
      ],
    ],
  },
  'dedup off by one': {
    module: 'gossip/seen.js',
    changes: [['candidates.some(', 'candidates.slice(1).some(']],
  },
  'a broadcast never retired': {
    module: 'gossip/broadcasts.js',
    changes: [['if (item.sends < limit)', 'if (item.sends < limit + 1_000_000)']],
  },
  'ring not shuffled': {
    module: 'detector/ring.js',
    changes: [['swap(order, i, this.#random.below(i + 1))', 'this.#random.below(i + 1)']],
  },
  'mirror updated before the table': {
    module: 'gossip/claims.js',
    changes: [
      ['table.incarnation.set(row, claim.incarnation);', ''],
      ["return 'accepted';", "table.incarnation.set(row, claim.incarnation); return 'accepted';"],
    ],
  },
  // One more for each thing that is checked and that the eight above leave alone.
  'a query is handled again': {
    module: 'gossip/seen-queries.js',
    changes: [['if (isTheirs && slot.ids.has(id))', 'if (isTheirs && slot.ids.has(id) && length < 0)']],
  },
  'a forced leave of ourselves is believed': {
    module: 'gossip/standing.js',
    changes: [
      [
        'if (row === this.selfRow && this.#isStaying && lamportTime >= table.statusTime(row))',
        'if (row < 0)',
      ],
    ],
  },
  'a Lamport clock goes back': {
    module: 'gossip/lamport.js',
    changes: [['if (time >= this.#time)', 'if (time >= 0)']],
  },
  'what is not sealed is taken in': {
    module: 'wire/packet.js',
    changes: [["else if (seal?.incoming === 'verified')", 'else if (seal === null)']],
  },
  'whoever loses a vote stays': {
    module: 'dispatch/name-vote.js',
    changes: [['if (ours >= majority)', 'if (ours >= 0)']],
  },
  'Serf misses a death': {
    module: 'gossip/standing.js',
    changes: [['table.status[row] = STATUS.failed;', '']],
  },
  'a ring keeps the dead': {
    module: 'detector/ring.js',
    changes: [['this.#standing[row] = GONE;', '']],
  },
  'events from before a join are heard': {
    module: 'gossip/seen.js',
    changes: [['if (lamportTime < this.minTime)', 'if (lamportTime < 0)']],
  },
  'a key is installed and not kept': {
    module: 'dispatch/keyring-keeper.js',
    changes: [["kind === 'install' ? next.add(key)", "kind === 'install' ? undefined"]],
  },
  'tags change and the incarnation does not': {
    module: 'gossip/claims.js',
    changes: [['table.incarnation.set(row, refutingIncarnation(table.incarnation.get(row), 0));', '']],
  },
  'an event of others is not heard': {
    module: 'gossip/seen.js',
    changes: [["return 'new';", "return lamportTime % 3 === 0 ? 'seen' : 'new';"]],
  },
  'a queue that does not know its bound': {
    module: 'gossip/broadcasts.js',
    changes: [
      [
        'while (this.#size > most)',
        'for (let i = 0; i < 3_000; i++) this.#enqueue({ ...item }); while (this.#size < 0)',
      ],
    ],
  },
  'a view without updates': {
    module: 'dispatch/view.js',
    changes: [
      ['this.#pictures.put(reader)', 'if (reader.kind !== FACT.memberUpdate) this.#pictures.put(reader)'],
    ],
  },
}
