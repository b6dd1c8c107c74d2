/** Message types by their bytes (protocol page 1, section 1; page 2, section 2). */

export const MESSAGE = {
  ping: 0,
  indirectPing: 1,
  ack: 2,
  suspect: 3,
  alive: 4,
  dead: 5,
  pushPull: 6,
  compound: 7,
  user: 8,
  compress: 9,
  encrypt: 10,
  nack: 11,
  crc: 12,
  err: 13,
  label: 244,
} as const

/** Types of Serf's messages, which travel inside memberlist's user messages. */
export const SERF = {
  leave: 0,
  join: 1,
  pushPull: 2,
  userEvent: 3,
  query: 4,
  queryResponse: 5,
  conflictResponse: 6,
  keyRequest: 7,
  keyResponse: 8,
  relay: 9,
} as const

/** Member states in a push/pull. */
export const STATE = { alive: 0, suspect: 1, dead: 2, left: 3 } as const
