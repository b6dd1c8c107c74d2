/** Signals of the process, for hosts that want them handled: the library itself installs none. */
import type { Drained, DrainOptions } from '../src/cluster/ends.ts'

export interface SignalOptions {
  /** Default SIGINT and SIGTERM. */
  signals?: readonly NodeJS.Signals[]
  /** Drain first. Without it the first signal begins the leave. */
  drain?: DrainOptions
  /** Called once all is over, before the process ends by itself, if nothing else keeps it. */
  ended?: () => void
}

/** A Cluster, as far as signals go. */
export interface SignalledCluster {
  drain(options: DrainOptions): Promise<Drained>
  leave(): Promise<unknown>
  shutdown(): Promise<void>
}

/**
 * At the first signal the member drains if that is wanted, leaves and shuts down; the process then ends by itself. A second signal ends the process
 * there and then, as the system would have it. Gives the way to take the handlers away again; `ended` is the last to be called.
 */
export function handleSignals(cluster: SignalledCluster, options: SignalOptions = {}): () => void {
  const { signals = ['SIGINT', 'SIGTERM'], drain, ended } = options
  let isEnding = false
  const remove = () => {
    for (const signal of signals) process.off(signal, handle)
  }
  const end = async () => {
    // What fails here, such as a second leave after an actor's death, must not keep the process.
    if (drain !== undefined) await cluster.drain(drain).catch(() => undefined)
    await cluster.leave().catch(() => undefined)
    await cluster.shutdown().catch(() => undefined)
    remove()
    ended?.()
  }
  const handle = (signal: NodeJS.Signals) => {
    if (isEnding) {
      remove()
      process.kill(process.pid, signal)
      return
    }
    isEnding = true
    void end()
  }
  for (const signal of signals) process.on(signal, handle)
  return remove
}
