/** What the detector knows of the way to members: places in the network, and how probes were answered. */

/** A member's place in the network (Vivaldi): a point in seconds. Distances between two of them estimate round trips. */
export interface NetworkCoordinate {
  readonly vector: readonly number[]
  /** How little the place is to be believed: near 0 after some minutes, 1.5 at the start. */
  readonly error: number
  readonly adjustment: number
  readonly height: number
}

/** How probes of a member by us were answered. */
export interface MemberPath {
  readonly name: string
  /** Probes answered over UDP by the member itself, through a helper, over TCP alone, not at all. */
  readonly direct: number
  readonly indirect: number
  readonly tcp: number
  readonly none: number
  /** What the last probe found, as a line to show. */
  readonly status:
    | 'UDP works'
    | 'UDP fails, helpers reach it'
    | 'UDP fails, TCP works'
    | 'no answer'
    /** As before, but packets of its own come: it is the way from us to it that is closed. */
    | 'UDP out fails, helpers reach it'
    | 'UDP out fails, TCP works'
    | 'its packets come, ours stay without an answer'
    | 'not probed yet'
}

/** How the last probe was answered, as the detector says it. */
export type LastWay = 'direct' | 'indirect' | 'tcp' | 'none'

/** A path as the detector tells it: `heard` when packets of its own come although it does not answer directly. */
export interface ToldPath extends Omit<MemberPath, 'name' | 'status'> {
  readonly last: LastWay
  readonly heard: 'heard' | 'unheard'
}
