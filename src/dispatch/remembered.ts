/**
 * What a snapshot remembers, and the lines it is written in (protocol page 2, section 4.11). The format is Serf's, so that either
 * recovers from the other's file:
 *
 *     alive: NAME ADDR        not-alive: NAME        clock: N        event-clock: N        query-clock: N        leave
 *
 * Lines of our own begin as comments, which Serf skips: `# failed: NAME ADDR` remembers whom Serf would forget, and `# alive:` and
 * `# not-alive:` speak of names that must not stand in a line as they are, since a line feed in a name would forge the next line. In
 * these three a control character or a per cent sign in the name is written as `%XX`.
 *
 * Names are bytes on the wire and need not be UTF-8; here they are text with a character for each byte.
 */
import { toLatin } from '../actors/latin.ts'
import { LAMPORT_LIMIT } from '../gossip/lamport.ts'
import { parsePlace } from '../wire/address.ts'

/** What reading a line came to. */
export type LineOutcome = 'taken' | 'skipped' | 'damaged'

/** No name is so long that its line would be; a longer one is damage, and is not made into text. */
const LONGEST_LINE = 65_536
const LINE_FEED = 10
const PER_CENT = 37
const DELETE = 127

const CLOCKS = { 'clock: ': 'member', 'event-clock: ': 'event', 'query-clock: ': 'query' } as const

export class Remembered {
  /** Addresses as `ip:port`, IPv6 in brackets, by name. */
  readonly alive = new Map<string, string>()
  readonly failed = new Map<string, string>()
  /** Last Lamport times; 0: none known. */
  readonly clocks = { member: 0, event: 0, query: 0 }

  /** Whether a `leave` line forgets everything. */
  readonly #leaves: 'forget' | 'keep'

  constructor(leaves: 'forget' | 'keep') {
    this.#leaves = leaves
  }

  /**
   * Reads a file. Lines that are damaged (cut off, zeroed, not numbers where there should be) are left out and counted; all others
   * count, in their order.
   */
  static read(file: Uint8Array, leaves: 'forget' | 'keep'): { remembered: Remembered; damaged: number } {
    const remembered = new Remembered(leaves)
    let damaged = 0
    let start = 0
    for (let end = file.indexOf(LINE_FEED); end >= 0; end = file.indexOf(LINE_FEED, start)) {
      const isDamaged = end - start > LONGEST_LINE || file.subarray(start, end).includes(0)
      if (isDamaged || remembered.take(toLatin(file, start, end)) === 'damaged') damaged += 1
      start = end + 1
    }
    // What has no line feed was cut off: a number may lack its last digits.
    if (start < file.length) damaged += 1
    return { remembered, damaged }
  }

  /** Applies one line, without its line feed. Unknown lines and comments are skipped. */
  take(line: string): LineOutcome {
    if (line === 'leave') {
      if (this.#leaves === 'forget') this.forget()
      return 'taken'
    }
    if (line.startsWith('alive: ')) return this.#takePlace(line.slice(7), 'raw', 'alive')
    if (line.startsWith('not-alive: ')) return this.gone(line.slice(11))
    if (line.startsWith('# ')) return this.#takeOwn(line.slice(2))
    for (const [prefix, clock] of Object.entries(CLOCKS)) {
      if (line.startsWith(prefix)) return this.#takeClock(clock, line.slice(prefix.length))
    }
    return line === '' || line.startsWith('#') || line.startsWith('coordinate: ') ? 'skipped' : 'damaged'
  }

  joined(name: string, address: string): void {
    this.alive.set(name, address)
    this.failed.delete(name)
  }

  died(name: string, address: string): void {
    this.alive.delete(name)
    this.failed.set(name, address)
  }

  gone(name: string): LineOutcome {
    this.alive.delete(name)
    this.failed.delete(name)
    return 'taken'
  }

  forget(): void {
    this.alive.clear()
    this.failed.clear()
    Object.assign(this.clocks, { member: 0, event: 0, query: 0 })
  }

  /** Everything, as the lines of a new file. */
  lines(): string {
    const alive = [...this.alive].map(([name, address]) => aliveLine(name, address))
    const failed = [...this.failed].map(([name, address]) => failedLine(name, address))
    const { member, event, query } = this.clocks
    return `${alive.join('')}${failed.join('')}clock: ${member}\nevent-clock: ${event}\nquery-clock: ${query}\n`
  }

  #takeClock(clock: 'member' | 'event' | 'query', text: string): LineOutcome {
    const time = /^\d{1,16}$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY
    if (time > LAMPORT_LIMIT) return 'damaged'
    this.clocks[clock] = time
    return 'taken'
  }

  #takeOwn(comment: string): LineOutcome {
    if (comment.startsWith('alive: ')) return this.#takePlace(comment.slice(7), 'escaped', 'alive')
    if (comment.startsWith('failed: ')) return this.#takePlace(comment.slice(8), 'escaped', 'failed')
    if (!comment.startsWith('not-alive: ')) return 'skipped'
    return this.gone(unescaped(comment.slice(11)))
  }

  /** A name may hold blanks, an address does not: the last blank is between them. */
  #takePlace(text: string, form: 'raw' | 'escaped', status: 'alive' | 'failed'): LineOutcome {
    const blank = text.lastIndexOf(' ')
    const address = text.slice(blank + 1)
    if (blank < 1 || !isPlace(address)) return 'damaged'
    const name = form === 'raw' ? text.slice(0, blank) : unescaped(text.slice(0, blank))
    if (status === 'alive') this.joined(name, address)
    else this.died(name, address)
    return 'taken'
  }
}

export function aliveLine(name: string, address: string): string {
  return isPlain(name) ? `alive: ${name} ${address}\n` : `# alive: ${escaped(name)} ${address}\n`
}

export function goneLine(name: string): string {
  return isPlain(name) ? `not-alive: ${name}\n` : `# not-alive: ${escaped(name)}\n`
}

/** For Serf the member is gone; we remember where it was. */
export function failedLines(name: string, address: string): string {
  return goneLine(name) + failedLine(name, address)
}

function failedLine(name: string, address: string): string {
  return `# failed: ${escaped(name)} ${address}\n`
}

function isPlace(address: string): boolean {
  const place = parsePlace(address)
  return place !== undefined && place.nodeName === '' && place.ip !== '' && (place.port ?? 0) > 0
}

function isControl(code: number): boolean {
  return code < 32 || code === DELETE
}

/** Whether a name can stand in a line as it is. */
function isPlain(name: string): boolean {
  for (let i = 0; i < name.length; i++) if (isControl(name.charCodeAt(i))) return false
  return name !== ''
}

function escaped(name: string): string {
  let text = ''
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i)
    text +=
      isControl(code) || code === PER_CENT ? `%${code.toString(16).toUpperCase().padStart(2, '0')}` : name[i]
  }
  return text
}

function unescaped(text: string): string {
  return text.replace(/%([0-9A-F]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  )
}
