/** The fields of every message, in the order in which they are written (protocol page 1, section 3; page 2, section 2). */
import type { Spec } from './body.ts'

const source = ['SourceAddr', 'SourceNode', 'SourcePort']

/** memberlist's messages with a record for a body, by name. */
export const MEMBERLIST_SPECS: Readonly<Record<string, Spec>> = {
  ping: {
    fields: { Node: 'text', SeqNo: 'uint', SourceAddr: 'bytes', SourceNode: 'text', SourcePort: 'uint' },
    omitted: source,
  },
  indirectPing: {
    fields: {
      Nack: 'bool',
      Node: 'text',
      Port: 'uint',
      SeqNo: 'uint',
      SourceAddr: 'bytes',
      SourceNode: 'text',
      SourcePort: 'uint',
      Target: 'bytes',
    },
    omitted: source,
  },
  ackResp: { fields: { Payload: 'bytes', SeqNo: 'uint' } },
  nackResp: { fields: { SeqNo: 'uint' } },
  err: { fields: { Error: 'text' } },
  suspect: { fields: { From: 'text', Incarnation: 'uint', Node: 'text' } },
  dead: { fields: { From: 'text', Incarnation: 'uint', Node: 'text' } },
  alive: {
    fields: { Addr: 'bytes', Incarnation: 'uint', Meta: 'bytes', Node: 'text', Port: 'uint', Vsn: 'bytes' },
  },
}

/** The records of a push/pull and of a user message on a stream. */
export const PUSH_PULL_HEADER: Spec = { fields: { Join: 'bool', Nodes: 'int', UserStateLen: 'int' } }
export const PUSH_PULL_NODE: Spec = {
  fields: {
    Addr: 'bytes',
    Incarnation: 'uint',
    Meta: 'bytes',
    Name: 'text',
    Port: 'uint',
    State: 'int',
    Vsn: 'bytes',
  },
}
export const USER_HEADER: Spec = { fields: { UserMsgLen: 'int' } }

/** Serf's messages, by name. The relay's record is its header; a message follows it. */
export const SERF_SPECS: Readonly<Record<string, Spec>> = {
  leave: { fields: { LTime: 'uint', Node: 'text', Prune: 'bool' }, omitted: ['Prune'] },
  join: { fields: { LTime: 'uint', Node: 'text' } },
  pushPull: {
    fields: {
      EventLTime: 'uint',
      Events: [{ fields: { Events: [{ fields: { Name: 'text', Payload: 'bytes' } }], LTime: 'uint' } }],
      LTime: 'uint',
      LeftMembers: ['text'],
      QueryLTime: 'uint',
      StatusLTimes: 'times-by-text',
    },
  },
  userEvent: { fields: { CC: 'bool', LTime: 'uint', Name: 'text', Payload: 'bytes' } },
  query: {
    fields: {
      Addr: 'bytes',
      Filters: ['bytes'],
      Flags: 'uint',
      ID: 'uint',
      LTime: 'uint',
      Name: 'text',
      Payload: 'bytes',
      Port: 'uint',
      RelayFactor: 'uint',
      SourceNode: 'text',
      Timeout: 'int',
    },
  },
  queryResponse: { fields: { Flags: 'uint', From: 'text', ID: 'uint', LTime: 'uint', Payload: 'bytes' } },
  conflictResponse: {
    fields: {
      Addr: 'bytes',
      DelegateCur: 'uint',
      DelegateMax: 'uint',
      DelegateMin: 'uint',
      Name: 'text',
      Port: 'uint',
      ProtocolCur: 'uint',
      ProtocolMax: 'uint',
      ProtocolMin: 'uint',
      Status: 'int',
      Tags: 'texts-by-text',
    },
  },
  keyRequest: { fields: { Key: 'bytes' } },
  keyResponse: { fields: { Keys: ['text'], Message: 'text', PrimaryKey: 'text', Result: 'bool' } },
  relay: { fields: { DestAddr: { fields: { IP: 'bytes', Port: 'int', Zone: 'text' } }, DestName: 'text' } },
}

/** The coordinate in an ack's payload, behind its version byte. */
export const COORDINATE: Spec = {
  fields: { Adjustment: 'float', Error: 'float', Height: 'float', Vec: ['float'] },
}
