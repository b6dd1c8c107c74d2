/**
 * One node and a hostile peer in virtual time: a real detector and a real gossip actor, wired as in a thread, that get whatever the peer thinks of. After
 * each message everything that must always hold is asked (the properties of a run: incarnations and clocks never fall, nobody rises from the dead at an
 * old incarnation, we never list ourselves as gone, an event comes once, everything is bounded).
 */
import assert from 'node:assert/strict'
import { FACT, FactReader, STATUS } from '../../src/actors/facts.ts'
import { SeededRandom } from '../../src/actors/random.ts'
import { readRosterEntries } from '../../src/actors/roster.ts'
import { after, isLegal, type Known } from '../../src/dispatch/fold.ts'
import { type Body, encodeTree, type SerfTree, type Tree } from '../../src/wire/index.ts'
import { LoneDetector } from '../detector/lone-detector.ts'
import { LoneGossip } from '../gossip/lone-gossip.ts'
import { Inputs } from './inputs.ts'

const NAMES = ['self', 'a', 'b', 'c', 'd', 'e', '__proto__', 'x\ny']
const LAST = 2 ** 32 - 1
/** Members that a node lists at most in this world: those that were named, and those that random bytes brought in. */
const MOST_QUEUED = 4_096
const SELF_EVENTS: readonly number[] = [FACT.memberLeave, FACT.memberFailed, FACT.memberReap]

export class LoneNode {
  readonly detector: LoneDetector
  readonly gossip: LoneGossip
  readonly steps: string[] = []
  readonly #random: SeededRandom
  readonly #inputs: Inputs
  readonly #events = new Set<string>()
  readonly #known = new Map<string, Known>()
  readonly #clocks = { member_time: 0, event_time: 0, query_time: 0 }
  #ownIncarnation = 0
  #stream = 0
  messages = 0

  constructor(seed: number) {
    this.#random = new SeededRandom(seed)
    this.#inputs = new Inputs(this.#random.fork())
    this.detector = new LoneDetector()
    this.gossip = new LoneGossip()
  }

  /** The peer does something; then everything is asked. */
  step(): void {
    const kind = this.#random.below(20)
    if (kind < 12) this.#packet(encodeTree(this.#dressed(this.#message())))
    else if (kind < 15) this.#packet(this.#inputs.next())
    else if (kind < 17) this.#say(encodeTree(this.#state()))
    else if (kind < 18) this.#say(this.#inputs.next())
    else this.#pass(this.#random.below(4) === 0 ? 20_000 : this.#random.below(500))
    this.messages += 1
    this.#check()
  }

  #below(limit: number): number {
    return this.#random.below(limit)
  }

  #pass(milliseconds: number): void {
    this.steps.push(`${milliseconds} ms pass`)
    this.detector.advance(milliseconds)
    this.gossip.advance(milliseconds)
    this.#exchange()
  }

  #packet(bytes: Uint8Array): void {
    this.steps.push(`packet ${Buffer.from(bytes).toString('hex')}`)
    this.detector.hear(bytes, '10.0.0.66')
    this.detector.advance(10)
    this.gossip.advance(10)
    this.#exchange()
  }

  /** A stream with this, in one piece or two. */
  #say(bytes: Uint8Array): void {
    this.#stream += 1
    this.steps.push(`stream ${Buffer.from(bytes).toString('hex')}`)
    const { gossip } = this.gossip
    const cut = this.#below(bytes.length + 1)
    gossip.receive(
      { type: 'stream-accepted', stream: this.#stream, ip: '10.0.0.66', port: 1 },
      this.gossip.now,
    )
    for (const piece of [bytes.slice(0, cut), bytes.slice(cut)])
      if (piece.length > 0)
        gossip.receive({ type: 'stream-data', stream: this.#stream, bytes: piece }, this.gossip.now)
    this.gossip.advance(20)
    gossip.receive({ type: 'stream-closed', stream: this.#stream, error: '' }, this.gossip.now)
    this.gossip.advance(0)
    this.#exchange()
  }

  /** Mail between the two, as in a thread. */
  #exchange(): void {
    for (let rounds = 0; rounds < 20; rounds++) {
      const up = this.detector.toGossip.splice(0)
      const down = this.gossip.toDetector.splice(0)
      if (up.length + down.length === 0) return
      for (const mail of up) this.gossip.gossip.receive(mail, this.gossip.now)
      for (const mail of down) if (mail.type !== 'begin' && mail.type !== 'tray') this.#deliver(mail)
      this.gossip.advance(0)
    }
  }

  #deliver(mail: LoneGossip['toDetector'][number]): void {
    if (mail.type === 'roster')
      readRosterEntries(mail.bytes, 0, Number.POSITIVE_INFINITY, ({ name, incarnation }) =>
        assert.ok(name.length > 0 && incarnation < LAST),
      )
    this.detector.mail(mail)
  }

  #message(): Tree {
    const Node = NAMES[this.#below(NAMES.length)]
    const From = NAMES[this.#below(NAMES.length)]
    const Incarnation = this.#incarnation()
    const named: Body = { From, Incarnation, Node }
    switch (this.#below(8)) {
      case 0:
      case 1:
        return { type: 'message', name: 'alive', fields: this.#member('Node', Node, Incarnation) }
      case 2:
        return { type: 'message', name: 'suspect', fields: named }
      case 3:
        return {
          type: 'message',
          name: 'dead',
          fields: this.#below(2) === 0 ? { ...named, From: Node } : named,
        }
      case 4:
        return { type: 'message', name: 'ping', fields: { Node: 'self', SeqNo: this.#below(100) } }
      case 5:
        return { type: 'message', name: 'ackResp', fields: { Payload: null, SeqNo: this.#below(LAST) } }
      default:
        return { type: 'user', payload: this.#serf(Node) }
    }
  }

  #serf(Node: string): SerfTree {
    const LTime = this.#time()
    const leave = { LTime, Node, Prune: this.#below(3) === 0 }
    const event = { CC: false, LTime, Name: `e${this.#below(20)}`, Payload: null }
    const kinds: [name: string, fields: Body][] = [
      ['leave', leave],
      ['join', { LTime, Node }],
      ['userEvent', event],
      [
        'query',
        {
          ...{
            Addr: Uint8Array.of(10, 0, 0, 66),
            Filters: null,
            Flags: this.#below(4),
            ID: this.#below(50),
            LTime,
          },
          ...{
            Name: 'q',
            Payload: null,
            Port: 9,
            RelayFactor: this.#below(4),
            SourceNode: Node,
            Timeout: 1e9,
          },
        },
      ],
      ['queryResponse', { Flags: 0, From: Node, ID: this.#below(50), LTime, Payload: null }],
    ]
    const [name, fields] = kinds[this.#below(kinds.length)]
    return { type: 'message', name, fields }
  }

  #state(): Tree {
    const nodes = Array.from({ length: this.#below(5) }, () => ({
      ...this.#member('Name', NAMES[this.#below(NAMES.length)], this.#incarnation()),
      State: this.#below(5),
    }))
    const StatusLTimes = new Map(NAMES.slice(this.#below(8)).map((name) => [name, this.#time()]))
    const fields: Body = {
      EventLTime: this.#time(),
      Events: [null, { Events: [{ Name: `e${this.#below(20)}`, Payload: null }], LTime: this.#time() }],
      LTime: this.#time(),
      LeftMembers: NAMES.filter(() => this.#below(6) === 0),
      QueryLTime: this.#time(),
      StatusLTimes,
    }
    const userState: SerfTree = { type: 'message', name: 'pushPull', fields }
    const { length } = encodeTree({ type: 'user', payload: userState })
    const header: Body = { Join: this.#below(2) === 0, Nodes: nodes.length, UserStateLen: length - 1 }
    return { type: 'pushPull', header, nodes, userState }
  }

  #member(key: 'Node' | 'Name', name: string, Incarnation: number): Body {
    return {
      Addr: Uint8Array.of(10, 0, 0, this.#below(3)),
      Incarnation,
      Meta: this.#below(2) === 0 ? null : new Map([['role', `r${this.#below(3)}`]]),
      [key]: name,
      Port: 7946 + this.#below(2),
      Vsn:
        this.#below(12) === 0
          ? Uint8Array.of(1, 5)
          : Uint8Array.of(1, 5, 2, 2, 5, this.#below(30) === 0 ? 9 : 5),
    }
  }

  #incarnation(): number {
    const how = this.#below(20)
    return how === 0 ? LAST : how === 1 ? LAST - 1 : how < 4 ? this.#below(2 ** 20) : this.#below(12)
  }

  #time(): number | bigint {
    const how = this.#below(30)
    return how === 0
      ? 2n ** 64n - 1n
      : how === 1
        ? 2n ** 62n
        : how < 4
          ? this.#below(2 ** 40)
          : this.#below(60)
  }

  #dressed(tree: Tree): Tree {
    const how = this.#below(6)
    if (how === 0) return { type: 'hasCrc', inner: tree }
    if (how === 1) return { type: 'compress', inner: tree }
    return how === 2 ? { type: 'compound', parts: [tree, this.#message()] } : tree
  }

  #check(): void {
    this.#checkFacts()
    if (this.messages % 16 !== 0) return
    const stats = this.gossip.stats()
    for (const name of ['member_time', 'event_time', 'query_time'] as const) {
      assert.ok(
        stats[name] >= this.#clocks[name],
        `${name} fell from ${this.#clocks[name]} to ${stats[name]}`,
      )
      assert.ok(stats[name] < 2 ** 63, `${name} is ${stats[name]}`)
      this.#clocks[name] = stats[name]
    }
    for (const queue of ['membership_queue', 'intent_queue', 'event_queue', 'query_queue'])
      assert.ok(stats[queue] <= MOST_QUEUED, `${queue} holds ${stats[queue]}`)
    assert.ok(stats.streams <= 200, `${stats.streams} streams are open`)
    assert.ok(this.detector.stats()['relay.pending'] <= 1_024)
    this.detector.packets.length = 0
    this.gossip.written.clear()
    this.gossip.closedStreams.length = 0
    this.gossip.dialled.length = 0
  }

  /** What dispatch hears, each fact once. */
  #checkFacts(): void {
    for (const mail of this.gossip.toDispatch.splice(0)) {
      if (mail.type !== 'facts') continue
      for (const reader = new FactReader(mail.bytes); !reader.atEnd; reader.next()) {
        if (reader.kind === FACT.userEvent) this.#checkEvent(reader)
        else if (reader.isMember) this.#checkMember(reader)
      }
    }
  }

  #checkEvent(reader: FactReader): void {
    const event = `${reader.lamportTime} ${Buffer.from(reader.eventName).toString('hex')} ${Buffer.from(reader.payload).toString('hex')}`
    assert.ok(!this.#events.has(event), `a user event came twice: ${event}`)
    this.#events.add(event)
  }

  #checkMember(reader: FactReader): void {
    const name = Buffer.from(reader.name).toString('latin1')
    const known = this.#known.get(name) ?? 'nothing'
    if (reader.kind !== FACT.memberChange) {
      assert.ok(
        isLegal(known, reader.kind),
        `${name}: a fact of kind ${reader.kind} cannot follow on ${known}`,
      )
      this.#known.set(name, after(known, reader.kind))
    }
    if (name !== 'self') return
    assert.ok(!SELF_EVENTS.includes(reader.kind), `we are told to be gone ourselves: kind ${reader.kind}`)
    assert.ok(reader.status === STATUS.alive, `we list ourselves with status ${reader.status}`)
    assert.ok(reader.incarnation >= this.#ownIncarnation, 'our own incarnation fell')
    assert.ok(reader.incarnation < LAST, 'our own incarnation is the last')
    this.#ownIncarnation = reader.incarnation
  }
}
