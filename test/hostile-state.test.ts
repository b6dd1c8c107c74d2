/**
 * Lies about live members of a pool without a key, which nobody can tell from the truth: a member is said to be dead, gone, leaving, pruned, or to have
 * another address. Within moments all of them list each other alive again, and what was sent into the clocks does them no harm.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Cluster } from 'folkmoot'
import { type Body, encodeTree, type Tree } from 'folkmoot/wire'
import { listener, until } from './hostile-tools.ts'

const NAMES = ['alpha', 'beta', 'gamma']

async function pool(t: TestContext): Promise<Cluster[]> {
  const members = await Promise.all(
    NAMES.map((nodeName) =>
      Cluster.create({ nodeName, bind: '127.0.0.1:0', threads: 'one', profile: 'local' }),
    ),
  )
  t.after(() => Promise.all(members.map((member) => member.shutdown())))
  const [first, ...others] = members
  const { address, port } = first.localMember()
  for (const other of others) await other.join([`${address}:${port}`])
  await until(() => isWhole(members), 'the pool is whole')
  return members
}

const isWhole = (members: Cluster[]) =>
  members.every((member) => NAMES.every((name) => member.member(name)?.status === 'alive'))

const about = (name: 'suspect' | 'dead', Node: string, From: string, Incarnation: number): Tree => ({
  type: 'message',
  name,
  fields: { From, Incarnation, Node },
})
const serf = (name: string, fields: Body): Tree => ({
  type: 'user',
  payload: { type: 'message', name, fields },
})

test('lies about a live member heal, whichever they are', async (t) => {
  const members = await pool(t)
  const { socket } = await listener(t)
  const beta = () => members[1].localMember().incarnation
  const time = async () => (await members[0].stats()).gossip.member_time
  const lies: [what: string, lie: (incarnation: number, time: number) => Tree][] = [
    ['suspect', (incarnation) => about('suspect', 'beta', 'alpha', incarnation)],
    ['dead', (incarnation) => about('dead', 'beta', 'gamma', incarnation + 1)],
    ['left of its own accord', (incarnation) => about('dead', 'beta', 'beta', incarnation + 3)],
    ['leaving', (_, now) => serf('leave', { LTime: now + 5, Node: 'beta', Prune: false })],
    ['pruned', (_, now) => serf('leave', { LTime: now + 5, Node: 'beta', Prune: true })],
    ['a far incarnation', (incarnation) => about('dead', 'beta', 'alpha', incarnation + 1_000_000)],
  ]
  for (const [what, lie] of lies) {
    const bytes = encodeTree(lie(beta(), await time()))
    // All but the victim hear it first.
    for (const member of [members[0], members[2]])
      socket.send(bytes, member.localMember().port, member.localMember().address)
    let wasHurt = false
    const watch = setInterval(() => {
      wasHurt ||= !isWhole(members)
    }, 5)
    await new Promise((resolve) => setTimeout(resolve, 400))
    const took = await until(
      () => isWhole(members),
      `after the lie «${what}»: ${members.map((one) => one.member('beta')?.status)}`,
    )
    clearInterval(watch)
    t.diagnostic(
      `${what}: ${wasHurt ? 'believed, ' : 'not believed, '}whole ${Math.round(400 + took)} ms later at most`,
    )
  }
})

test('times near 2^64 and old events from strangers leave events and clocks usable', async (t) => {
  const members = await pool(t)
  const { socket } = await listener(t)
  const { address, port } = members[0].localMember()
  for (const LTime of [2n ** 64n - 1n, 2n ** 63n, 2n ** 53n]) {
    socket.send(
      encodeTree(serf('userEvent', { CC: false, LTime, Name: 'spoofed', Payload: null })),
      port,
      address,
    )
    socket.send(encodeTree(serf('join', { LTime, Node: 'beta' })), port, address)
    socket.send(encodeTree(serf('leave', { LTime, Node: 'beta', Prune: true })), port, address)
  }
  await until(
    async () =>
      ((await members[0].stats()).gossip['drop.user-event'] ?? 0) +
        ((await members[0].stats()).gossip['drop.lamport-time'] ?? 0) >=
      3,
    'they are counted',
  )
  const heard: string[] = []
  for (const member of members) member.on('user-event', ({ name }) => heard.push(name))
  await members[2].userEvent('true')
  await until(() => heard.filter((name) => name === 'true').length === 3, 'everybody hears a real event')
  assert.ok(!heard.includes('spoofed'))
  assert.ok(isWhole(members))
})
