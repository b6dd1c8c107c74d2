/** Starts the file of a thread. Each is named literally, for bundlers to find; where the host names another one, that is taken. */
import { Worker, type WorkerOptions } from 'node:worker_threads'
import type { ThreadFileSettings, ThreadName } from '../src/options/workers.ts'

const OURS: Record<ThreadName, (options: WorkerOptions) => Worker> = {
  detector: (options) => new Worker(new URL('./detector.js', import.meta.url), options),
  gossip: (options) => new Worker(new URL('./gossip.js', import.meta.url), options),
  dispatch: (options) => new Worker(new URL('./dispatch.js', import.meta.url), options),
  member: (options) => new Worker(new URL('./member.js', import.meta.url), options),
}

export function startThread(name: ThreadName, files: ThreadFileSettings, options: WorkerOptions): Worker {
  const location = files[name]
  if (location === '') return OURS[name](options)
  return new Worker(/^(file|data):/.test(location) ? new URL(location) : location, options)
}
