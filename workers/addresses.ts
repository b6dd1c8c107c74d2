/**
 * Which address a member binds and which it tells its peers: what the options say, by address, interface or host name, or, left to us, the
 * address that this host uses towards everybody else, which the system knows and no guess does.
 */
import { createSocket } from 'node:dgram'
import { isIP, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { InvalidOption } from '../src/errors/errors.ts'
import { refuseForeignSelf } from '../src/options/admission.ts'
import type { Settings } from '../src/options/options.ts'
import { Names } from './names.ts'

type Family = 'IPv4' | 'IPv6'
type Interfaces = ReturnType<typeof networkInterfaces>

/** What this host says of itself. A test says something else. */
export interface Surroundings {
  interfaces: Interfaces
  /** The address that packets to the world would come from; undefined without a route. */
  routed(family: Family): Promise<string | undefined>
  /** All addresses of a host name; rejects with the resolver's error. */
  resolve(host: string): Promise<string[]>
}

export interface Advertised {
  ip: string
  /** Why it was chosen where that was ours to choose; empty otherwise. */
  reason: string
}

/** This host, with its resolver or these name servers. */
function here(dnsServers: readonly string[] = []): Surroundings {
  const names = new Names(dnsServers)
  return {
    interfaces: networkInterfaces(),
    routed,
    resolve: async (host) => (await names.find(host)).map(({ ip }) => ip),
  }
}

/** The literal address to bind, and why it was chosen. Rejects with InvalidOption for a name that stands for none of this host's. */
export async function bindable(
  { bindIp, dnsServers }: Pick<Settings, 'bindIp' | 'dnsServers'>,
  { interfaces, resolve }: Surroundings = here(dnsServers),
): Promise<Advertised> {
  const [address] = bindIp.split('%')
  if (isIP(address) !== 0) return { ip: bindIp, reason: '' }
  const infos = interfaces[bindIp]
  if (infos !== undefined) {
    const ips = infos.map(({ address }) => address)
    // A link's own address is bound with its link.
    const [ip] = inOrder(ips).map((one) => (isLinkLocal(one) ? `${unzoned(one)}%${bindIp}` : one))
    if (ip !== undefined) return { ip, reason: `an address of the interface ${bindIp}` }
  }
  const ours = new Set(Object.values(interfaces).flatMap((one) => (one ?? []).map(({ address }) => address)))
  const found = await resolve(bindIp).catch(() => [])
  const [ip] = inOrder(found.filter((one) => ours.has(one)))
  if (ip !== undefined) return { ip, reason: `an address of the host name ${bindIp}` }
  const bound =
    'an IP address, an interface of this host, or a host name that stands for an address of this host'
  throw new InvalidOption('bind', bindIp, bound)
}

/** IPv4 first, as the default is; addresses that mean something on one link alone last. */
function inOrder(ips: readonly string[]): string[] {
  const rank = (ip: string) => (isIPv6(ip) ? (isLinkLocal(ip) ? 2 : 1) : 0)
  return ips.toSorted((a, b) => rank(a) - rank(b))
}

function isLinkLocal(ip: string): boolean {
  return ip.startsWith('fe80:')
}

type Addresses = Pick<Settings, 'advertiseIp' | 'bindIp'> & Partial<Pick<Settings, 'dnsServers'>>

/**
 * The address to advertise. Names are resolved anew at every call; `current` is kept where it is still among what a name stands for. Rejects with
 * InvalidOption for one that stands for nothing.
 */
export async function advertised(
  { advertiseIp, bindIp, dnsServers }: Addresses,
  surroundings: Surroundings = here(dnsServers),
  current = '',
): Promise<Advertised> {
  if (isIP(advertiseIp) !== 0) return { ip: unzoned(advertiseIp), reason: '' }
  const isBoundToAll = bindIp === '0.0.0.0' || bindIp === '::'
  if (advertiseIp === '' && !isBoundToAll) return { ip: unzoned(bindIp), reason: '' }
  const families: Family[] = bindIp === '::' ? ['IPv6', 'IPv4'] : [isIPv6(bindIp) ? 'IPv6' : 'IPv4']
  if (advertiseIp !== '' && advertiseIp !== 'auto') return named(advertiseIp, families, surroundings, current)
  for (const family of families) {
    const ip = await surroundings.routed(family)
    if (ip !== undefined) return { ip: unzoned(ip), reason: 'the address of the default route' }
  }
  return chosen(families[0], surroundings.interfaces)
}

/** By the name of an interface, or else of a host. */
async function named(
  name: string,
  families: Family[],
  { interfaces, resolve }: Surroundings,
  current: string,
): Promise<Advertised> {
  const infos = interfaces[name]
  const ips = infos?.map(({ address }) => address) ?? (await resolve(name).catch(() => []))
  for (const family of families) {
    const fit = ips.filter((ip) => isIPv6(ip) === (family === 'IPv6'))
    // A link's own address means something on that link alone.
    const ip = fit.includes(current) ? current : inOrder(fit)[0]
    const kind =
      infos === undefined ? `an address of the host name ${name}` : `an address of the interface ${name}`
    if (ip !== undefined) return { ip: unzoned(ip), reason: kind }
  }
  const bound = `an address, an interface or a host name that stands for an ${families.join(' or ')} address`
  throw new InvalidOption('advertise', name, bound)
}

/** What a member that is alone tells its peers by now; empty where that cannot be known, or must not be. */
export async function advertisedNow(settings: Settings, current: string): Promise<string> {
  try {
    const { ip } = await advertised(settings, undefined, current)
    refuseForeignSelf(settings.cidrsAllowed, ip)
    return ip
  } catch {
    return ''
  }
}

/** Addresses of this host at which a socket bound to all is reached. */
export function boundIps(bindIp: string, interfaces: Interfaces = networkInterfaces()): string[] {
  if (bindIp !== '0.0.0.0' && bindIp !== '::') return []
  return Object.values(interfaces).flatMap((infos) => (infos ?? []).map(({ address }) => address))
}

/** Somewhere in the world: documentation networks, at which nobody answers. */
const FAR: Record<Family, string> = { IPv4: '192.0.2.1', IPv6: '2001:db8::1' }
const ANY_PORT = 9

/** Connects a UDP socket, for which the system looks at its routes and sends nothing, and reads our end of it. */
async function routed(family: Family): Promise<string | undefined> {
  const socket = createSocket(family === 'IPv6' ? 'udp6' : 'udp4')
  try {
    return await new Promise<string>((resolve, reject) => {
      socket.once('error', reject)
      socket.connect(ANY_PORT, FAR[family], () => resolve(socket.address().address))
    })
  } catch {
    return undefined
  } finally {
    socket.close()
  }
}

function unzoned(ip: string): string {
  return ip.split('%')[0]
}

/** A private address of this host if there is one, else any that is not internal, else loopback. */
export function chosen(
  family: 'IPv4' | 'IPv6',
  interfaces: ReturnType<typeof networkInterfaces>,
): { ip: string; reason: string } {
  const found = Object.entries(interfaces).flatMap(([name, infos]) =>
    (infos ?? [])
      .filter((info) => info.family === family && !info.internal)
      .map(({ address }) => ({ address, name })),
  )
  const best = found.find(({ address }) => isPrivate(address)) ?? found[0]
  if (best === undefined) {
    const ip = family === 'IPv6' ? '::1' : '127.0.0.1'
    return { ip, reason: 'bound to all addresses, but this host has no other than loopback' }
  }
  const kind = isPrivate(best.address) ? 'the first private address' : 'the first address'
  return { ip: best.address, reason: `bound to all addresses; ${kind} of this host, on ${best.name}` }
}

/** Private and shared ranges (RFC 1918, 6598, 4193). */
function isPrivate(address: string): boolean {
  const [a, b] = address.split('.').map(Number)
  if (address.includes(':')) return address.startsWith('fc') || address.startsWith('fd')
  return (
    a === 10 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 100 && b >= 64 && b < 128)
  )
}
