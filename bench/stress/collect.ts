/**
 * Loaded before everything else, in every thread of a member of ours (`--import`, with `--expose-gc`): on SIGUSR2 all threads collect their
 * garbage and write down what they still hold, so that it can be compared over hours.
 */
import { getHeapCodeStatistics } from 'node:v8'
import { isMainThread, threadId } from 'node:worker_threads'
import { held } from '../kit/cost.ts'
import { writeHeld } from './held.ts'

const channel = new BroadcastChannel('folkmoot-stress-collect')
channel.unref()

const throwAway = () => globalThis.gc?.()

function collect(): void {
  const bytes = held(throwAway)
  const { code_and_metadata_size: machine, bytecode_and_metadata_size: byte } = getHeapCodeStatistics()
  writeHeld(threadId, { held: bytes, code: machine + byte })
}

channel.onmessage = collect

if (isMainThread) {
  process.on('SIGUSR2', () => {
    channel.postMessage('now')
    collect()
  })
}
