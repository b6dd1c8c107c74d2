/**
 * What a member of ours remembers of others, kept for longer than it does itself: where sixty guests come and go, its last 256 changes are of the last ten
 * seconds, and a suspicion lasts for up to forty-four.
 */
import type { Cluster } from 'folkmoot'
import { wallClock } from './story.ts'

const READ_EVERY = 4_000
/** Changes of those who are no guests. */
const MOST_LINES = 500
/** Instants of one change, by two readings, are no farther apart. */
const SAME = 1_000

export class Diary {
  readonly #cluster: Cluster
  readonly #reading: NodeJS.Timeout
  readonly #lines = new Map<string, { name: string; at: number; text: string }>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
    // A member that is gone answers no more, which is nobody's mishap.
    this.#reading = setInterval(() => void this.#read().catch(() => undefined), READ_EVERY).unref()
  }

  close(): void {
    clearInterval(this.#reading)
  }

  /** Of one member, oldest first. */
  async of(name: string): Promise<string[]> {
    await this.#read()
    const lines = [...this.#lines.values()].filter((line) => line.name === name).sort((a, b) => a.at - b.at)
    return lines.map(({ at, text }) => `${new Date(at).toISOString()} ${text}`)
  }

  async #read(): Promise<void> {
    for (const { name, change, incarnation, accuser, confirmations, ago } of await this.#cluster.history()) {
      if (name.startsWith('guest-')) continue
      const by = accuser === '' ? '' : ` by ${accuser}, ${confirmations} confirmations`
      const text = `${change} at ${incarnation}${by}`
      const at = wallClock() - ago
      const isKnown = [-1, 0, 1].some((more) => this.#lines.has(keyOf(name, text, at + more * SAME)))
      if (!isKnown) this.#lines.set(keyOf(name, text, at), { name, at, text })
    }
    for (const key of this.#lines.keys()) {
      if (this.#lines.size <= MOST_LINES) break
      this.#lines.delete(key)
    }
  }
}

function keyOf(name: string, text: string, at: number): string {
  return `${name} ${text} ${Math.floor(at / SAME)}`
}
