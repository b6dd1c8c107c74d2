/** What the facade asks the actors about themselves: counters, gauges, histograms. Commands and their checked answers, nothing else. */
import type { Report } from '../actors/counters.ts'
import type { ActorName } from '../actors/mail.ts'
import type { HistoryEntry } from '../gossip/history.ts'
import type { Ask } from './ask.ts'
import { type Metric, type MetricLabels, metricsOf } from './metrics.ts'
import { isHistory, isNumbers, isReport } from './replies.ts'

/** Counters and gauges by name, of each actor. */
export interface Stats {
  readonly detector: Readonly<Record<string, number>>
  readonly gossip: Readonly<Record<string, number>>
  readonly dispatch: Readonly<Record<string, number>>
  /** What `serf info` shows, under Serf's names (protocol page 2, section 6.5); `coordinate_resets` only with coordinates. */
  readonly serf: Readonly<Record<string, number | string>>
}

/** Serf's names for what gossip counts, with the same meaning. */
const OF_GOSSIP = [
  'members',
  'failed',
  'left',
  'member_time',
  'event_time',
  'query_time',
  'intent_queue',
  'event_queue',
  'query_queue',
]

export class Insight {
  readonly #ask: Ask

  constructor(ask: Ask) {
    this.#ask = ask
  }

  async stats(): Promise<Stats> {
    const [detector, gossip, dispatch] = await Promise.all([
      this.#ask.detector('stats', { type: 'stats' }, isNumbers),
      this.#ask.gossip('stats', { type: 'stats' }, isNumbers),
      this.#ask.dispatch('stats', { type: 'stats' }, isNumbers),
    ])
    const serf: Record<string, number | string> = { encrypted: gossip.keys > 0 ? 'true' : 'false' }
    for (const name of OF_GOSSIP) serf[name] = gossip[name]
    serf.health_score = detector['memberlist.health.score']
    if ('coordinate_resets' in detector) serf.coordinate_resets = detector.coordinate_resets
    return { detector, gossip, dispatch, serf }
  }

  /** The last transitions of a member, or of all, oldest first. */
  history(name = ''): Promise<HistoryEntry[]> {
    return this.#ask.gossip('history', { type: 'history', name }, isHistory)
  }

  async metrics(labels: MetricLabels): Promise<Metric[]> {
    const [detector, gossip, dispatch] = await Promise.all([
      this.#ask.detector('metrics', { type: 'metrics' }, isReport),
      this.#ask.gossip('metrics', { type: 'metrics' }, isReport),
      this.#ask.dispatch('metrics', { type: 'metrics' }, isReport),
    ])
    const reports = new Map<ActorName, Report>([
      ['detector', detector],
      ['gossip', gossip],
      ['dispatch', dispatch],
    ])
    return metricsOf(reports, labels)
  }
}
