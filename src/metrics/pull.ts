/** One look at a cluster's metrics for all who ask within it: a scrape asks each metric by itself, and all at once. */
import type { Metric } from '../cluster/metrics.ts'

/** A Cluster, as far as it is asked here. */
export interface Pulled {
  metrics(): Promise<Metric[]>
}

export class Pull {
  readonly #cluster: Pulled
  readonly #seen: (metrics: readonly Metric[]) => void
  #underWay: Promise<Map<string, Metric>> | undefined
  #isStopped = false

  /** `seen` hears of all metrics of every look. */
  constructor(cluster: Pulled, seen: (metrics: readonly Metric[]) => void) {
    this.#cluster = cluster
    this.#seen = seen
  }

  /** All metrics by name; none once it was stopped, or the cluster is closed: who collects goes on with what others have. */
  metrics(): Promise<Map<string, Metric>> {
    this.#underWay ??= this.#look().finally(() => {
      this.#underWay = undefined
    })
    return this.#underWay
  }

  async metric(name: string): Promise<Metric | undefined> {
    return (await this.metrics()).get(name)
  }

  stop(): void {
    this.#isStopped = true
  }

  async #look(): Promise<Map<string, Metric>> {
    if (this.#isStopped) return new Map()
    const metrics = await this.#cluster.metrics().catch(() => [])
    if (!this.#isStopped) this.#seen(metrics)
    return new Map(metrics.map((metric) => [metric.name, metric]))
  }
}
