/**
 * Discovery by multicast DNS on a network of its own: agents of ours and real ones find each other, each kind as asker and as answerer, and the
 * packets are those of the protocol page, section 3.5.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { hostname } from 'node:os'
import { describe, type TestContext, test } from 'node:test'
import { eventually, tieToUs, withoutSerf } from '../interop/serf-agent.ts'
import { type Kind, namesAt, startAgent } from './agents.ts'
import { type Berth, Harbour, withoutNamespaces } from './harbour.ts'

const patience = { within: 30_000, every: 500 }
const skip = withoutNamespaces || withoutSerf

/** A namespace with a route for multicast of both families: the real agent's poll fails without either. */
async function quay(harbour: Harbour): Promise<Berth> {
  const berth = harbour.berth()
  for (const route of ['-4 route add 224.0.0.0/4 dev eth0', '-6 route add ff02::/16 dev eth0 table local'])
    spawnSync('ip', ['-n', berth.namespace, ...route.split(' ')])
  // Until its own IPv6 address is known to be free nothing goes out from it.
  await eventually('an address', () => {
    const { stdout } = spawnSync('ip', ['-n', berth.namespace, '-6', 'addr', 'show', 'dev', 'eth0'], {
      encoding: 'utf8',
    })
    return stdout.includes('fe80') && !stdout.includes('tentative')
  })
  return berth
}

const IPV6_ALONE = '-mdns-disable-ipv4'
const PAIRS: [string, Kind, Kind, string[]][] = [
  ['TestCommandRun_mDNS', 'ours', 'ours', []],
  ['a real agent finds ours', 'ours', 'real', []],
  ['ours finds a real agent', 'real', 'ours', []],
  ['a real agent finds ours over IPv6 alone', 'ours', 'real', [IPV6_ALONE]],
  ['ours finds a real agent over IPv6 alone', 'real', 'ours', [IPV6_ALONE]],
]
describe('discovery', { concurrency: 3 }, () => {
  for (const [what, first, second, flags] of PAIRS) {
    const flagsOf = (kind: Kind) => ['-discover=clu', ...(kind === 'ours' ? flags : [])]
    test(`${what}: ${second} asks, ${first} answers`, { skip }, async (t) => {
      const harbour = new Harbour(t)
      const [one, two] = await Promise.all([quay(harbour), quay(harbour)])
      startAgent(t, first, one, 'n1', flagsOf(first))
      await eventually('the first', () => namesAt(one).length === 1, patience)
      // Who comes second asks at its start; the first will not ask again within a minute.
      const output = startAgent(t, second, two, 'n2', flagsOf(second))
      await eventually(
        'found by the one that asked',
        () => /agent\.mdns: Joined [12] hosts/.test(output()),
        patience,
      )
      await eventually('both', () => namesAt(one).length === 2 && namesAt(two).length === 2, patience)
      assert.deepEqual(
        [namesAt(one), namesAt(two)],
        [
          ['n1', 'n2'],
          ['n1', 'n2'],
        ],
      )
    })
  }

  /**
   * Runs in a namespace: tells each packet of the group that it hears as `heard HEX`; asks the questions of its arguments from a port of its own,
   * again and again, and tells what comes back to it as `answer HEX`.
   */
  const LISTENER = `
const { createSocket } = require('node:dgram')
const group = createSocket({ type: 'udp4', reuseAddr: true })
group.on('message', (packet) => console.log('heard', packet.toString('hex')))
group.bind(5353, () => group.addMembership('224.0.0.251'))
const asker = createSocket('udp4')
asker.on('message', (packet) => console.log('answer', packet.toString('hex')))
const questions = process.argv.slice(1)
if (questions.length > 0) setInterval(() => {
  for (const hex of questions) asker.send(Buffer.from(hex, 'hex'), 5353, '224.0.0.251')
}, 300)
`

  function listen(t: TestContext, { namespace }: Berth, ...questions: string[]): () => string {
    const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, '-e', LISTENER, ...questions], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    tieToUs(child)
    t.after(() => {
      child.kill('SIGKILL')
    })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    return () => output
  }

  /** What the real ones sent, from the page: cluster `clu`, node `md1` on 127.0.2.21, host `vm`. */
  const QUESTION = 'db4100000001000000000000095f736572665f636c75045f746370056c6f63616c00000c0001'
  const ANSWER =
    '000084000000000400000000095f736572665f636c75045f746370056c6f63616c00000c0001000000780006036d6431c00cc02c0021000100000078000a000a00011f0a02766d00c044000100010000007800047f000215c02c0010000100000078001312536572662027636c752720636c7573746572'
  const ANSWER_TO_UNICAST = ANSWER.replace(/^0000/, 'db41')

  /** Names as they stand in the packet, wherever a pointer to them was taken instead, and what is there of each record. */
  function recordsOf(hex: string): { head: string; records: string[] } {
    const bytes = Buffer.from(hex, 'hex')
    const name = (at: number): { text: string; end: number } => {
      const length = bytes[at]
      if (length === 0) return { text: '', end: at + 1 }
      if (length >= 0xc0) return { text: name(bytes.readUInt16BE(at) & 0x3fff).text, end: at + 2 }
      const rest = name(at + 1 + length)
      return { text: `${bytes.toString('utf8', at + 1, at + 1 + length)}.${rest.text}`, end: rest.end }
    }
    const records: string[] = []
    let at = 12
    for (let i = 0; i < bytes.readUInt16BE(6); i++) {
      const { text, end } = name(at)
      const type = bytes.readUInt16BE(end)
      const data = end + 10
      at = data + bytes.readUInt16BE(end + 8)
      const fixed = bytes.toString('hex', end, end + 8)
      const value =
        type === 12
          ? name(data).text
          : type === 33
            ? `${bytes.toString('hex', data, data + 6)} ${name(data + 6).text}`
            : bytes.toString('hex', data, at)
      records.push(`${text} ${fixed} ${value}`)
    }
    return { head: hex.slice(0, 24), records }
  }

  test('the packets: our question is theirs but for its id, our answer holds theirs record by record; real ones beside', {
    skip,
  }, async (t) => {
    const harbour = new Harbour(t)
    const [one, two, three] = await Promise.all([quay(harbour), quay(harbour), quay(harbour)])
    // The high bit of a question's class asks for an answer to the asker, which then carries the question's id.
    const unicast = QUESTION.replace(/0001$/, '8001')
    const heard = listen(t, three, QUESTION, unicast)
    await eventually('the listener', () => heard().includes('heard'), patience)
    startAgent(t, 'ours', one, 'md1', ['-discover=clu'])
    await eventually(
      'two answers',
      () => heard().includes('answer 0000') && heard().includes('answer db41'),
      patience,
    )
    const asked = heard()
      .split('\n')
      .filter((line) => line.startsWith('heard ') && !line.startsWith('heard db41'))
      .map((line) => line.slice('heard '.length))
    assert.ok(asked.length > 0)
    for (const question of asked) assert.equal(question.slice(4), QUESTION.slice(4))

    const ip = Buffer.from(one.ip.split('.').map(Number)).toString('hex')
    const here = (hex: string) => {
      const { head, records } = recordsOf(hex)
      return {
        head,
        records: records.map((record) =>
          record
            .replace('vm. ', `${hostname()}. `)
            .replace(/vm\.$/, `${hostname()}.`)
            .replace('7f000215', ip),
        ),
      }
    }
    const answers = () => [...heard().matchAll(/^answer (\S+)$/gm)].map(([, hex]) => recordsOf(hex))
    const byHead = (head: string) => answers().find((answer) => answer.head.startsWith(head))
    assert.deepEqual(byHead('0000'), here(ANSWER))
    assert.deepEqual(byHead('db41'), here(ANSWER_TO_UNICAST))

    // The real one, asked the same, in the same pool.
    const before = answers().length
    startAgent(t, 'real', two, 'md2', ['-discover=clu'])
    const named = (answer: { records: string[] }) =>
      answer.records.some((record) => record.startsWith('md2.'))
    await eventually('an answer of the real one', () => answers().slice(before).some(named), patience)
    const theirs = answers().find((answer) => named(answer) && answer.head.startsWith('0000'))
    const ours = byHead('0000')
    const other = Buffer.from(two.ip.split('.').map(Number)).toString('hex')
    assert.deepEqual(theirs, {
      head: ours?.head,
      records: ours?.records.map((record) => record.replaceAll('md1.', 'md2.').replace(ip, other)),
    })
  })
})
