/** Completions for bash, zsh and fish, made from the table of commands: `eval "$(folkmoot completion bash)"`. */
import type { Command } from './command.ts'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/** Zsh takes bash's completions, once its own are there. */
const ZSH_INIT = `(( \${+functions[compdef]} )) || { autoload -Uz compinit && compinit -u; }
autoload -Uz bashcompinit && bashcompinit
`

type Commands = Readonly<Record<string, Command>>

export function completionScript(shell: Shell, program: string, commands: Commands): string {
  if (shell === 'fish') return fish(program, commands)
  return shell === 'zsh'
    ? `#compdef ${program}\n${ZSH_INIT}${bash(program, commands)}`
    : bash(program, commands)
}

function bash(program: string, commands: Commands): string {
  const cases = Object.entries(commands).map(([name, { flags, words = [] }]) => {
    const all = [...words, ...Object.keys(flags).map((flag) => `-${flag}`)]
    return `    ${name}) words="${all.join(' ')}" ;;`
  })
  return `_${program}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${Object.keys(commands).sort().join(' ')}"
  else
    case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _${program} ${program}
`
}

function fish(program: string, commands: Commands): string {
  const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const lines = Object.entries(commands).flatMap(([name, { summary, flags, words = [] }]) => [
    `complete -c ${program} -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
    ...words.map((word) => `complete -c ${program} -n '__fish_seen_subcommand_from ${name}' -a ${word}`),
    ...Object.entries(flags).map(
      ([flag, { help }]) =>
        `complete -c ${program} -n '__fish_seen_subcommand_from ${name}' -o ${flag} -d ${quoted(help)}`,
    ),
  ])
  return `${lines.join('\n')}\n`
}

/** The command itself; it is one of those that it completes. */
export function completionCommand(commands: () => Commands): Command {
  return {
    summary: 'Prints completions for a shell',
    usage: 'completion bash|zsh|fish',
    about: 'Prints a script that completes commands and flags: eval "$(folkmoot completion bash)".',
    flags: {},
    words: SHELLS,
    async run(flags, world) {
      const shell = SHELLS.find((known) => known === flags.args[0])
      if (shell === undefined) {
        world.out(`One of ${SHELLS.join(', ')} must be named.\n`)
        return 1
      }
      world.out(completionScript(shell, 'folkmoot', commands()))
      return 0
    },
  }
}
