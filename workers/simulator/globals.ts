/**
 * Puts virtual time in the place of the real one, for all code of the process: timers of all kinds, `Date`, `performance.now`, `process.hrtime`,
 * `AbortSignal.timeout`, and `Math.random`. What a program holds from before, such as a `setTimeout` that it stored, stays real.
 */
import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers'
import promises from 'node:timers/promises'
import { promisify } from 'node:util'
import type { HostThread } from '../../src/simulator/facade.ts'
import type { VirtualTimer, VirtualTimers } from '../../src/simulator/timers.ts'

/** The time that is put in. */
export interface VirtualTime {
  timers: VirtualTimers
  /** Whose code is running. */
  thread(): HostThread
  /** Milliseconds of a clock that only goes forward. */
  now(): number
  /** Milliseconds of the wall clock of whose code is running. */
  date(): number
  random(): number
}

type Task = (...args: unknown[]) => void
type Waiting = { signal?: AbortSignal }

/** Puts it in; what is given back takes it out again. */
export function install(time: VirtualTime): () => void {
  const callbacks = callbacksOf(time)
  const waits = waitsOf(time)
  const undo: (() => void)[] = []
  for (const target of [globalThis, timers]) {
    for (const [name, value] of Object.entries(callbacks)) undo.push(put(target, name, value))
  }
  for (const [name, value] of Object.entries(waits)) undo.push(put(promises, name, value))
  undo.push(put(globalThis, 'Date', dateOf(time)))
  undo.push(put(performance, 'now', () => time.now()))
  undo.push(put(process, 'hrtime', hrtimeOf(time)))
  undo.push(put(AbortSignal, 'timeout', (delay: number) => abortAfter(time, delay)))
  undo.push(put(Math, 'random', () => time.random()))
  syncBuiltinESMExports()
  return () => {
    for (const one of undo.reverse()) one()
    syncBuiltinESMExports()
  }
}

function put(target: object, name: string, value: unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(target, name)
  const enumerable = before?.enumerable ?? false
  Object.defineProperty(target, name, { configurable: true, writable: true, enumerable, value })
  return () => {
    if (before === undefined) Reflect.deleteProperty(target, name)
    else Object.defineProperty(target, name, before)
  }
}

function callbacksOf({ timers: virtual, thread }: VirtualTime) {
  const waits = waitsOf({ timers: virtual, thread })
  const start =
    (how: 'once' | 'again') =>
    (task: Task, delay: number, ...args: unknown[]): VirtualTimer => {
      refuseNoFunction(task)
      return virtual.start(thread(), how, Number(delay), () => task(...args))
    }
  const next = (task: Task, ...args: unknown[]): VirtualTimer => {
    refuseNoFunction(task)
    return virtual.next(thread(), () => task(...args))
  }
  const stop = (handle: unknown): void => virtual.stop(handle)
  return {
    setTimeout: Object.assign(start('once'), { [promisify.custom]: waits.setTimeout }),
    setInterval: start('again'),
    setImmediate: Object.assign(next, { [promisify.custom]: waits.setImmediate }),
    clearTimeout: stop,
    clearInterval: stop,
    clearImmediate: stop,
  }
}

function refuseNoFunction(task: unknown): void {
  if (typeof task === 'function') return
  const code = 'ERR_INVALID_ARG_TYPE'
  throw Object.assign(new TypeError('The "callback" argument must be of type function'), { code })
}

/** The functions of `node:timers/promises`. */
function waitsOf({ timers: virtual, thread }: Pick<VirtualTime, 'timers' | 'thread'>) {
  const wait = <Value>(delay: number, value?: Value, { signal }: Waiting = {}): Promise<Value | undefined> =>
    promised(signal, (resolve) => virtual.start(thread(), 'once', Number(delay), () => resolve(value)))
  const turn = <Value>(value?: Value, { signal }: Waiting = {}): Promise<Value | undefined> =>
    promised(signal, (resolve) => virtual.next(thread(), () => resolve(value)))
  const scheduler = {
    wait: (delay: number, options?: Waiting) => wait(delay, undefined, options),
    yield: () => turn(),
  }
  async function* again<Value>(delay: number, value?: Value, options?: Waiting) {
    for (;;) yield await wait(delay, value, options)
  }
  return { setTimeout: wait, setImmediate: turn, setInterval: again, scheduler }

  function promised<Value>(
    signal: AbortSignal | undefined,
    start: (resolve: (value: Value) => void) => VirtualTimer,
  ): Promise<Value> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(aborted(signal))
      const abort = () => {
        virtual.stop(timer)
        reject(aborted(signal))
      }
      const timer = start((value) => {
        signal?.removeEventListener('abort', abort)
        resolve(value)
      })
      signal?.addEventListener('abort', abort, { once: true })
    })
  }
}

/** As Node says it. */
function aborted(signal: AbortSignal | undefined): Error {
  const error = new Error('The operation was aborted', { cause: signal?.reason })
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' })
}

function abortAfter({ timers: virtual, thread }: VirtualTime, delay: number): AbortSignal {
  const controller = new AbortController()
  virtual.start(thread(), 'once', delay, () => {
    controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'))
  })
  return controller.signal
}

function dateOf(time: VirtualTime): DateConstructor {
  const real = Date
  return new Proxy(real, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [time.date()] : args, newTarget),
    apply: () => new real(time.date()).toString(),
    get: (target, name, receiver) =>
      name === 'now' ? () => time.date() : Reflect.get(target, name, receiver),
  })
}

function hrtimeOf({ now }: VirtualTime) {
  const bigint = () => BigInt(Math.round(now() * 1e6))
  const hrtime = ([seconds, nanoseconds]: [number, number] = [0, 0]): [number, number] => {
    const since = bigint() - BigInt(seconds) * 1_000_000_000n - BigInt(nanoseconds)
    return [Number(since / 1_000_000_000n), Number(since % 1_000_000_000n)]
  }
  return Object.assign(hrtime, { bigint })
}
