/**
 * Handlers that have threads of their own, in a simulation: their modules are loaded into this process, once for all members, and their calls take
 * virtual time. What makes threads worth while, that a busy handler holds up nobody, is not to be seen here.
 */
import { isAbsolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Runner } from '../../src/cluster/handlers.ts'
import { HandlerTimeout } from '../../src/errors/handlers.ts'
import type { HostThread } from '../../src/simulator/facade.ts'
import type { VirtualTimers } from '../../src/simulator/timers.ts'

/** What handlers need of their simulation. */
export interface HandlerParts {
  timers: VirtualTimers
  thread: HostThread
  /** Virtual time stands still until a promise is settled that hangs on the real world. */
  hold<Value>(promise: Promise<Value>): Promise<Value>
}

export function simulatedHandlers(module: string, name: string, parts: HandlerParts): Runner {
  const url = isAbsolute(module) ? pathToFileURL(module).href : module
  let loading: Promise<Record<string, unknown>> | undefined
  return {
    run: async (event, timeout) => {
      loading ??= parts.hold(import(url))
      const handler = (await loading)[name]
      if (typeof handler !== 'function') throw new TypeError(`${module} has no function ${name}`)
      return within(parts, timeout, () => handler(structuredClone(event)))
    },
    close: async () => undefined,
  }
}

function within({ timers, thread }: HandlerParts, timeout: number, call: () => unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = timers.start(thread, 'once', timeout, () => reject(new HandlerTimeout(timeout)))
    new Promise((settle) => settle(call())).then(resolve, reject).finally(() => timers.stop(timer))
  })
}
