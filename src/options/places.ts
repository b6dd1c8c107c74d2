/** The options that name places of this host, and servers that it asks: all by the one parser of addresses. */
import { InvalidOption } from '../errors/errors.ts'
import { formatPlace, parsePlace } from '../wire/address.ts'

/** An address of a server: an IP literal, since a name may stand for several. */
function place(option: string, value: unknown, defaultPort: number): { ip: string; port: number } {
  const named = typeof value === 'string' ? parsePlace(value) : undefined
  if (named !== undefined && named.nodeName === '' && named.ip !== '') {
    return { ip: named.ip, port: named.port ?? defaultPort }
  }
  throw new InvalidOption(
    option,
    value,
    'an IP address with or without a port, as 10.0.0.1:53 or [fd00::1]:53',
  )
}

export const BINDS =
  'an IP address, an interface or a host name of ours, with or without a port, as 10.0.0.1:7946'
export const ADVERTISES = 'an IP address, an interface, a host name or auto, with or without a port'

/** A place of ours may also be an interface or a host name: what it stands for is looked up when the sockets are bound. */
export function ownPlace(
  option: string,
  value: unknown,
  bound: string,
): { ip: string; port?: number | undefined } {
  const named = typeof value === 'string' ? parsePlace(value) : undefined
  if (named === undefined || named.nodeName !== '') throw new InvalidOption(option, value, bound)
  return { ip: named.ip === '' ? named.host : named.ip, port: named.port }
}

/** Name servers, as `ip:port`. Throws InvalidOption. */
export function settleServers(servers: unknown): string[] {
  const bound = 'a list of addresses of name servers, as 10.0.0.53 or [fd00::53]:8600'
  if (!Array.isArray(servers)) throw new InvalidOption('dnsServers', servers, bound)
  return servers.map((server) => {
    const { ip, port } = place('dnsServers', server, 53)
    return formatPlace(ip, port)
  })
}
