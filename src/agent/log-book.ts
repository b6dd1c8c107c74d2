/**
 * The agent's log: lines in Serf's form, since `monitor` streams them and people search them (protocol page 3, sections 1.7 and 3.8). The last
 * lines of all levels are remembered for monitors that come later; what the agent's own level lets through goes to its sinks.
 */

export const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERR'] as const
export type Level = (typeof LEVELS)[number]

/** Lines that are remembered; older ones are forgotten. */
const REMEMBERED = 512

export function levelOf(text: string): Level | undefined {
  return LEVELS.find((level) => level === text.toUpperCase())
}

/** Whether a line passes a level: by the first tag in it; lines without a known one always pass. */
export function reaches(line: string, least: Level): boolean {
  const start = line.indexOf('[')
  const end = line.indexOf(']', start)
  if (start < 0 || end < 0) return true
  const rank = LEVELS.findIndex((level) => level === line.slice(start + 1, end))
  return rank < 0 || rank >= LEVELS.indexOf(least)
}

type Listener = (line: string) => void

export class LogBook {
  readonly #date: () => Date
  readonly #lines: string[] = []
  readonly #listeners = new Map<Listener, Level>()
  /** Least level of the agent's own output. */
  level: Level

  constructor(level: Level, date: () => Date) {
    this.level = level
    this.#date = date
  }

  log(level: Level, text: string): void {
    const line = `${stamp(this.#date())} [${level}] ${text}`
    this.#lines.push(line)
    if (this.#lines.length > REMEMBERED) this.#lines.shift()
    for (const [listener, least] of this.#listeners) if (reaches(line, least)) listener(line)
  }

  /** Hears the remembered lines of a level and above, oldest first, then new ones, until the returned function is called. */
  follow(least: Level, listener: Listener): () => void {
    for (const line of this.#lines) if (reaches(line, least)) listener(line)
    return this.listen(least, listener)
  }

  /** Hears new lines only. */
  listen(least: Level, listener: Listener): () => void {
    this.#listeners.set(listener, least)
    return () => {
      this.#listeners.delete(listener)
    }
  }
}

/** `2006/01/02 15:04:05`, local time. */
function stamp(date: Date): string {
  const two = (number: number) => String(number).padStart(2, '0')
  const day = `${date.getFullYear()}/${two(date.getMonth() + 1)}/${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}
