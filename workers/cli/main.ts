#!/usr/bin/env node
/** The `folkmoot` command: the process around the command line. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { agentFlags } from '../../src/agent/settings-table.ts'
import type { CliWorld, Command } from '../../src/cli/command.ts'
import { allCommands } from '../../src/cli/commands.ts'
import { completionCommand } from '../../src/cli/completions.ts'
import { runCli } from '../../src/cli/main.ts'
import { dialAgent } from './dial.ts'
import { listenUdp } from './listen.ts'

const sleepers = new Set<() => void>()

const world: CliWorld = {
  out: (text) => {
    process.stdout.write(text)
  },
  err: (text) => {
    process.stderr.write(text)
  },
  env: process.env,
  isTerminal: process.stdout.isTTY === true,
  dial: dialAgent,
  randomBytes,
  readFile: (path) => readFileSync(path),
  listenUdp,
  now: () => performance.now(),
  sleep: (ms) =>
    new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        sleepers.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, ms)
      sleepers.add(wake)
    }),
  onInterrupt: (call) => {
    const onSignal = () => {
      call()
      for (const wake of [...sleepers]) wake()
    }
    process.once('SIGINT', onSignal)
    return () => {
      process.off('SIGINT', onSignal)
    }
  },
}

// Whoever reads our output may stop reading: `folkmoot members | head -1` is no error.
process.stdout.on('error', (error) => {
  if ('code' in error && error.code === 'EPIPE') process.exit(0)
  throw error
})

/** Loaded when it is asked for: the other commands need none of it. */
const agent: Command = {
  summary: 'Runs a Serf agent',
  usage: 'agent [options]',
  about: 'Starts an agent, a member of the pool, and runs until an interrupt is received.',
  flags: agentFlags(),
  run: async (flags) => (await import('../agent/main.js')).runAgent(flags),
}

/** Everything this command line can do. */
const all = (): Readonly<Record<string, Command>> => ({
  ...allCommands(manifest.version),
  agent,
  completion: completionCommand(all),
})

const manifest: { version: string } = JSON.parse(
  readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
)
// The status is set rather than the process ended: what is written to a pipe must be out before.
process.exitCode = await runCli(all(), process.argv.slice(2), world)
