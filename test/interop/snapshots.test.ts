/** Snapshots of real agents and of ours, each read by the other after a crash: who was there is found again, and nothing is seen twice. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { folderOf } from '../local.ts'
import { addressOf, listed, startMember } from './pool.ts'
import { eventually, freePort, freshIp, SerfAgent, withoutSerf } from './serf-agent.ts'

const linesOf = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [])

describe('snapshots', { concurrency: true, skip: withoutSerf }, () => {
  test('an agent goes on from the file of a member of ours, and sees no event again', async (t) => {
    const folder = folderOf(t)
    const [snapshotPath, heard] = [join(folder, 'snapshot'), join(folder, 'heard')]
    const ip = freshIp()
    const bind = `${ip}:${await freePort(ip)}`
    const one = await SerfAgent.start(t, { name: 'one' })
    const member = await startMember(t, { nodeName: 'folk', bind, snapshotPath })
    const gone = await startMember(t, { nodeName: 'gone\nclock: 900' })
    await member.join([one.address, addressOf(gone)])
    await one.event('old', 'from before', { coalesce: false })
    await eventually('the snapshot knows of the event', () =>
      linesOf(snapshotPath).includes('event-clock: 1'),
    )
    await gone.shutdown()
    await listed(member, 'gone\nclock: 900', 'failed', 40_000)
    await eventually('the snapshot remembers who failed', () =>
      linesOf(snapshotPath).some((line) => line.startsWith('# failed: gone%0A')),
    )
    await member.shutdown()
    const agent = await SerfAgent.start(t, {
      name: 'folk',
      bind,
      snapshot: snapshotPath,
      eventHandlers: [`user=echo $SERF_USER_EVENT >> ${heard}`],
    })
    await agent.sees('one', 'alive')
    await one.sees('folk', 'alive')
    // Again until one is heard: gossip in this profile sends each only twice, and one of the two may go to the dead.
    const isHeard = async () => {
      await one.event('new', '', { coalesce: false })
      return linesOf(heard).includes('new')
    }
    await eventually('a new event', isHeard, { every: 2_000 })
    assert.deepEqual([...new Set(linesOf(heard))], ['new'])
  })

  test('a member of ours goes on from the file of an agent, and sees no event again', async (t) => {
    const folder = folderOf(t)
    const [snapshot, heard] = [join(folder, 'snapshot'), join(folder, 'heard')]
    const one = await SerfAgent.start(t, { name: 'one' })
    const two = await SerfAgent.start(t, {
      name: 'two',
      snapshot,
      eventHandlers: [`user=echo $SERF_USER_EVENT >> ${heard}`],
    })
    await two.join(one.address)
    await one.event('old', 'from before', { coalesce: false })
    await eventually('the agent heard the event', () => linesOf(heard).includes('old'))
    // It writes what it has buffered when something new comes after half a second.
    for (let i = 0; !linesOf(snapshot).includes('event-clock: 1'); i++) {
      assert.ok(i < 20, 'the agent does not write its snapshot')
      await one.event(`old-${i}`, '', { coalesce: false })
      await new Promise((resolve) => setTimeout(resolve, 700))
    }
    await two.kill9()
    const member = await startMember(t, { nodeName: 'two', bind: two.address, snapshotPath: snapshot })
    const seen: string[] = []
    member.on('user-event', ({ name }) => seen.push(name))
    await listed(member, 'one', 'alive')
    await one.sees('two', 'alive')
    await one.event('new', '', { coalesce: false })
    await eventually('the new event', () => seen.includes('new'))
    // What the agent had not yet written it could not remember; what it wrote is not seen again.
    assert.ok(!seen.includes('old'), `seen again: ${seen}`)
  })

  test('a member that left stays away, one that is to rejoin comes back', async (t) => {
    const folder = folderOf(t)
    const one = await SerfAgent.start(t, { name: 'one' })
    for (const rejoinAfterLeave of [false, true]) {
      const options = {
        nodeName: `folk-${rejoinAfterLeave}`,
        snapshotPath: join(folder, `${rejoinAfterLeave}`),
        rejoinAfterLeave,
      }
      const first = await startMember(t, options)
      await first.join([one.address])
      await first.leave()
      await first.shutdown()
      const again = await startMember(t, options)
      if (rejoinAfterLeave) await one.sees(options.nodeName, 'alive')
      else {
        await new Promise((resolve) => setTimeout(resolve, 1_000))
        assert.equal(again.memberCount, 1)
      }
    }
  })
})
