/** Orders to a program of ours that was forked, each with a number, and the answers, which bear it: who asked hears of the one, or why there is none. */
import type { ChildProcess } from 'node:child_process'

/** Number 0 answers the start itself. */
interface Numbered {
  id: number
  error?: string
}

interface Waiting<Answer> {
  resolve(answer: Answer): void
  reject(error: Error): void
}

/** Of the start, which nobody had to order. */
const START = 0

export class Answers<Answer extends Numbered> {
  readonly #child: ChildProcess
  readonly #name: string
  readonly #waiting = new Map<number, Waiting<Answer>>()
  #orders = START

  /** `name`: whose answers, for errors. */
  constructor(child: ChildProcess, name: string) {
    this.#child = child
    this.#name = name
    child.once('exit', (code, signal) => {
      const error = new Error(`the process of ${name} ended with ${signal ?? code}`)
      for (const { reject } of this.#waiting.values()) reject(error)
      this.#waiting.clear()
    })
  }

  started(): Promise<Answer> {
    return this.#answerTo(START)
  }

  ask(order: object): Promise<Answer> {
    this.#orders += 1
    const id = this.#orders
    const answer = this.#answerTo(id)
    this.#child.send({ id, order }, (error) => {
      if (error) this.#take(id)?.reject(error)
    })
    return answer
  }

  /** What the process said. An answer that nobody waits for is nobody's. */
  answered(answer: Answer): void {
    const waiting = this.#take(answer.id)
    if (answer.error === undefined) waiting?.resolve(answer)
    else waiting?.reject(new Error(`${this.#name}: ${answer.error}`))
  }

  #answerTo(id: number): Promise<Answer> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  #take(id: number): Waiting<Answer> | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    return waiting
  }
}
