/** The places of the network in memory, who is there, and how long the way is. */

/** Something on its way: a packet, the opening of a stream, or bytes on one. */
export interface Crossing {
  /** IP of the sender, and of the receiver. */
  readonly from: string
  readonly to: string
  readonly carrier: 'packet' | 'dial' | 'stream'
  /** Its length; 0 for a dial. */
  readonly bytes: number
}

/** What becomes of a crossing: so many milliseconds on the way, or lost. A dial or bytes on a stream that are lost are sent again, 200 ms later, as TCP does. */
export type Fate = number | 'lost'

const FIRST_FREE_PORT = 49_152
const LAST_PORT = 65_535

/** Runs something in a later turn. */
export function after(wait: number, run: () => void): void {
  if (wait > 0) setTimeout(run, wait)
  else setImmediate(run)
}

export function placeOf(ip: string, port: number): string {
  return `${ip} ${port}`
}

/** Takes a place, or the first free one for port 0, and gives the port. Throws with the code that a system would give. */
export function occupy<Tenant>(
  places: Map<string, Tenant>,
  { own, ip, port }: { own: string; ip: string; port: number },
  tenant: Tenant,
): number {
  if (ip !== own && ip !== '0.0.0.0' && ip !== '::') {
    const message = `${ip} is not the address of this transport, which is ${own}`
    throw Object.assign(new Error(message), { code: 'EADDRNOTAVAIL' })
  }
  let free = port === 0 ? FIRST_FREE_PORT : port
  while (port === 0 && free < LAST_PORT && places.has(placeOf(own, free))) free += 1
  if (places.has(placeOf(own, free)))
    throw Object.assign(new Error(`${own}:${free} is taken`), { code: 'EADDRINUSE' })
  places.set(placeOf(own, free), tenant)
  return free
}
