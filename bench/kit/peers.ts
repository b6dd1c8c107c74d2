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
    transporter: string
    logger: false
  }) => { start(): Promise<void>; stop(): Promise<void> }
}

export function undici(): Undici | undefined {
  return installed('undici')
}

export function moleculer(): Moleculer | undefined {
  return installed('moleculer')
}

function installed(name: string) {
  try {
    return require(name)
  } catch {
    return undefined
  }
}
