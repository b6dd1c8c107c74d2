/** The agent's console: what it says of itself, its banner, and its log, which is held back until the start is over (protocol page 3, section 3.1). */
import type { AgentConfig } from '../../src/agent/config.ts'
import { type LogBook, reaches } from '../../src/agent/log-book.ts'

export class Console {
  /** A line of the agent's own, marked; further lines of it are not. An empty text is printed bare. */
  say(text: string): void {
    process.stdout.write(text.startsWith('\n') ? `\n==> ${text.slice(1)}\n` : `==> ${text}\n`)
  }

  detail(text: string): void {
    process.stdout.write(`    ${text}\n`)
  }

  banner({ cluster, rpcAddr, discover, shown }: AgentConfig): void {
    this.say('Serf agent running!')
    const rows: [string, string][] = [
      ['                  Node name', `'${cluster.nodeName}'`],
      ['                  Bind addr', `'${shown.bind}'`],
      ...(shown.advertise === ''
        ? []
        : [['Advertise addr', `'${shown.advertise}'`] satisfies [string, string]]),
      ['                   RPC addr', `'${rpcAddr}'`],
      ['                  Encrypted', String(shown.encrypted)],
      ['                   Snapshot', String(shown.snapshot)],
      ['                    Profile', shown.profile],
      ['Message Compression Enabled', String(shown.compression)],
    ]
    if (discover !== '') rows.push(['               mDNS cluster', discover])
    for (const [name, value] of rows) this.detail(`${name}: ${value}`)
  }

  /** Shows the log from now on, but holds it back until the returned function is called. */
  show(book: LogBook, format: 'text' | 'json'): () => void {
    let held: string[] | undefined = []
    const write = (line: string) =>
      process.stdout.write(format === 'json' ? `${asJson(line)}\n` : `    ${line}\n`)
    book.listen('TRACE', (line) => {
      if (!reaches(line, book.level)) return
      if (held === undefined) write(line)
      else held.push(line)
    })
    return () => {
      const lines = held ?? []
      held = undefined
      for (const line of lines) write(line)
    }
  }
}

/** A line as JSON: time, level and message apart. */
function asJson(line: string): string {
  const [, time, level, message] = /^(\S+ \S+) \[(\w+)\] ([\s\S]*)$/.exec(line) ?? ['', '', '', line]
  return JSON.stringify({ time, level, message })
}
