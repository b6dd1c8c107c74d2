/**
 * Places a member's three actors where the settings say, connects their mailboxes, binds their sockets and begins. The facade knows
 * nothing of threads beyond this.
 */
import type { Self } from '../src/actors/mail.ts'
import type { Transport } from '../src/cluster/transport.ts'
import { newCrashMemory } from '../src/gossip/crash-memory.ts'
import { refuseForeignSelf } from '../src/options/admission.ts'
import type { Settings } from '../src/options/options.ts'
import { advertised, bindable, boundIps } from './addresses.ts'
import type { Host } from './host.ts'
import { Life } from './life.ts'
import { Pulse } from './pulse.ts'
import { type Placed, SupervisedMember } from './supervisor.ts'

/** Starts a member's actors, and starts them again when one crashes. Rejects with BindFailed or InvalidOption, and then leaves nothing open. */
export async function place(wanted: Settings, host: Host, transport?: Transport): Promise<Placed> {
  const bound = await bindable(wanted)
  if (bound.reason !== '') host.log('gossip', 'info', `binding ${bound.ip}: ${bound.reason}`)
  const settings = { ...wanted, bindIp: bound.ip }
  const pulse = new Pulse(settings.hostStall.after)
  const shared = { settings, beats: pulse.beats, memory: newCrashMemory(), transport }
  const life = new Life(shared, host)
  try {
    const restored = await life.restore()
    const port = await life.bind(settings.bindPort)
    const { ip, reason } = await advertised(settings)
    if (reason !== '') host.log('gossip', 'info', `advertising ${ip}: ${reason}`)
    refuseForeignSelf(settings.cidrsAllowed, ip)
    const self: Self = {
      name: settings.nodeName,
      ip,
      port: settings.advertisePort || port,
      bindPort: port,
      boundIps: boundIps(settings.bindIp),
    }
    await life.seats.begin(self, restored)
    return new SupervisedMember(self, life, { shared, pulse, host })
  } catch (error) {
    pulse.stop()
    await life.end()
    throw error
  }
}
