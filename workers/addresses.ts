/** Which address a member tells its peers, when it is not told one. */
import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Settings } from '../src/options.ts'

/** The address, and why it was chosen where that was ours to choose; the reason is empty otherwise. */
export function advertised({ advertiseIp, bindIp }: Settings): { ip: string; reason: string } {
  if (advertiseIp !== '') return { ip: advertiseIp, reason: '' }
  if (bindIp !== '0.0.0.0' && bindIp !== '::') return { ip: bindIp, reason: '' }
  return chosen(isIPv6(bindIp) ? 'IPv6' : 'IPv4', networkInterfaces())
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
