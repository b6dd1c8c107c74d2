/** The agent's optional HTTP listener: metrics for Prometheus, health, readiness. Off by default, and on loopback unless told otherwise. */
import { createServer, type Server, type ServerResponse } from 'node:http'
import { prometheusText } from '../../src/agent/prometheus.ts'
import type { Cluster } from '../../src/cluster/cluster.ts'
import type { Metric } from '../../src/cluster/metrics.ts'

interface Served {
  cluster: Cluster
  meters: { metrics(): Promise<readonly Metric[]> }
  expect: number
}

export class HttpListener {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /** `expect` is how many alive members make the node ready; 0: being a member is enough. Rejects when the port cannot be had. */
  static start(
    place: { host: string; port: number },
    cluster: Cluster,
    meters: { metrics(): Promise<readonly Metric[]> },
    expect: number,
  ): Promise<HttpListener> {
    const server = createServer(
      { connectionsCheckingInterval: 1_000, requestTimeout: 5_000 },
      ({ method = '', url = '' }, response) => {
        answer({ method, path: url.split('?')[0] }, { cluster, meters, expect }, response).catch(() => {
          if (!response.headersSent) response.writeHead(500)
          response.end()
        })
      },
    )
    server.maxConnections = 256
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host: place.host === '' ? '127.0.0.1' : place.host, port: place.port }, () => {
        resolve(new HttpListener(server))
      })
    })
  }

  close(): Promise<void> {
    this.#server.closeAllConnections()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }
}

async function answer(
  { method, path }: { method: string; path: string },
  { cluster, meters, expect }: Served,
  response: ServerResponse,
): Promise<void> {
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end()
    return
  }
  const alive = cluster.members({ status: 'alive' }).length
  const isMember = cluster.state === 'alive'
  if (path === '/metrics') {
    const text = prometheusText(await meters.metrics())
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text)
  } else if (path === '/healthz') json(response, isMember ? 200 : 503, { state: cluster.state })
  else if (path === '/readyz') {
    const isReady = isMember && alive >= expect
    json(response, isReady ? 200 : 503, { ready: isReady, state: cluster.state, alive, expect })
  } else json(response, 404, { paths: ['/metrics', '/healthz', '/readyz'] })
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
}
