/**
 * Event handlers: scripts that run on events (protocol page 3, section 4). Every handler has a queue of its own, so that one that hangs holds
 * up nobody else's events; within it events run in order, as many at a time as configured. Names, tags and payloads reach a script by its
 * environment and standard input only, never by its text.
 *
 *     event --> each handler it passes --> queue --> shell: environment, stdin --> exit, output --> log, answer of a query
 */

import { formatIp } from '../wire/address.ts'
import type { Happening } from './desk.ts'
import { type HandlerSpec, passes } from './filters.ts'
import type { Level } from './log-book.ts'

/** Events that wait for one handler; beyond it the oldest is dropped, and that is logged once per spell. */
const MOST_QUEUED = 1_024
/** A run that takes longer is worth a warning. */
const SLOW = 1_000
/** Output of one run that is kept: its end. */
export const MOST_OUTPUT = 8_192

/** How a run ended. */
export interface Run {
  /** Empty for success, else as Go names it: `exit status 3`, `signal: killed`. */
  failure: string
  output: Uint8Array
}

export interface HandlerWorld {
  /** Runs a script in a shell, in a process group of its own, which is killed whole when `timeout` milliseconds have passed. */
  run(script: string, env: Readonly<Record<string, string>>, stdin: Uint8Array, timeout: number): Promise<Run>
  later(ms: number, call: () => void): () => void
  log(level: Level, text: string): void
  /** How long a run took, in milliseconds, by its script. */
  took(script: string, ms: number): void
  now(): number
}

/** The node itself, as scripts see it. */
export interface Self {
  name: string
  tags: Readonly<Record<string, string>>
}

export interface HandlerLimits {
  /** Milliseconds. */
  timeout: number
  concurrency: number
}

class Handler {
  readonly spec: HandlerSpec
  readonly #world: HandlerWorld
  readonly #limits: HandlerLimits
  readonly #queue: { happening: Happening; self: Self }[] = []
  #running = 0
  #dropped = 0

  constructor(spec: HandlerSpec, limits: HandlerLimits, world: HandlerWorld) {
    this.spec = spec
    this.#limits = limits
    this.#world = world
  }

  get waiting(): number {
    return this.#queue.length
  }

  add(happening: Happening, self: Self): void {
    this.#queue.push({ happening, self })
    if (this.#queue.length > MOST_QUEUED) {
      this.#queue.shift()
      this.#dropped += 1
      if (this.#dropped === 1) {
        this.#world.log('WARN', `agent: Script '${this.spec.script}' is too slow, dropping events`)
      }
    }
    this.#next()
  }

  #next(): void {
    if (this.#running >= this.#limits.concurrency) return
    const next = this.#queue.shift()
    if (next === undefined) return
    if (this.#queue.length === 0) this.#dropped = 0
    this.#running += 1
    this.#run(next.happening, next.self).finally(() => {
      this.#running -= 1
      this.#next()
    })
  }

  async #run(happening: Happening, self: Self): Promise<void> {
    const { script } = this.spec
    const world = this.#world
    const startedAt = world.now()
    const calm = world.later(SLOW, () => {
      world.log('WARN', `agent: Script '${script}' slow, execution exceeding 1s`)
    })
    const { failure, output } = await world.run(
      script,
      environment(happening, self),
      stdinOf(happening),
      this.#limits.timeout,
    )
    calm()
    world.took(script, world.now() - startedAt)
    world.log('DEBUG', `agent: Event '${happening.kind}' script output: ${new TextDecoder().decode(output)}`)
    if (failure !== '') world.log('ERR', `agent: Error invoking script '${script}': ${failure}`)
    else if (happening.kind === 'query' && output.length > 0) {
      await happening.respond(output).catch((error: unknown) => {
        const why = error instanceof Error ? error.message : String(error)
        world.log('WARN', `agent: Failed to respond to query 'query: ${happening.name}': ${why}`)
      })
    }
  }
}

export class Handlers {
  readonly #world: HandlerWorld
  readonly #limits: HandlerLimits
  #handlers: Handler[]

  constructor(specs: readonly HandlerSpec[], limits: HandlerLimits, world: HandlerWorld) {
    this.#world = world
    this.#limits = limits
    this.#handlers = specs.map((spec) => new Handler(spec, limits, world))
  }

  /** Replaces all handlers; what the former ones have queued still runs. */
  replace(specs: readonly HandlerSpec[]): void {
    this.#handlers = specs.map((spec) => new Handler(spec, this.#limits, this.#world))
  }

  /** Events that wait for a handler. */
  get backlog(): number {
    return this.#handlers.reduce((sum, { waiting }) => sum + waiting, 0)
  }

  hear(happening: Happening, self: Self): void {
    const name = 'name' in happening ? happening.name : ''
    for (const handler of this.#handlers) {
      if (passes(handler.spec.filter, happening.kind, name)) handler.add(happening, self)
    }
  }
}

/** What a script finds in its environment, besides the agent's own (section 4.3). */
export function environment(happening: Happening, self: Self): Record<string, string> {
  const env: Record<string, string> = {
    SERF_EVENT: happening.kind,
    SERF_SELF_NAME: safe(self.name),
    SERF_SELF_ROLE: safe(self.tags.role ?? ''),
  }
  for (const [tag, value] of Object.entries(self.tags)) {
    env[`SERF_TAG_${tag.toUpperCase().replace(/[^A-Z0-9_]/g, '_')}`] = safe(value)
  }
  if (happening.kind === 'user') {
    env.SERF_USER_EVENT = safe(happening.name)
    env.SERF_USER_LTIME = String(happening.lTime)
  } else if (happening.kind === 'query') {
    env.SERF_QUERY_NAME = safe(happening.name)
    env.SERF_QUERY_LTIME = String(happening.lTime)
  }
  return env
}

/** A NUL ends a variable for every process, and Node refuses to start one with it: names come from strangers. */
function safe(value: string): string {
  return value.replaceAll('\0', '')
}

/** What a script reads (section 4.4). */
export function stdinOf(happening: Happening): Uint8Array {
  if ('members' in happening) {
    const lines = happening.members.map(({ name, addr, tags }) => {
      const listed = Object.entries(tags).map(([tag, value]) => `${tag}=${value}`)
      return `${escaped(name)}\t${formatIp(addr)}\t${escaped(tags.role ?? '')}\t${escaped(listed.join(','))}\n`
    })
    return new TextEncoder().encode(lines.join(''))
  }
  const payload = happening.payload ?? new Uint8Array(0)
  if (payload.length === 0 || payload.at(-1) === 0x0a) return payload
  const line = new Uint8Array(payload.length + 1)
  line.set(payload)
  line[payload.length] = 0x0a
  return line
}

/** One member stays one line of four fields, whatever it is called. */
function escaped(text: string): string {
  return text.replaceAll('\t', '\\t').replaceAll('\n', '\\n')
}
