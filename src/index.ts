/** What a host imports. */
export type { Joined, QueryAnswer, Refusal, SeedOutcome } from './actors/mail.ts'
export {
  Cluster,
  type Crossing,
  type Fate,
  handleSignals,
  MemoryNetwork,
  type MemoryNetworkOptions,
  type SignalledCluster,
  type SignalOptions,
  sockets,
} from './cluster/cluster.ts'
export type {
  ClusterEvents,
  ClusterState,
  ForceLeaveOptions,
  JoinOptions,
  MemberFilter,
  UserEventOptions,
} from './cluster/cluster-types.ts'
export type { Drained, DrainOptions } from './cluster/ends.ts'
export type {
  ClusterEvent,
  ClusterEventOf,
  ClusterEventType,
  ConflictLost,
  ConflictUnresolved,
  Connection,
  ConnectionChange,
  DiskError,
  HostStall,
  Lagged,
  MemberEvent,
  MemberEventType,
  MemberRefused,
  MemberRestart,
  Members,
  NameConflict,
  QueryEvent,
  Restarted,
  UserEvent,
} from './cluster/events.ts'
export type { HandledEvent, HandlerHandle, HandlerOptions } from './cluster/handlers.ts'
export type { HandledKind, HandlerFailed, Invalid } from './cluster/host-events.ts'
export type { Stats } from './cluster/insight.ts'
export type { KeyOptions, LocalKeys, Rotated, RotationOptions } from './cluster/keys.ts'
export type { Member, MemberBefore, MemberStatus, VersionRange } from './cluster/member.ts'
export type { HistogramValue, Metric, MetricLabels, MetricType, MetricValue } from './cluster/metrics.ts'
export type { MemberPath, NetworkCoordinate } from './cluster/near-types.ts'
export type { Near, NearestOptions } from './cluster/nearness.ts'
export type { PingCompleted, PingsOptions } from './cluster/ping-feed.ts'
export type { QueryHandle, QueryOptions, QueryResult } from './cluster/queries.ts'
export type { SchemaIssue, SchemaResult, StandardSchema } from './cluster/standard-schema.ts'
export type { DeliveryPolicy, EventsOptions } from './cluster/subscription.ts'
export type { PacketEvents, Packets, StreamEvents, Streams, Transport } from './cluster/transport.ts'
export {
  type Codec,
  type QuerySchemas,
  type Schemas,
  Typed,
  type TypedAnswer,
  type TypedEvent,
  type TypedMember,
  type TypedQuery,
  type TypedQueryHandle,
  type TypedResult,
  typed,
} from './cluster/typed.ts'
export type { MemberSelector, WaitOptions } from './cluster/waits.ts'
export { Patterns } from './dispatch/patterns.ts'
export { SubscriptionOverflow } from './errors/delivery.ts'
export {
  ActorExited,
  BindFailed,
  BroadcastTimeout,
  ClusterClosed,
  ClusterLeft,
  CoordinatesDisabled,
  type Doubt,
  EventTooLarge,
  FeatureNotSupported,
  FileUnreadable,
  FileUnwritable,
  FolkmootError,
  InvalidArgument,
  InvalidOption,
  isFolkmootError,
  JoinFailed,
  JoinRefused,
  JoinUnconfirmed,
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
} from './errors/errors.ts'
export { HandlerQueueFull, HandlersUnavailable, HandlerTimeout } from './errors/handlers.ts'
export type { KeyResult } from './errors/keys.ts'
export { KeyOperationFailed, RotationStopped } from './errors/keys.ts'
export { InvalidPayload } from './errors/schemas.ts'
export type { AdmitRules, Candidate, Vetoes } from './gossip/admission.ts'
export type { ForcedStatus } from './gossip/force-leave.ts'
export type { Change, HistoryEntry } from './gossip/history.ts'
export type { ReapRule } from './gossip/reap-rules.ts'
export type { ClusterOptions, HostStallAction, Logger, Numbers, Profile, Threads } from './options/options.ts'
export type { TransportModule, TransportOptions } from './options/transport.ts'
export type { ThreadFiles, ThreadName } from './options/workers.ts'
