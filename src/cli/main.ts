/**
 * The frame of the command line (protocol page 3, section 2.1): which command is meant, its flags, its help, and the exit status. Results and
 * the errors of commands go to standard output; flag errors, help and the overview to standard error, as with the original.
 */
import { type CliWorld, type Command, UsageError } from './command.ts'
import { FlagError, type Flags, parseFlags } from './flags.ts'

const PROGRAM = 'folkmoot'
const UNKNOWN_COMMAND = 127

const isHelp = (arg: string) => arg === '-h' || arg === '-help' || arg === '--help'
const isVersion = (arg: string) => arg === '-v' || arg === '--version'

/** Runs one command line; resolves with the exit status, and nothing else ends the process. */
export async function runCli(
  commands: Readonly<Record<string, Command>>,
  argv: readonly string[],
  world: CliWorld,
): Promise<number> {
  const { name, before, rest } = split(argv)
  if (argv.some(isVersion)) return runCommand('version', commands.version, [], world)
  const options = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv
  const wantsHelp = options.some(isHelp)
  if (name === '' || !Object.hasOwn(commands, name)) {
    world.err(`${overview(commands)}\n`)
    return wantsHelp && name === '' ? 0 : UNKNOWN_COMMAND
  }
  const command = commands[name]
  if (wantsHelp) {
    world.err(name === 'version' ? '\n' : `${helpOf(command)}\n`)
    return 0
  }
  if (before.length > 0) {
    world.err('Invalid flags before the subcommand. If these flags are for\n')
    world.err(`the subcommand, please put them after the subcommand.\n\n${helpOf(command)}\n`)
    return 1
  }
  return runCommand(name, command, rest, world)
}

/** The first argument that is no flag names the command. */
function split(argv: readonly string[]): {
  name: string
  before: readonly string[]
  rest: readonly string[]
} {
  const at = argv.findIndex((arg) => !arg.startsWith('-') || arg === '--')
  if (at < 0 || argv[at] === '--') return { name: '', before: argv, rest: [] }
  return { name: argv[at], before: argv.slice(0, at), rest: argv.slice(at + 1) }
}

/** Two commands refuse no arguments, not even wrong ones. */
function flagsOf(name: string, command: Command, args: readonly string[]): Flags {
  try {
    return parseFlags(command.flags, args)
  } catch (error) {
    if (error instanceof FlagError && (name === 'keygen' || name === 'version'))
      return parseFlags(command.flags, [])
    throw error
  }
}

async function runCommand(
  name: string,
  command: Command,
  args: readonly string[],
  world: CliWorld,
): Promise<number> {
  try {
    return await command.run(flagsOf(name, command, args), world)
  } catch (error) {
    if (error instanceof FlagError) {
      world.err(`${error.message}\n`)
      world.out(`${name === 'agent' ? '==> ' : ''}${helpOf(command)}\n`)
      return 1
    }
    if (!(error instanceof UsageError)) throw error
    if (error.message !== '') world.out(`${error.message}\n`)
    if (error.help === 'help') world.out(`${error.message === '' ? '' : '\n'}${helpOf(command)}\n`)
    return 1
  }
}

function overview(commands: Readonly<Record<string, Command>>): string {
  const names = Object.keys(commands).sort()
  const width = Math.max(...names.map((name) => name.length))
  const lines = names.map((name) => `    ${name.padEnd(width)}    ${commands[name].summary}`)
  return `Usage: ${PROGRAM} [--version] [--help] <command> [<args>]\n\nAvailable commands are:\n${lines.join('\n')}\n`
}

export function helpOf(command: Command): string {
  const names = Object.keys(command.flags).sort()
  const width = Math.max(0, ...names.map((name) => name.length)) + 2
  const options = names.map((name) => `  -${name.padEnd(width)} ${command.flags[name].help}`)
  const list = options.length === 0 ? '' : `\nOptions:\n\n${options.join('\n')}\n`
  return `Usage: ${PROGRAM} ${command.usage}\n\n  ${command.about}\n${list}`
}
