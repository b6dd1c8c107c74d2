/** Bugs to be planted: in which compiled module, what stands there and what stands there instead. */
export interface Plan {
  module: string
  changes: (readonly [right: string, wrong: string])[]
  /** The seed that found it, where it was no planted bug but one of ours. Default: seeds from 1 on. */
  seed?: number
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
    changes: [['swap(rows, i, this.#random.below(i + 1))', 'this.#random.below(i + 1)']],
  },
  'mirror updated before the table': {
    module: 'gossip/claims.js',
    changes: [
      ['table.incarnation[row] = claim.incarnation;', ''],
      ["return 'accepted';", "table.incarnation[row] = claim.incarnation; return 'accepted';"],
    ],
  },
  // Ours, found by campaigns, put back.
  'who came back is leaving for ever, by the old list of a peer': {
    module: 'gossip/standing.js',
    changes: [['const isRumour = row >= 0', 'const isRumour = row < 0']],
    seed: 16,
  },
  'new tags after leaving': {
    module: 'gossip/own-tags.js',
    changes: [
      [
        'set(id, tags, now) {\n        if (this.#parts.hasLeft())',
        'set(id, tags, now) {\n        if (id < 0)',
      ],
    ],
    seed: 46,
  },
  'a forced leave of the time of our own join is not contradicted': {
    module: 'gossip/standing.js',
    changes: [
      ['lamportTime >= table.statusTime[row]', 'lamportTime > table.statusTime[row]'],
      ['lamportTime !== this.#announcing', 'lamportTime < 0'],
    ],
    seed: 37,
  },
}
