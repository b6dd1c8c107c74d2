/**
 * Where a datagram may go. Pings and indirect pings name addresses of third parties, and any member may advertise
 * whatever it likes (protocol page 1, section 12.1); one packet must never become many, so multicast, the limited
 * broadcast address and the unspecified address are refused. Broadcast addresses of a subnet cannot be told from
 * hosts without its mask: those the operating system refuses, since the socket never asks for SO_BROADCAST.
 */

const DOT = 46
const COLON = 58
const ZERO = 48
const NINE = 57
const FIRST_MULTICAST = 224
const LAST_MULTICAST = 239

/** Whether `ip`, a literal in the form of `formatIp`, names one host. */
export function isUnicast(ip: string): boolean {
  if (ip === '' || ip === '0.0.0.0' || ip === '255.255.255.255' || ip === '::') return false
  let first = 0
  for (let i = 0; i < ip.length; i++) {
    const char = ip.charCodeAt(i)
    if (char === DOT) return first < FIRST_MULTICAST || first > LAST_MULTICAST
    if (char < ZERO || char > NINE) break
    first = first * 10 + char - ZERO
  }
  // ff00::/8. A group of four digits is the only one that can begin with ff and mean it: 'ff::' is 00ff.
  return !(ip.startsWith('ff') && ip.charCodeAt(4) === COLON)
}
