/** The public subpath `folkmoot/wire`: packets, streams and messages as plain objects and back, for tests, tools and people who debug a pool. */
export { InvalidArgument } from '../errors/errors.ts'
export { formatIp, parseIp } from './address.ts'
export type { Body, Table, Text, Value } from './body.ts'
export { type DecodeOptions, decodePacket, decodeSerf, decodeStream } from './decode.ts'
export { type EncodeOptions, encodeSerf, encodeTree } from './encode.ts'
export { type Carrier, type SerfTree, type Stop, type Stopped, stopsIn, type Tree, toJson } from './tree.ts'
