/** The options about what carries packets and streams, checked. */

import type { Transport } from '../cluster/transport.ts'
import { InvalidOption } from '../errors/errors.ts'
import { parseIp } from '../wire/address.ts'

/** A transport as a module that can be loaded in the threads of the actors. */
export interface TransportModule {
  /** URL of the module, as `import.meta.resolve('../cluster/transport.js')` gives it. */
  module: string
  /** The export that is a Transport. Default `default`. */
  export?: string
}

export interface TransportOptions {
  /**
   * What carries packets and streams in place of UDP and TCP: an object with `threads: 'none'` (a MemoryNetwork makes such ones), or a
   * module that is loaded beside the actors. Default UDP and TCP.
   */
  transport?: Transport | TransportModule
}

export interface TransportSettings {
  /** The module to load beside the actors; undefined for UDP and TCP, and for an object of the host's own thread. */
  transport: TransportModule | undefined
}

export const TRANSPORT_OPTIONS: string[] = ['transport']

const BOUND = 'a Transport with the functions packets and streams, or { module, export? }'

/** Throws InvalidOption. */
export function settleTransport({
  transport,
  threads,
}: TransportOptions & { threads?: string }): TransportSettings {
  if (transport === undefined) return { transport: undefined }
  if (typeof transport !== 'object' || transport === null)
    throw new InvalidOption('transport', transport, BOUND)
  if ('module' in transport) return { transport: moduleOf(transport) }
  const { packets, streams, address } = transport
  if (typeof packets !== 'function' || typeof streams !== 'function')
    throw new InvalidOption('transport', transport, BOUND)
  if (address !== undefined && (typeof address !== 'string' || parseIp(address) === undefined))
    throw new InvalidOption('transport.address', address, 'an IP address, or left out')
  if (threads === 'none') return { transport: undefined }
  const bound =
    "with threads 'none', since an object does not cross threads: for others give { module, export? }"
  throw new InvalidOption('transport', '(an object)', bound)
}

function moduleOf({ module, export: name = 'default' }: TransportModule): TransportModule {
  if (typeof module !== 'string' || !URL.canParse(module))
    throw new InvalidOption('transport.module', module, 'the URL of a module')
  if (typeof name !== 'string')
    throw new InvalidOption('transport.export', name, 'the name of an export, or left out')
  return { module, export: name }
}

/** The transport that lives in the host's own thread, if that is where it was given. */
export function ownTransport({ transport }: TransportOptions): Transport | undefined {
  return transport === undefined || 'module' in transport ? undefined : transport
}
