/**
 * Zones of link-local addresses: `fe80::7` means something on one link alone, and the wire carries no zone (protocol page 1, section 3). So a
 * zone is taken off what comes in, and put on again where something goes out: the one that we are bound to, or else the one that the
 * address was last seen with, by a packet from it or a seed of the host.
 */

const LINK_LOCAL = 'fe80:'
/** Addresses whose zones are remembered; the oldest goes. */
const MOST_ADDRESSES = 1_024

export class Zones {
  #bound = ''
  readonly #seen = new Map<string, string>()
  /** For addresses that were never seen: a host has most often one link. */
  #last = ''

  /** `ip` is the address that we are bound to, perhaps with a zone. */
  bind(ip: string): void {
    this.#bound = zoneOf(ip)
  }

  /** An address without its zone, which is remembered. */
  off(ip: string): string {
    if (!ip.startsWith(LINK_LOCAL)) return ip
    const zone = zoneOf(ip)
    if (zone === '') return ip
    const bare = ip.slice(0, ip.length - zone.length - 1)
    if (this.#bound === '') this.#remember(bare, zone)
    return bare
  }

  /** An address with the zone that it needs here. */
  on(ip: string): string {
    if (!ip.startsWith(LINK_LOCAL)) return ip
    const zone = zoneOf(ip)
    if (zone !== '') {
      this.off(ip)
      return ip
    }
    const found = this.#bound || this.#seen.get(ip) || this.#last
    return found === '' ? ip : `${ip}%${found}`
  }

  #remember(bare: string, zone: string): void {
    this.#last = zone
    this.#seen.delete(bare)
    this.#seen.set(bare, zone)
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= MOST_ADDRESSES) break
      this.#seen.delete(oldest)
    }
  }
}

function zoneOf(ip: string): string {
  const percent = ip.indexOf('%')
  return percent < 0 ? '' : ip.slice(percent + 1)
}
