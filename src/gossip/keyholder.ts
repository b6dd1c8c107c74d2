/**
 * The keys of this member while it runs: what dispatch decides goes into the keyring of the streams here, on to the detector, and is
 * acknowledged when both have it.
 *
 *     dispatch -- keyring 7 --> gossip -- keyring 7 --> detector
 *     dispatch <- keyring-set 7 -- gossip <- keyring-set 7 -- detector
 */
import type { Log, Outlet } from '../actors/contract.ts'
import type { ToDetector, ToDispatch, ToGossip } from '../actors/mail.ts'
import type { Encryption } from '../wire/packet.ts'
import type { CrashMemory } from './crash-memory.ts'
import type { Queues } from './queues.ts'

export type KeyMail = Extract<ToGossip, { type: 'keyring' | 'keyring-set' }>

export interface KeyholderParts {
  encryption: Encryption
  queues: Queues
  detector: Outlet<ToDetector>
  dispatch: Outlet<ToDispatch>
  log: Log
  /** Keeps them for the case of a crash. */
  memory?: CrashMemory
}

export class Keyholder {
  readonly #parts: KeyholderParts

  constructor(parts: KeyholderParts) {
    this.#parts = parts
  }

  /** How many keys there are. */
  get size(): number {
    return this.#parts.encryption.keyring.size
  }

  receive(mail: KeyMail): void {
    const { encryption, queues, detector, dispatch, memory } = this.#parts
    if (mail.type === 'keyring-set') return dispatch.tell(mail)
    encryption.keyring.replace(mail.keys)
    Object.assign(encryption, mail.verify)
    memory?.keys(mail.keys)
    if (mail.verify !== undefined) memory?.verification(mail.verify)
    // The first key of all takes room in every packet.
    queues.refit()
    detector.tell(mail)
  }

  /** Warns when strangers can reach us and nothing keeps them out: `bindIp` is the address that the sockets are bound to. */
  begin(bindIp: string): void {
    if (this.size > 0 || isLoopback(bindIp)) return
    const what = 'whoever reaches its ports can speak for any member'
    this.#parts.log('warn', `bound to ${bindIp} without encryption keys: ${what} (see encryptionKeys)`)
  }
}

function isLoopback(ip: string): boolean {
  return ip.startsWith('127.') || ip === '::1' || ip.startsWith('::ffff:127.')
}
