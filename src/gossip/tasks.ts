/**
 * Long work in slices, so that a push/pull of a hundred thousand members never holds up the mail behind it. A task is a
 * generator that yields where it may be interrupted; each slice is a few milliseconds by the amount of work, since no actor
 * reads a clock.
 */
export class Tasks {
  readonly #tasks: Generator<void, void>[] = []
  /** The time of the turn in which the running slice runs. */
  now = 0

  get isBusy(): boolean {
    return this.#tasks.length > 0
  }

  add(task: Generator<void, void>): void {
    this.#tasks.push(task)
  }

  /** Runs one slice of the oldest task. */
  run(now: number): void {
    this.now = now
    const task = this.#tasks[0]
    if (task?.next().done) this.#tasks.shift()
  }
}
