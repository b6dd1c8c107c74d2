/**
 * Loaded before anything else in every thread of a process (`--import`, with `--expose-gc`): whenever it is asked, the thread collects its garbage
 * and says what it still holds, so that a proof can judge what grows rather than what has not been collected yet.
 */
import { basename } from 'node:path'
import { BroadcastChannel, isMainThread } from 'node:worker_threads'

/** What one thread holds once its garbage is collected, in MB. */
export interface Settled {
  /** The name of its file: `detector`, `gossip`, `dispatch`; `main` for the host's own. */
  thread: string
  heap: number
  /** Memory outside of its heap: array buffers and what else its objects hold. */
  external: number
}

/** Threads of a member in the placement `per-actor`. */
const THREADS = 3
const megabytes = (bytes: number) => Math.round((bytes / 2 ** 20) * 100) / 100

function settled(): Settled {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  const [, file = 'main'] = process.argv
  const thread = isMainThread ? 'main' : basename(file, '.js')
  return { thread, heap: megabytes(heapUsed), external: megabytes(external) }
}

const questions = new BroadcastChannel('folkmoot test: what do you hold?')
const answers = new BroadcastChannel('folkmoot test: what I hold')
questions.unref()
answers.unref()

if (!isMainThread) questions.onmessage = () => answers.postMessage(settled())

/** All threads of this process, the host's own first. Called in the host's own. */
export async function allSettled(): Promise<Settled[]> {
  const all = [settled()]
  const heard = new Promise<void>((resolve) => {
    answers.onmessage = (message: unknown) => {
      all.push(Object(message).data)
      if (all.length === 1 + THREADS) resolve()
    }
  })
  questions.postMessage('now')
  await heard
  return all
}
