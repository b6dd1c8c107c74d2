/** The event loop of the host's thread, as listeners are served by it. */
import type { ListenerTurns } from '../src/cluster/listeners.ts'
import { isTraced, trace } from './host-traces.ts'

export const HOST_TURNS: ListenerTurns = {
  isTraced,
  trace,
  now: () => performance.now(),
  date: () => Date.now(),
  later: (serve) => {
    setImmediate(serve)
  },
  raise: (error) => {
    queueMicrotask(() => {
      throw error
    })
  },
}
