/** `folkmoot doctor` where a firewall stands in the way of UDP one way: members are alive by their helpers, and the doctor names who and which way. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { eventually, withoutSerf } from '../interop/serf-agent.ts'
import { commandIn, type Kind, namesAt, startAgent } from './agents.ts'
import { type Berth, Harbour, withoutNamespaces } from './harbour.ts'

const patience = { within: 60_000, every: 1_000 }
const skip = withoutNamespaces || withoutSerf

interface Finding {
  level: string
  about: string
  text: string
}

function diagnosisAt(berth: Berth): { findings: Finding[]; exit: number | null } {
  const { stdout, exit } = commandIn(berth, 'ours', 'doctor', '-format=json')
  const { findings }: { findings: Finding[] } = JSON.parse(stdout)
  return { findings, exit }
}

/** Our agent n1, a helper n2, and n3 of a kind: three that know each other. */
async function three(t: TestContext, harbour: Harbour, kind: Kind): Promise<[Berth, Berth, Berth]> {
  const berths = [harbour.berth(), harbour.berth(), harbour.berth()] satisfies Berth[]
  const kinds: Kind[] = ['ours', 'real', kind]
  const said: (() => string)[] = []
  for (const [i, berth] of berths.entries()) {
    const join = i === 0 ? [] : [`-join=${berths[0].ip}`]
    said.push(startAgent(t, kinds[i], berth, `n${i + 1}`, join))
    await eventually(`n${i + 1}`, () => said[i]().includes('Log data will now stream'), patience)
  }
  await eventually('three', () => berths.every((berth) => namesAt(berth).length === 3), patience)
  const [one, two, other] = berths
  return [one, two, other]
}

const WAYS: [string, Kind, 'in' | 'out', RegExp][] = [
  ['from a real agent to us', 'real', 'in', /^UDP from it to us is blocked, or both ways/],
  ['from us to a real agent', 'real', 'out', /^UDP from us to it is blocked, from it to us it works/],
]
describe('one way', { concurrency: true }, () => {
  for (const [what, kind, way, text] of WAYS) {
    test(`UDP ${what} is blocked: nobody fails, and the doctor says so`, { skip }, async (t) => {
      const harbour = new Harbour(t)
      const [one, , other] = await three(t, harbour, kind)
      await eventually(
        'nothing is wrong with the network',
        () => {
          return diagnosisAt(one).findings.some(({ about, level }) => about === 'network' && level === 'ok')
        },
        patience,
      )
      harbour.wall(
        way === 'in' ? { from: other, to: one, protocol: 'udp' } : { from: one, to: other, protocol: 'udp' },
      )
      const found = await eventually(
        'the way that is blocked',
        () => {
          const { findings, exit } = diagnosisAt(one)
          const about = findings.filter((finding) => finding.about === 'n3')
          return (
            exit === 1 &&
            about.some((finding) => finding.level === 'problem' && text.test(finding.text)) &&
            findings
          )
        },
        patience,
      )
      assert.ok(!found.some(({ about }) => about === 'n2'), 'the other one is not blamed')
      assert.deepEqual(namesAt(one), ['n1', 'n2', 'n3'])
    })
  }
})
