/** What runs in a simulated process, for checks and experiments to look into. */
import type { Detector } from '../detector/detector.ts'
import type { Dispatch } from '../dispatch/dispatch.ts'
import type { Gossip } from '../gossip/gossip.ts'
import type { SharedPictures } from './shared-pictures.ts'

export interface Inside {
  readonly detector: Detector
  readonly gossip: Gossip
  readonly dispatch: Dispatch
  /** Those of dispatch, where the nodes of a world share their records. */
  readonly pictures: SharedPictures | undefined
}
