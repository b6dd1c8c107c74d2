/**
 * Packets and streams that mean harm, beside honest traffic. Without a key: rubbish, halves of packets, checksums over rubbish, lengths that are lies, and
 * true accusations of members that live. With a key: all that and any forgery, plain or sealed with a key that is nobody's.
 */
import { createSocket, type Socket } from 'node:dgram'
import { connect } from 'node:net'
import { crc32 } from '../../../src/wire/crc.ts'
import { encodeTree, type Tree } from '../../../src/wire/index.ts'
import { Inputs } from '../../../test/fuzz/inputs.ts'
import { fromHex, memberlistVectors } from '../../../test/vectors.ts'
import type { Ours } from '../ours.ts'
import type { Player } from '../player.ts'
import type { Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'
import { newKey } from './keys.ts'

const PACKETS = 1_500
const STREAMS = 15
const STREAM_PATIENCE = 2_000
const LARGEST = 60_000
const BOUND = 20_000
/** Of those packets that must be dropped; the system itself may drop some where they come too fast. */
const LEAST_COUNTED = 0.5
/** Lengths that are lies: of a part, a text, a map, a list, a state. */
const LIES = [
  '0701ffff0b81',
  '07ff',
  '04dbffffffff',
  '04dfffffffff',
  '00ddffffffff',
  '0683a44a6f696ec2a54e6f646573ceffffffffac5573657253746174654c656ece7fffffff',
  '0683a44a6f696ec2a54e6f646573ce7fffffffac5573657253746174654c656e00',
  '0affffffff',
  '0982a4416c676f00a3427566c6ffffffff',
].map(fromHex)
const REAL = memberlistVectors.map(({ hex }) => fromHex(hex)).filter(({ length }) => length < LARGEST)

type Make = () => Uint8Array

/** Nothing of it can be understood. */
function rubbish(stage: Stage): Make {
  const { random } = stage
  const noise = (length: number) => Uint8Array.from({ length }, () => random.below(256))
  const summed = (bytes: Uint8Array) => {
    const packet = new Uint8Array(5 + bytes.length)
    packet[0] = 12
    new DataView(packet.buffer).setUint32(1, crc32(bytes))
    packet.set(bytes, 5)
    return packet
  }
  const makers: Make[] = [
    () => noise(1 + random.below(1_400)),
    () => {
      const whole = stage.one(REAL)
      return whole.subarray(0, 1 + random.below(Math.min(24, whole.length - 1)))
    },
    // From type 64 on there is no message.
    () =>
      summed(Uint8Array.from(noise(2 + random.below(200)), (byte, i) => (i === 0 ? 64 + (byte & 63) : byte))),
    () => stage.one(LIES),
  ]
  return () => stage.one(makers)()
}

/** Accusations that anybody would have to take seriously, and the accused must answer. */
function accusation(stage: Stage): Make {
  return () => {
    const about = { Node: stage.one(stage.players).name, Incarnation: 1 + stage.random.below(3) }
    return encodeTree({ type: 'message', name: 'suspect', fields: { ...about, From: 'nobody' } })
  }
}

/** Claims of every kind about members that live. */
function forgery(stage: Stage): Make {
  const { random, players } = stage
  const claim = (): Tree => {
    const about = { Node: stage.one(players).name, Incarnation: random.below(2 ** 31), From: 'nobody' }
    const kind = random.below(3)
    if (kind < 2) return { type: 'message', name: kind === 0 ? 'dead' : 'suspect', fields: about }
    const { Node, Incarnation } = about
    const place = { Addr: Uint8Array.of(10, 99, 0, 1), Port: 1, Meta: new Uint8Array(0) }
    const fields = { Node, Incarnation, ...place, Vsn: Uint8Array.of(1, 5, 2, 2, 5, 5) }
    return { type: 'message', name: 'alive', fields }
  }
  const inputs = new Inputs(random.fork())
  const keys = [Buffer.from(newKey(), 'base64')]
  return () => {
    if (random.below(2) === 0) return inputs.next().subarray(0, LARGEST)
    const plain = claim()
    if (random.below(2) === 0) return encodeTree(plain)
    const nonce = Uint8Array.from({ length: 12 }, () => random.below(256))
    const sealed = {
      type: 'encrypt',
      carrier: 'packet',
      version: 1,
      keyIndex: 0,
      nonce,
      inner: plain,
    } as const
    return encodeTree(sealed, { keys })
  }
}

/** So many packets a second at these until then, and a stream now and then; how many packets went out. */
async function pour(
  stage: Stage,
  at: readonly Player[],
  make: Make,
  perSecond: number,
  until: number,
): Promise<number> {
  const socket: Socket = createSocket('udp4')
  socket.on('error', () => undefined)
  let sent = 0
  const streams: Promise<void>[] = []
  await Promise.all([
    stage.evenly(perSecond, until, () => {
      const [ip, port] = stage.one(at).address.split(':')
      socket.send(make(), Number(port), ip, () => undefined)
      sent += 1
    }),
    stage.evenly(Math.max(1, (perSecond * STREAMS) / PACKETS), until, () => {
      streams.push(said(stage.one(at), make()))
    }),
  ])
  await Promise.all(streams)
  socket.close()
  return sent
}

/** Some of them say half of it and wait. */
function said({ address }: Player, bytes: Uint8Array): Promise<void> {
  const [host, port] = address.split(':')
  return new Promise((resolve) => {
    const socket = connect(Number(port), host, () => socket.write(bytes))
    const done = () => {
      socket.destroy()
      resolve()
    }
    socket.setTimeout(STREAM_PATIENCE, done)
    socket.on('data', () => undefined)
    for (const end of ['end', 'close', 'error']) socket.once(end, done)
  })
}

async function dropped(ours: readonly Ours[]): Promise<number> {
  const all = await Promise.all(ours.map((member) => member.counters()))
  const drops = all.flatMap((counters) =>
    Object.entries(counters).filter(([name]) => name.startsWith('drop.')),
  )
  return drops.reduce((sum, [, count]) => sum + count, 0)
}

/** Rubbish at ours, and accusations at everybody; what is dropped must be counted. */
export async function attacks(
  stage: Stage,
  perSecond: number,
  until: number,
  ours: readonly Ours[] = stage.ours,
): Promise<void> {
  const before = await dropped(ours)
  const [sent, accusations] = await Promise.all([
    pour(stage, ours, rubbish(stage), perSecond, until),
    pour(stage, stage.players, accusation(stage), 2, until),
  ])
  count(stage, sent, (await dropped(ours)) - before, `; ${accusations} accusations of members that live`)
}

/** Forgeries at everybody in an encrypted pool. */
export async function forgeries(stage: Stage, perSecond: number, until: number): Promise<void> {
  const before = await dropped(stage.ours)
  const sent = await pour(stage, stage.players, forgery(stage), perSecond, until)
  const share = stage.ours.length / stage.players.length
  count(stage, Math.round(sent * share), (await dropped(stage.ours)) - before, '')
}

function count(stage: Stage, sent: number, counted: number, also: string): void {
  stage.story.check(
    'hostile packets at ours are counted',
    `${counted} counted of ${sent} sent${also}`,
    sent > 0 && counted >= LEAST_COUNTED * sent ? 'met' : 'not met',
  )
}

export const hostile: Scenario = {
  name: 'hostile',
  title: 'Hostile packets, no key',
  about: `Three of ours and two agents without encryption; ${PACKETS} packets a second of rubbish, halves, false lengths and checksums over rubbish at ours, streams of the same, and two accusations a second of members that live.`,
  places: 5,
  needs: 'nothing',
  trouble: 30_000,
  length: 'as asked',
  async play(stage) {
    await stage.pool({ ours: 3, agents: 2 })
    const until = stage.end()
    await Promise.all([attacks(stage, PACKETS, until), stage.events(10, until, () => stage.players)])
    await stage.calm(BOUND)
  },
}

export const forged: Scenario = {
  name: 'forged',
  title: 'Forged packets against keys',
  about: `Three of ours and two agents with a key; ${PACKETS} packets a second at all of them: deaths, accusations and claims about members, plain or sealed with a key that is nobody's, and mutations of recorded packets.`,
  places: 5,
  needs: 'nothing',
  trouble: 30_000,
  length: 'as asked',
  async play(stage) {
    await stage.pool({ ours: 3, agents: 2, key: newKey() })
    const until = stage.end()
    await Promise.all([forgeries(stage, PACKETS, until), stage.events(10, until, () => stage.players)])
    await stage.calm(BOUND)
  },
}
