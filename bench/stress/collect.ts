/**
 * Loaded before everything else, in every thread of a member of ours (`--import`, with `--expose-gc`): on SIGUSR2 all threads collect their
 * garbage, so that what is left in memory can be compared over hours.
 */
import { isMainThread } from 'node:worker_threads'

const channel = new BroadcastChannel('folkmoot-stress-collect')
channel.unref()
channel.onmessage = () => globalThis.gc?.()

if (isMainThread) {
  process.on('SIGUSR2', () => {
    channel.postMessage('now')
    globalThis.gc?.()
  })
}
