/** The work of `decode`: packets from the command line, a capture or a port, printed as trees. */
import { type DecodeOptions, decodePacket, decodeStream, stopsIn, type Tree, toJson } from '../wire/index.ts'
import { type CliWorld, formatOf, messageOf, UsageError } from './command.ts'
import type { Flags } from './flags.ts'
import { type Captured, readCapture } from './pcap.ts'
import { goJson } from './text.ts'

/** Shows what the flags name; resolves with the exit status. */
export async function showAll(flags: Flags, world: CliWorld): Promise<number> {
  const sources = [flags.args.length > 0, flags.has('file'), flags.has('listen')].filter(Boolean).length
  if (sources !== 1) throw new UsageError('One of hex bytes, -file and -listen must be given.', 'help')
  const options: DecodeOptions = {
    keys: flags.texts('key'),
    ...(flags.has('label') ? { label: flags.text('label') } : {}),
  }
  const show = (captured: Captured) => world.out(shown(captured, options, formatOf(flags)))
  if (flags.has('listen')) return listen(flags.text('listen'), show, world)
  const { captured, note } = flags.has('file')
    ? fromFile(flags, world)
    : { captured: [fromHex(flags)], note: '' }
  for (const one of captured) show(one)
  if (note !== '') world.err(`${note}\n`)
  return 0
}

function fromHex(flags: Flags): Captured {
  const hex = flags.args.join('').replace(/[\s:]/g, '').replace(/^0x/, '')
  if (!/^([0-9a-fA-F]{2})+$/.test(hex))
    throw new UsageError('The bytes must be given in hexadecimal, two digits each.')
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
  return { kind: flags.isSet('stream') ? 'stream' : 'packet', from: '', to: '', at: 0, bytes }
}

function fromFile(flags: Flags, world: CliWorld): { captured: Captured[]; note: string } {
  try {
    const { captured, skipped } = readCapture(world.readFile(flags.text('file')))
    const port = `:${flags.int('port', 7946)}`
    const ours = captured.filter(({ from, to }) => from.endsWith(port) || to.endsWith(port))
    const note = `${ours.length} shown, ${captured.length - ours.length} of other ports, ${skipped} frames that hold neither UDP nor TCP`
    return { captured: ours, note }
  } catch (error) {
    throw new UsageError(`Error reading capture: ${messageOf(error)}`)
  }
}

async function listen(address: string, show: (captured: Captured) => void, world: CliWorld): Promise<number> {
  const stop = await world.listenUdp(address, (bytes, from) =>
    show({ kind: 'packet', from, to: address, at: 0, bytes }),
  )
  await new Promise<void>((resolve) => {
    world.onInterrupt(resolve)
  })
  stop()
  return 0
}

function shown(
  { kind, from, to, at, bytes }: Captured,
  options: DecodeOptions,
  format: 'text' | 'json',
): string {
  const tree: Tree = kind === 'packet' ? decodePacket(bytes, options) : decodeStream(bytes, options)
  const stops = stopsIn(tree)
  if (format === 'json')
    return `${goJson({ kind, from, to, at, length: bytes.length, tree: toJson(tree), stops })}\n`
  const way = from === '' ? '' : ` ${from} -> ${to}`
  const head = `${kind}${way} (${bytes.length} bytes)`
  const drops = stops.map(
    ({ layers, offset, reason }) => `  dropped at ${layers.join(' > ')}, byte ${offset}: ${reason}`,
  )
  return `${[head, ...branches(toJson(tree), '  '), ...drops].join('\n')}\n`
}

/** A tree of plain values as indented lines; short values stay on the line of their name. */
function branches(value: unknown, indent: string): string[] {
  if (typeof value !== 'object' || value === null) return [`${indent}${brief(value)}`]
  const entries = Object.entries(value)
  return entries.flatMap(([name, item]) => {
    const isLeaf = typeof item !== 'object' || item === null || isHex(item) || Object.keys(item).length === 0
    if (isLeaf) return [`${indent}${name}: ${brief(item)}`]
    return [`${indent}${name}:`, ...branches(item, `${indent}  `)]
  })
}

function isHex(value: object): boolean {
  return 'hex' in value && Object.keys(value).length === 1
}

function brief(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'hex' in value) return `0x${String(value.hex)}`
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'absent')
}
