/** What the bench's own package.json brings, where somebody has installed it (`npm install --prefix bench`): the library never sees it. */
import { createRequire } from 'node:module'
import { join } from 'node:path'

const require = createRequire(join(import.meta.dirname, '..', '..', '..', 'bench', 'package.json'))

/** What we use of undici. */
export interface Undici {
  Pool: new (
    origin: string,
    options: { connections: number; pipelining: number },
  ) => {
    request(options: { path: string; method: 'GET' }): Promise<{ body: { dump(): Promise<void> } }>
    close(): Promise<void>
  }
}

/** What we use of moleculer. */
export interface Moleculer {
  ServiceBroker: new (options: {
    nodeID: string
    transporter: string | { type: 'TCP'; options: object }
    logger: false
    disableBalancer?: boolean
  }) => MoleculerBroker
}

export interface MoleculerBroker {
  localBus: { on(event: string, take: (payload: { node: { id: string } }) => void): void }
  createService(schema: {
    name: string
    events: Record<string, (context: { params: { name: string } }) => void>
  }): unknown
  broadcast(event: string, payload: { name: string }): Promise<unknown>
  start(): Promise<void>
  stop(): Promise<void>
}

/** What we use of the SWIM libraries: both come from one and have its interface. States: 0 alive, 1 suspect, 2 faulty. */
export type SwimLibrary = new (options: {
  local: { host: string }
  interval: number
  joinTimeout: number
  pingTimeout: number
  pingReqTimeout: number
}) => {
  bootstrap(hosts: string[], done: (error?: Error) => void): void
  join(hosts: string[], done: (error?: Error) => void): void
  on(event: 'change' | 'drop', take: (member: { host: string; state: number }) => void): void
}

/** The libraries of npm that find out who lives and run on this Node. */
export const LIBRARIES = ['happn-swim', '@wzrdtales/swim-ng', 'moleculer'] as const
export type Library = (typeof LIBRARIES)[number]

export function undici(): Undici | undefined {
  return installed('undici').found
}

export function moleculer(): Moleculer | undefined {
  return installed('moleculer').found
}

export function swim(name: 'happn-swim' | '@wzrdtales/swim-ng'): SwimLibrary | undefined {
  return installed(name).found
}

/** Why a library cannot be had here; undefined when it can. */
export function lacking(name: Library): string | undefined {
  return installed(name).why
}

function installed(name: string) {
  try {
    return { found: require(name), why: undefined }
  } catch (error) {
    return { found: undefined, why: error instanceof Error ? error.message.split('\n')[0] : String(error) }
  }
}
