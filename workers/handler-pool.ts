/**
 * Threads for the host's own handlers, from a pool of piscina for each of them: one that hangs keeps no other waiting. Threads start with
 * the first call and end some time after the last one. A pool never queues: it is given no more calls than it has threads.
 *
 * Piscina finds the file of its threads beside its own, so it must not be bundled: it is required at run time, by a name no bundler sees.
 */
// Not by its name: webpack thinks it knows what `createRequire` is about, and puts `undefined` in its place.
import nodeModule from 'node:module'
import type { Piscina } from 'piscina'
import type { HandledEvent, Runner } from '../src/cluster/handlers.ts'
import { HandlersUnavailable, HandlerTimeout } from '../src/errors/handlers.ts'

/** How long an idle thread is kept. */
const IDLE = 10_000

interface PiscinaModule {
  Piscina: typeof Piscina
}

/** Loads piscina from where we are installed, or, bundled, from where the program that runs lies. Throws HandlersUnavailable. */
function loadPiscina(): typeof Piscina {
  let cause: unknown
  for (const from of [import.meta.url, process.argv[1]]) {
    try {
      const loaded: PiscinaModule = nodeModule.createRequire(from)('piscina')
      return loaded.Piscina
    } catch (error) {
      cause = error
    }
  }
  throw new HandlersUnavailable(cause)
}

/** Opens threads that call an export of a module. `failed` hears of errors outside of any call. */
export function openHandlerPool(
  module: string,
  name: string,
  threads: number,
  failed: (error: unknown) => void,
): Runner {
  const Pool = loadPiscina()
  const pool = new Pool({
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: IDLE,
    // Otherwise a thread stands still between two calls, and what a handler left under way with it.
    atomics: 'disabled',
    recordTiming: false,
  })
  pool.on('error', failed)
  return {
    run: (event, timeout) => runWithin(pool, module, name, event, timeout),
    close: () => pool.destroy(),
  }
}

async function runWithin(
  pool: Piscina,
  module: string,
  name: string,
  event: HandledEvent,
  timeout: number,
): Promise<unknown> {
  const overdue = new AbortController()
  // Aborting a call ends its thread, whatever it is doing.
  const timer = setTimeout(() => overdue.abort(), timeout)
  try {
    return await pool.run(event, { filename: module, name, signal: overdue.signal })
  } catch (error) {
    throw overdue.signal.aborted ? new HandlerTimeout(timeout) : error
  } finally {
    clearTimeout(timer)
  }
}
