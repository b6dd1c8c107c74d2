/** What a host imports. */
export type { Joined, QueryAnswer, SeedOutcome } from './actors/mail.ts'
export {
  Cluster,
  type Crossing,
  type Fate,
  MemoryNetwork,
  type MemoryNetworkOptions,
  sockets,
} from './cluster.ts'
export type {
  ClusterEvents,
  ClusterState,
  ForceLeaveOptions,
  JoinOptions,
  MemberFilter,
  UserEventOptions,
} from './cluster-types.ts'
export { SubscriptionOverflow } from './delivery-errors.ts'
export {
  ActorExited,
  BindFailed,
  BroadcastTimeout,
  ClusterClosed,
  ClusterLeft,
  CoordinatesDisabled,
  EventTooLarge,
  FeatureNotSupported,
  FileUnreadable,
  FileUnwritable,
  FolkmootError,
  InvalidArgument,
  InvalidOption,
  isFolkmootError,
  JoinFailed,
  type KeptFile,
  NoResponse,
  OriginUnnamed,
  PacketTooLarge,
  QueryAnswered,
  QueryExpired,
  QueryTooLarge,
  RelayTooLarge,
  ResponseTooLarge,
  TagsTooLarge,
  TooManyPrunes,
  TooManyQueries,
  UnknownMember,
} from './errors.ts'
export type { KeyResult } from './errors-keys.ts'
export { KeyOperationFailed, RotationStopped } from './errors-keys.ts'
export type {
  ClusterEvent,
  ClusterEventType,
  ConflictLost,
  ConflictUnresolved,
  DiskError,
  HostStall,
  Lagged,
  MemberEvent,
  MemberEventType,
  MemberRefused,
  Members,
  NameConflict,
  QueryEvent,
  Restarted,
  UserEvent,
} from './events.ts'
export type { AdmitRules, Candidate, Vetoes } from './gossip/admission.ts'
export type { ForcedStatus } from './gossip/force-leave.ts'
export type { Change, HistoryEntry } from './gossip/history.ts'
export type { ReapRule } from './gossip/reap-rules.ts'
export type { Stats } from './insight.ts'
export type { KeyOptions, Rotated, RotationOptions } from './keys.ts'
export type { Member, MemberBefore, MemberStatus, VersionRange } from './member.ts'
export type { HistogramValue, Metric, MetricLabels, MetricType, MetricValue } from './metrics.ts'
export type { MemberPath, NetworkCoordinate } from './near-types.ts'
export type { Near, NearestOptions } from './nearness.ts'
export type { ClusterOptions, HostStallAction, Logger, Numbers, Profile, Threads } from './options.ts'
export type { ThreadFiles, ThreadName } from './options-workers.ts'
export type { QueryHandle, QueryOptions, QueryResult } from './queries.ts'
export type { DeliveryPolicy, EventsOptions } from './subscription.ts'
export type { PacketEvents, Packets, StreamEvents, Streams, Transport } from './transport.ts'
export type { TransportModule, TransportOptions } from './transport-options.ts'
