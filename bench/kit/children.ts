/** Processes that were started here are gone when we are, however we end. */
import type { ChildProcess } from 'node:child_process'

const running = new Set<ChildProcess>()

/** Kills `child` at the latest when this process ends. */
export function tieToUs(child: ChildProcess): void {
  running.add(child)
  child.once('exit', () => running.delete(child))
}

process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
// The test runner ends a file that hangs with SIGTERM, a person with SIGINT: neither would run the handler above.
// A group is sent it twice as often as not, and the second must not end what clears away for the first.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(1))
