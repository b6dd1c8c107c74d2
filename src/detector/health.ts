/**
 * Lifeguard's local health (protocol page 1, section 7.6): how far we doubt ourselves. 0 is healthy; each step makes
 * our probes wait one more interval for their answer, so that a node which is slow itself accuses others later.
 *
 *     +1  we had to refute; a probe failed and nobody could be asked to say nack; we woke far too late
 *     +m  a probe failed and m of the helpers asked for a nack said nothing: it may be us who cannot hear
 *     -1  a probe was answered
 */
export class Health {
  readonly #worst: number
  #score = 0

  /** `multiplier` is AwarenessMaxMultiplier: the score stays within 0 and one less. */
  constructor(multiplier: number) {
    this.#worst = Math.max(0, multiplier - 1)
  }

  get score(): number {
    return this.#score
  }

  change(by: number): void {
    this.#score = Math.min(this.#worst, Math.max(0, this.#score + by))
  }
}
