/**
 * The fields of every message, in the order in which they are written (protocol page 1, section 3; page 2, section 2), and in `declared` the
 * order of the array form, which nobody writes and everybody reads.
 */
import type { Spec } from './body.ts'

/** memberlist's messages with a record for a body, by name. */
export const MEMBERLIST_SPECS: Readonly<Record<string, Spec>> = {
  ping: {
    fields: { Node: 'text', SeqNo: 'u32', SourceAddr: 'bytes', SourceNode: 'text', SourcePort: 'u16' },
    declared: ['SeqNo', 'Node', 'SourceAddr', 'SourcePort', 'SourceNode'],
  },
  indirectPing: {
    fields: {
      Nack: 'bool',
      Node: 'text',
      Port: 'u16',
      SeqNo: 'u32',
      SourceAddr: 'bytes',
      SourceNode: 'text',
      SourcePort: 'u16',
      Target: 'bytes',
    },
    declared: ['SeqNo', 'Target', 'Port', 'Node', 'Nack', 'SourceAddr', 'SourcePort', 'SourceNode'],
  },
  ackResp: { fields: { Payload: 'coordinate', SeqNo: 'u32' }, declared: ['SeqNo', 'Payload'] },
  nackResp: { fields: { SeqNo: 'u32' } },
  err: { fields: { Error: 'text' } },
  suspect: {
    fields: { From: 'text', Incarnation: 'u32', Node: 'text' },
    declared: ['Incarnation', 'Node', 'From'],
  },
  dead: {
    fields: { From: 'text', Incarnation: 'u32', Node: 'text' },
    declared: ['Incarnation', 'Node', 'From'],
  },
  alive: {
    fields: { Addr: 'bytes', Incarnation: 'u32', Meta: 'tags', Node: 'text', Port: 'u16', Vsn: 'bytes' },
    declared: ['Incarnation', 'Node', 'Addr', 'Port', 'Meta', 'Vsn'],
  },
}

/** The record around what is compressed. */
export const COMPRESS: Spec = { fields: { Algo: 'u8', Buf: 'bytes' } }

/** The records of a push/pull and of a user message on a stream. */
export const PUSH_PULL_HEADER: Spec = {
  fields: { Join: 'bool', Nodes: 'i64', UserStateLen: 'i64' },
  declared: ['Nodes', 'UserStateLen', 'Join'],
}
export const PUSH_PULL_NODE: Spec = {
  fields: {
    Addr: 'bytes',
    Incarnation: 'u32',
    Meta: 'tags',
    Name: 'text',
    Port: 'u16',
    State: 'i64',
    Vsn: 'bytes',
  },
  declared: ['Name', 'Addr', 'Port', 'Meta', 'Incarnation', 'State', 'Vsn'],
}
export const USER_HEADER: Spec = { fields: { UserMsgLen: 'i64' } }

const SLOT_EVENT: Spec = { fields: { Name: 'text', Payload: 'bytes' } }
const SLOT: Spec = { fields: { Events: [SLOT_EVENT], LTime: 'u64' }, declared: ['LTime', 'Events'] }

/** Serf's messages, by name. The relay's record is its header; a message follows it. */
export const SERF_SPECS: Readonly<Record<string, Spec>> = {
  leave: { fields: { LTime: 'u64', Node: 'text', Prune: 'bool' } },
  join: { fields: { LTime: 'u64', Node: 'text' } },
  pushPull: {
    fields: {
      EventLTime: 'u64',
      Events: [SLOT],
      LTime: 'u64',
      LeftMembers: ['text'],
      QueryLTime: 'u64',
      StatusLTimes: 'times-by-text',
    },
    declared: ['LTime', 'StatusLTimes', 'LeftMembers', 'EventLTime', 'Events', 'QueryLTime'],
  },
  userEvent: {
    fields: { CC: 'bool', LTime: 'u64', Name: 'text', Payload: 'bytes' },
    declared: ['LTime', 'Name', 'Payload', 'CC'],
  },
  query: {
    fields: {
      Addr: 'bytes',
      Filters: ['filter'],
      Flags: 'u32',
      ID: 'u32',
      LTime: 'u64',
      Name: 'text',
      Payload: 'serf',
      Port: 'u16',
      RelayFactor: 'u8',
      SourceNode: 'text',
      Timeout: 'i64',
    },
    declared: 'LTime ID Addr Port SourceNode Filters Flags RelayFactor Timeout Name Payload'.split(' '),
  },
  queryResponse: {
    fields: { Flags: 'u32', From: 'text', ID: 'u32', LTime: 'u64', Payload: 'serf' },
    declared: ['LTime', 'ID', 'From', 'Flags', 'Payload'],
  },
  conflictResponse: {
    fields: {
      Addr: 'bytes',
      DelegateCur: 'u8',
      DelegateMax: 'u8',
      DelegateMin: 'u8',
      Name: 'text',
      Port: 'u16',
      ProtocolCur: 'u8',
      ProtocolMax: 'u8',
      ProtocolMin: 'u8',
      Status: 'i64',
      Tags: 'texts-by-text',
    },
    declared: [
      ...['Name', 'Addr', 'Port', 'Tags', 'Status'],
      ...['ProtocolMin', 'ProtocolMax', 'ProtocolCur', 'DelegateMin', 'DelegateMax', 'DelegateCur'],
    ],
  },
  keyRequest: { fields: { Key: 'bytes' } },
  keyResponse: {
    fields: { Keys: ['text'], Message: 'text', PrimaryKey: 'text', Result: 'bool' },
    declared: ['Result', 'Message', 'Keys', 'PrimaryKey'],
  },
  relay: {
    fields: {
      DestAddr: { fields: { IP: 'bytes', Port: 'i64', Zone: 'text' } },
      DestName: 'text',
    },
    declared: ['DestAddr', 'DestName'],
  },
}

/** The coordinate in an ack's payload, behind its version byte. */
export const COORDINATE: Spec = {
  fields: { Adjustment: 'float', Error: 'float', Height: 'float', Vec: ['float'] },
  declared: ['Vec', 'Error', 'Adjustment', 'Height'],
}

/** The filter of a query that asks for a tag; the other one is a list of names. */
export const TAG_FILTER: Spec = { fields: { Expr: 'text', Tag: 'text' }, declared: ['Tag', 'Expr'] }
