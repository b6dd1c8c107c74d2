/**
 * What is checked before the member is made: addresses, the interface, and the files that must be there (protocol page 3, sections 3.1, 3.2
 * and 3.6). The library would refuse most of it too, but scripts know the original's lines, and its order.
 */
import { lookup } from 'node:dns/promises'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { AgentConfig } from '../../src/agent/config.ts'
import { wrongByte } from '../../src/agent/key-desk.ts'
import { ConfigError } from '../../src/agent/layers.ts'

const KEY_SIZES = [16, 24, 32]
const KEY_SIZE = 'key size must be 16, 24 or 32 bytes'
const PROTOCOLS = { least: 2, most: 5 }
const MOST_EVENT = 9_216

/** Puts addresses in place of names and of the interface. Throws ConfigError. `say` hears what was chosen. */
export async function placed(config: AgentConfig, say: (text: string) => void): Promise<void> {
  const { cluster, interface: name } = config
  const bind = await resolved(String(cluster.bind), 'Invalid bind address')
  if (name !== '') {
    bind.host = onInterface(name, bind.host, say)
    config.shown.bind = shown(bind)
  }
  if (config.discover !== '' && config.mdns.interface !== '' && !isInterface(config.mdns.interface))
    throw new ConfigError('Invalid mDNS network interface: route ip+net: no such network interface')
  cluster.bind = shown(bind)
  if (typeof cluster.advertise === 'string') {
    cluster.advertise = shown(await resolved(cluster.advertise, 'Invalid advertise address'))
  }
  for (const key of cluster.encryptionKeys ?? []) {
    const wrongAt = typeof key === 'string' ? wrongByte(key) : -1
    if (wrongAt >= 0)
      throw new ConfigError(`Invalid encryption key: illegal base64 data at input byte ${wrongAt}`)
  }
}

interface Place {
  host: string
  port: string
}

function shown({ host, port }: Place): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** The IP address and the port of `host:port`; `auto` and interfaces, which are ours alone, stay as they are. */
async function resolved(address: string, what: string): Promise<Place> {
  const colon = address.lastIndexOf(':')
  const port = address.slice(colon + 1)
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '')
  if (!/^\d+$/.test(port)) throw new ConfigError(`${what}: address tcp/${port}: unknown port`)
  if (Number(port) > 65_535) throw new ConfigError(`${what}: address ${port}: invalid port`)
  if (isIP(host.split('%')[0]) !== 0 || host === 'auto' || isInterface(host)) return { host, port }
  try {
    return { host: (await lookup(host)).address, port }
  } catch {
    throw new ConfigError(`${what}: lookup ${host}: no such host`)
  }
}

function isInterface(name: string): boolean {
  return networkInterfaces()[name] !== undefined
}

/** The address to bind to: the interface's first, or ours when the interface has it. */
function onInterface(name: string, host: string, say: (text: string) => void): string {
  const addresses = networkInterfaces()[name]?.map(({ address }) => address)
  if (addresses === undefined)
    throw new ConfigError('Invalid network interface: route ip+net: no such network interface')
  if (host !== '0.0.0.0') {
    if (addresses.includes(host)) return host
    throw new ConfigError(`Interface '${name}' has no '${host}' address`)
  }
  const first = addresses.find((address) => !/^(169\.254\.|fe[89ab][0-9a-f]:)/i.test(address))
  if (first === undefined) throw new ConfigError(`Interface '${name}' has no addresses`)
  say(`Using interface '${name}' address '${first}'`)
  return first
}

/** Reads what the member will read again; `log` hears what there is. Throws ConfigError with the original's line. */
export function checkFiles({ cluster }: AgentConfig, log: (text: string) => void): void {
  const setup = (why: string) => new ConfigError(`Failed to setup the Serf agent: ${why}`)
  if (cluster.tagsFile !== undefined) {
    if (Object.keys(cluster.tags ?? {}).length > 0)
      throw setup('Tags config not allowed while using tag files')
    if (existsSync(cluster.tagsFile))
      log(`agent: Restored ${tagsIn(cluster.tagsFile, setup)} tag(s) from ${cluster.tagsFile}`)
  }
  if (cluster.keyringFile !== undefined) {
    if ((cluster.encryptionKeys ?? []).length > 0)
      throw setup('Encryption key not allowed while using a keyring')
    const count = keysIn(cluster.keyringFile, setup)
    log(`agent: Restored keyring with ${count} keys from ${cluster.keyringFile}`)
  }
  const creation = (why: string) =>
    new ConfigError(`Failed to start the Serf agent: Error creating Serf: ${why}`)
  const version = cluster.protocolVersion ?? PROTOCOLS.most
  if (version < PROTOCOLS.least || version > PROTOCOLS.most) {
    const range = `Must be in range: [${PROTOCOLS.least}, ${PROTOCOLS.most}]`
    throw creation(
      `Protocol version '${version}' too ${version < PROTOCOLS.least ? 'low' : 'high'}. ${range}`,
    )
  }
  if ((cluster.userEventSizeLimit ?? 0) > MOST_EVENT)
    throw creation(`user event size limit exceeds limit of ${MOST_EVENT} bytes`)
  checkSnapshot(cluster, creation, log)
  for (const key of cluster.encryptionKeys ?? []) {
    const bytes = typeof key === 'string' ? Buffer.from(key, 'base64') : key
    if (!KEY_SIZES.includes(bytes.length)) throw creation(`Failed to create memberlist: ${KEY_SIZE}`)
  }
}

function tagsIn(path: string, setup: (why: string) => ConfigError): number {
  const text = readOr(path, (why) => setup(`Failed to read tags file: ${why}`))
  const tags = parsedOr(text, (why) => setup(`Failed to decode tags file: ${why}`))
  if (
    typeof tags !== 'object' ||
    tags === null ||
    Array.isArray(tags) ||
    Object.values(tags).some((value) => typeof value !== 'string')
  ) {
    throw setup('Failed to decode tags file: it is no object of texts')
  }
  return Object.keys(tags).length
}

function keysIn(path: string, setup: (why: string) => ConfigError): number {
  if (!existsSync(path)) throw setup(`stat ${path}: no such file or directory`)
  const text = readOr(path, (why) => setup(`Failed to read keyring file: ${why}`))
  const keys = parsedOr(text, (why) => setup(`Failed to decode keyring file: ${why}`))
  if (!Array.isArray(keys) || keys.some((key) => typeof key !== 'string'))
    throw setup('Failed to decode keyring file: it is no list of texts')
  for (const key of keys) {
    const wrongAt = wrongByte(key)
    if (wrongAt >= 0)
      throw setup(`Failed to decode key from keyring: illegal base64 data at input byte ${wrongAt}`)
  }
  if (keys.length === 0) throw setup('Keyring file contains no keys')
  if (keys.some((key) => !KEY_SIZES.includes(Buffer.from(key, 'base64').length)))
    throw setup(`Failed to restore keyring: ${KEY_SIZE}`)
  return keys.length
}

/** A snapshot that cannot be written is a mistake at the start; later it is a disk that fails, and stops nothing. */
function checkSnapshot(
  { snapshotPath: path, rejoinAfterLeave = false }: AgentConfig['cluster'],
  creation: (why: string) => ConfigError,
  log: (text: string) => void,
): void {
  if (path === undefined) return
  try {
    closeSync(openSync(path, 'a+'))
  } catch (error) {
    throw creation(`Failed to setup snapshot: failed to open snapshot: open ${path}: ${reasonOf(error)}`)
  }
  if (rejoinAfterLeave && hasLeft(path)) log('serf: Ignoring previous leave in snapshot')
}

/** Whether the member of this snapshot left: nothing of a pool comes after the line that says so. */
function hasLeft(path: string): boolean {
  return readFileSync(path, 'latin1').trimEnd().split('\n').includes('leave')
}

function readOr(path: string, wrong: (why: string) => ConfigError): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw wrong(`read ${path}: ${reasonOf(error)}`)
  }
}

function parsedOr(text: string, wrong: (why: string) => ConfigError): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error))
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EISDIR: 'is a directory',
  EACCES: 'permission denied',
  EROFS: 'read-only file system',
}

/** The system's reason in Go's words. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return REASONS[code] ?? (error instanceof Error ? error.message : String(error))
}
