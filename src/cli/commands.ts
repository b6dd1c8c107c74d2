/** All commands of the command line by their names. */
import type { Command } from './command.ts'
import { info, rtt, versionCommand } from './commands/agent-facts.ts'
import { doctor, why } from './commands/beyond.ts'
import { decode } from './commands/decode.ts'
import { keygen, keys } from './commands/keys.ts'
import { members } from './commands/members.ts'
import { monitor } from './commands/monitor.ts'
import { event, forceLeave, join, leave, tags } from './commands/pool.ts'
import { query, reachability } from './commands/query.ts'

/** `version` is that of the package. */
export function allCommands(version: string): Readonly<Record<string, Command>> {
  return {
    decode,
    doctor,
    event,
    'force-leave': forceLeave,
    info,
    join,
    keygen,
    keys,
    leave,
    members,
    monitor,
    query,
    reachability,
    rtt,
    tags,
    why,
    version: versionCommand(version),
  }
}
