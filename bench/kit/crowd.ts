/**
 * A pool of real processes of one kind, and when each of them said what: that it sees another, that another failed, that it heard an event. Each
 * says it on its standard output in the words of Serf's log, so that ours and others are timed by the same ear.
 */
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'

/** One process of the crowd. */
export interface CrowdMember {
  readonly name: string
  readonly pid: number
  readonly ip: string
  readonly port: number
  /** A line for each `EventMemberJoin: NAME`, `EventMemberFailed: NAME` and `user-event: NAME`. */
  readonly says: Readable
  /** Joins the member at `ip:port`. */
  join(address: string): Promise<unknown>
  /** Resolves when it has been handed over; it may have been heard before. */
  userEvent(name: string): Promise<unknown>
  kill(): Promise<void>
}

/** Starts the member of a number, alone; each time the same name and address. */
export type Breed = (number: number) => Promise<CrowdMember>

interface Heard {
  who: string
  kind: string
  name: string
  at: number
}

/** Of a formation, an event or a death: milliseconds for each member that came to know, in order. */
export type Times = number[]

const LINE = /(EventMemberJoin|EventMemberFailed|user-event): (\S+)/
/** Longest that anything may take. */
const PATIENCE = 150_000
/** An event that somebody has not heard by then was missed. */
const EVENT_PATIENCE = 15_000
const LOOK = 50
/** Processes that start at once: more would only wait for each other. */
const STARTS = 4
/** After an event, and after a death and the return of the dead, until the next. */
const BETWEEN_EVENTS = 1_000
const BETWEEN_DEATHS = 8_000
const JOIN_TRIES = 3
const PROBE_INTERVAL = 1_000
const TICK = 200

function addressOf({ ip, port }: CrowdMember): string {
  return `${ip}:${port}`
}

export class Crowd {
  readonly #breed: Breed
  readonly members: CrowdMember[] = []
  #heard: Heard[] = []
  /** Until then what was done last goes on. */
  #calmAt = 0

  constructor(breed: Breed) {
    this.#breed = breed
  }

  /** All are up and alone first, then all join the first at once: when each saw all the others. */
  async form(count: number): Promise<Times> {
    const numbers = Array.from({ length: count }, (_, i) => i)
    for (let i = 0; i < count; i += STARTS)
      this.members.push(...(await Promise.all(numbers.slice(i, i + STARTS).map((n) => this.#start(n)))))
    this.#heard = []
    const [first, ...others] = this.members
    const from = performance.now()
    // One that is refused for the crowd at the door is told of by the others; whether it is in shows in what is seen.
    const joining = Promise.allSettled(others.map((member) => member.join(addressOf(first))))
    const times = () => this.members.map(({ name }) => this.#seesAt(name, count - 1))
    await this.#until(() => times().every(Number.isFinite), PATIENCE)
    await joining
    return times()
      .map((at) => at - from)
      .sort((a, b) => a - b)
  }

  /** From when the first heard of it to when each did. */
  async event(number: number): Promise<Times> {
    await this.#calm()
    await sleep(TICK * Math.random())
    const name = `e${number}`
    const asked = this.members[number % this.members.length].userEvent(name)
    const times = await this.#times('user-event', name, this.members.length, EVENT_PATIENCE)
    await asked
    this.#calmAt = performance.now() + BETWEEN_EVENTS
    return times.map((at) => at - times[0])
  }

  /** Some die at once: for each, from its death to when each survivor said that it failed. They come back. */
  async deaths(victims: readonly number[]): Promise<Times[]> {
    await this.#calm()
    await sleep(PROBE_INTERVAL * Math.random())
    const survivors = this.members.length - victims.length
    const found = await Promise.all(
      victims.map(async (victim) => {
        const member = this.members[victim]
        const from = performance.now()
        await member.kill()
        const times = await this.#times('EventMemberFailed', member.name, survivors, PATIENCE)
        return times.map((at) => at - from)
      }),
    )
    await Promise.all(
      victims.map(async (victim) => {
        this.members[victim] = await this.#start(victim)
        await this.#rejoin(this.members[victim], this.members[0])
      }),
    )
    this.#calmAt = performance.now() + BETWEEN_DEATHS
    return found
  }

  /** On a busy machine a join can come too late: it is tried again. */
  async #rejoin(member: CrowdMember, other: CrowdMember): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return void (await member.join(addressOf(other)))
      } catch (error) {
        if (tries === JOIN_TRIES) throw error
      }
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()))
  }

  async #calm(): Promise<void> {
    await sleep(Math.max(0, this.#calmAt - performance.now()))
    this.#heard = []
  }

  async #start(number: number): Promise<CrowdMember> {
    const member = await this.#breed(number)
    let rest = ''
    let restAt = 0
    member.says.setEncoding('utf8').on('data', (text: string) => {
      const now = performance.now()
      const lines = `${rest}${text}`.split('\n')
      // The end of a line may come late: what counts is when it began.
      for (const [i, line] of lines.slice(0, -1).entries())
        this.#hear(member.name, line, i === 0 && rest !== '' ? restAt : now)
      if (lines.length > 1 || rest === '') restAt = now
      rest = lines.at(-1) ?? ''
    })
    return member
  }

  #hear(who: string, line: string, at: number): void {
    const [, kind, name] = LINE.exec(line) ?? []
    if (kind !== undefined) this.#heard.push({ who, kind, name, at })
  }

  /** When a member had seen so many others. */
  #seesAt(who: string, count: number): number {
    const seen = new Map<string, number>()
    for (const { who: observer, kind, name, at } of this.#heard)
      if (observer === who && name !== who && kind === 'EventMemberJoin' && !seen.has(name))
        seen.set(name, at)
    return [...seen.values()][count - 1] ?? Number.POSITIVE_INFINITY
  }

  /** When each said it first, in order, once so many have or patience is at its end. */
  async #times(kind: string, name: string, count: number, patience: number): Promise<Times> {
    const times = () => {
      const first = new Map<string, number>()
      for (const heard of this.#heard)
        if (heard.kind === kind && heard.name === name && !first.has(heard.who))
          first.set(heard.who, heard.at)
      return [...first.values()]
    }
    await this.#until(() => times().length >= count, patience)
    return times()
  }

  async #until(isDone: () => boolean, patience: number): Promise<void> {
    for (const endsAt = performance.now() + patience; !isDone() && performance.now() < endsAt; )
      await sleep(LOOK)
  }
}
