/** Calls under way to the actors: each ends, with its answer, with its signal, or with the cluster. */

/** The calls that wait for an actor. */
export class Calls {
  readonly #giveUps = new Set<(error?: Error) => void>()

  /**
   * Settles as the reply does, but with the refusal once there is one and the reply has failed or `end` was called: an actor in this
   * thread never answers after its end, and one in another ended because it was told to, which is no fault of its own.
   */
  settle<Value>(reply: Promise<Value>, refusal: () => Error | undefined): Promise<Value> {
    return new Promise((resolve, reject) => {
      const giveUp = (error = refusal()) => reject(error)
      this.#giveUps.add(giveUp)
      reply.then(resolve, (error) => reject(refusal() ?? error)).finally(() => this.#giveUps.delete(giveUp))
    })
  }

  /** Rejects all that wait, with this error. */
  fail(error: Error): void {
    for (const giveUp of [...this.#giveUps]) giveUp(error)
  }

  /** Rejects all that still wait with their refusals. */
  end(): void {
    for (const giveUp of [...this.#giveUps]) giveUp()
  }
}

/** Settles like the promise, or rejects with the signal's reason and calls `giveUp`, whichever comes first. */
export function untilAborted<Value>(
  promise: Promise<Value>,
  signal: AbortSignal,
  giveUp: () => void = () => undefined,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      giveUp()
      reject(signal.reason)
    }
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
