/** `monitor`: log lines and events of an agent as they happen (protocol page 3, section 2.11). */
import type { RpcClient } from '../../agent/rpc/client.ts'
import type { RpcMember, StreamRecord } from '../../agent/rpc/records.ts'
import {
  atAgent,
  attempt,
  type CliWorld,
  type Command,
  FORMAT_FLAG,
  formatOf,
  messageOf,
  RPC_FLAGS,
  UsageError,
} from '../command.ts'
import { goBytes, goNumber, goQuoted, sortedByKey } from '../text.ts'

const ENDED =
  '\nRemote side ended the monitor! This usually means that the\nremote side has exited or crashed.\n'

export const monitor: Command = {
  summary: 'Stream logs from a Serf agent',
  usage: 'monitor [options]',
  about: 'Shows log lines and events of a running agent until interrupted.',
  flags: {
    ...RPC_FLAGS,
    format: FORMAT_FLAG,
    'log-level': {
      kind: 'text',
      help: 'least level of log lines: TRACE, DEBUG, INFO (default), WARN or ERR',
    },
  },
  run: (flags, world) =>
    atAgent(flags, world, (client) =>
      follow(client, flags.text('log-level', 'INFO'), formatOf(flags), world),
    ),
}

async function follow(
  client: RpcClient,
  level: string,
  format: 'text' | 'json',
  world: CliWorld,
): Promise<number> {
  const events = await attempt('Error starting stream', client.stream('*'))
  const logs = await client.monitor(level).catch((error: unknown) => {
    throw new UsageError(`Error starting monitor: ${messageOf(error)}`)
  })
  let isInterrupted = false
  const release = world.onInterrupt(() => {
    isInterrupted = true
    void client
      .stop(logs.seq)
      .then(() => client.stop(events.seq))
      .catch(() => undefined)
      .then(() => client.close())
  })
  const showLogs = async () => {
    for await (const line of logs.feed)
      world.out(format === 'json' ? `${JSON.stringify({ log: line })}\n` : `${line}\n`)
  }
  const showEvents = async () => {
    for await (const record of events.feed)
      world.out(format === 'json' ? `${jsonLine(record)}\n` : asText(record))
  }
  await Promise.all([showLogs(), showEvents()])
  release()
  if (isInterrupted) return 0
  world.out(ENDED)
  return 1
}

/** The record as the original prints it: Go's `%#v` of each field, in no order that matters. */
function asText(record: StreamRecord): string {
  const fields: [string, string][] = [['Event', goQuoted(record.event)]]
  if ('members' in record)
    fields.push(['Members', `[]interface {}{${record.members.map(memberText).join(', ')}}`])
  else {
    fields.push(['LTime', goNumber(record.lTime)], ['Name', goQuoted(record.name)])
    fields.push(['Payload', record.payload === null ? '<nil>' : goBytes(record.payload, 'top')])
    if ('coalesce' in record) fields.push(['Coalesce', String(record.coalesce)])
    if ('id' in record) fields.push(['ID', goNumber(record.id)])
  }
  return `Event Info:\n${fields.map(([name, value]) => `\t${name}: ${value}\n`).join('')}`
}

function memberText(member: RpcMember): string {
  const tags = sortedByKey(Object.entries(member.tags)).map(
    ([name, value]) => `${goQuoted(name)}:${goQuoted(value)}`,
  )
  const fields: [string, string][] = [
    ['Addr', goBytes(member.addr, 'inside')],
    ['DelegateCur', goNumber(member.delegateCur)],
    ['DelegateMax', goNumber(member.delegateMax)],
    ['DelegateMin', goNumber(member.delegateMin)],
    ['Name', goQuoted(member.name)],
    ['Port', goNumber(member.port)],
    ['ProtocolCur', goNumber(member.protocolCur)],
    ['ProtocolMax', goNumber(member.protocolMax)],
    ['ProtocolMin', goNumber(member.protocolMin)],
    ['Status', goQuoted(member.status)],
    ['Tags', `map[interface {}]interface {}{${tags.join(', ')}}`],
  ]
  return `map[interface {}]interface {}{${fields.map(([name, value]) => `"${name}":${value}`).join(', ')}}`
}

/** One line of JSON a record; payloads in base64, since they need not be text. */
function jsonLine(record: StreamRecord): string {
  const plain = (_key: string, value: unknown) => {
    if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
    return typeof value === 'bigint' ? value.toString() : value
  }
  return JSON.stringify(record, plain)
}
