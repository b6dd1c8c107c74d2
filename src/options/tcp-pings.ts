/** The options about pings over TCP, checked: whether there are any, and whom they spare. */
import { InvalidOption } from '../errors/errors.ts'

export interface TcpPingOptions {
  /** Whether a member that does not answer over UDP is pinged over TCP too. Default true. */
  tcpFallbackPings?: boolean
  /** Names of members that are never pinged over TCP, such as those whose TCP answers for the dead. Default none. */
  tcpFallbackExcept?: readonly string[]
}

export interface TcpPingSettings {
  tcpFallbackPings: boolean
  tcpFallbackExcept: readonly string[]
}

export const TCP_PING_OPTIONS: string[] = ['tcpFallbackPings', 'tcpFallbackExcept']

const MOST_NAMES = 65_536

/** Throws InvalidOption. */
export function settleTcpPings({
  tcpFallbackPings = true,
  tcpFallbackExcept = [],
}: TcpPingOptions): TcpPingSettings {
  if (typeof tcpFallbackPings !== 'boolean')
    throw new InvalidOption('tcpFallbackPings', tcpFallbackPings, 'true or false')
  const isNames =
    Array.isArray(tcpFallbackExcept) && tcpFallbackExcept.every((name) => typeof name === 'string')
  if (!isNames || tcpFallbackExcept.length > MOST_NAMES)
    throw new InvalidOption('tcpFallbackExcept', tcpFallbackExcept, `a list of at most ${MOST_NAMES} names`)
  return { tcpFallbackPings, tcpFallbackExcept: [...tcpFallbackExcept] }
}
