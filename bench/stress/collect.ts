/**
 * Loaded before everything else, in every thread of a member of ours (`--import`, with `--expose-gc`): on SIGUSR2 all threads collect their
 * garbage and write down what they still hold, so that it can be compared over hours.
 */
import { isMainThread, threadId } from 'node:worker_threads'
import { writeHeld } from './held.ts'

const channel = new BroadcastChannel('folkmoot-stress-collect')
channel.unref()

function collect(): void {
  // Twice: what the first finds dead may hold memory outside the heap until the next.
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  writeHeld(threadId, heapUsed + external)
}

channel.onmessage = collect

if (isMainThread) {
  process.on('SIGUSR2', () => {
    channel.postMessage('now')
    collect()
  })
}
