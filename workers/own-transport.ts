/** Loads the transport that a host has written as a module, in the thread of the actor that uses it. Before it binds, never later. */
import type { Transport } from '../src/cluster/transport.ts'
import type { TransportModule } from '../src/options/transport.ts'

/** Code of a `Bound` that was never tried: there is no transport to bind with. */
export const BAD_TRANSPORT = 'BAD_TRANSPORT'

/** The module's transport; undefined where none is named. Rejects, with this code, and says what is wrong with it. */
export async function loadTransport(named: TransportModule | undefined): Promise<Transport | undefined> {
  if (named === undefined) return undefined
  const name = named.export ?? 'default'
  try {
    const loaded: unknown = await import(named.module)
    const transport: unknown =
      typeof loaded === 'object' && loaded !== null ? Reflect.get(loaded, name) : undefined
    if (isTransport(transport)) return transport
  } catch (error) {
    throw refusal(error instanceof Error ? error.message : String(error))
  }
  throw refusal(`its export ${name} is no object with the functions packets and streams`)
}

function refusal(message: string): Error {
  return Object.assign(new Error(message), { code: BAD_TRANSPORT })
}

function isTransport(value: unknown): value is Transport {
  if (typeof value !== 'object' || value === null) return false
  return ['packets', 'streams'].every((name) => typeof Reflect.get(value, name) === 'function')
}
