/**
 * Log lines to the local syslog (protocol page 3, section 3.8). Node has no datagrams on Unix sockets, so one `logger` process is fed for the
 * agent's whole life, each line with its priority.
 */
import { spawn } from 'node:child_process'
import { type LogBook, reaches } from '../../src/agent/log-book.ts'

const FACILITIES = [
  'KERN USER MAIL DAEMON AUTH SYSLOG LPR NEWS UUCP CRON AUTHPRIV FTP',
  '- - - - LOCAL0 LOCAL1 LOCAL2 LOCAL3 LOCAL4 LOCAL5 LOCAL6 LOCAL7',
].flatMap((names) => names.split(' '))
const SEVERITIES: Readonly<Record<string, number>> = { TRACE: 7, DEBUG: 7, INFO: 5, WARN: 4, ERR: 3 }

/** Starts feeding syslog; the returned function ends it. Throws for a facility that does not exist. */
export function syslog(book: LogBook, facility: string): () => void {
  const code = FACILITIES.indexOf(facility.toUpperCase())
  if (code < 0) throw new Error(`Syslog setup failed: invalid syslog facility: ${facility}`)
  const child = spawn('logger', ['--tag', 'serf', `--id=${process.pid}`, '--prio-prefix'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  // Without a `logger` or a syslog the agent goes on: its console has all lines.
  child.on('error', () => book.log('ERR', 'agent: syslog: there is no `logger` on this host'))
  child.stdin.on('error', () => undefined)
  const stop = book.listen('TRACE', (line) => {
    // A reload may change the level.
    if (!reaches(line, book.level)) return
    const match = /\[(\w+)\] ([\s\S]*)$/.exec(line)
    const severity = SEVERITIES[match?.[1] ?? ''] ?? 5
    child.stdin.write(`<${code * 8 + severity}>${(match?.[2] ?? line).replaceAll('\n', ' ')}\n`)
  })
  return () => {
    stop()
    child.stdin.end()
  }
}
