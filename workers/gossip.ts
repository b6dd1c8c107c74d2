/** Thread entry point of gossip. */
import { workerData } from 'node:worker_threads'
import type { GossipCommand, Restored, Self, ToDetector, ToDispatch, ToGossip } from '../src/actors/mail.ts'
import { GossipBody } from './bodies.ts'
import { sufferFaults } from './faults.ts'
import { PortOutlet, readPort } from './mailbox.ts'
import { placeOf, serve, type ThreadData } from './thread.ts'

const data: ThreadData = workerData
if (data.detector === undefined || data.dispatch === undefined) throw new Error('gossip lacks a wall')
const { detector, dispatch } = data
const body = new GossipBody(
  data.settings,
  new PortOutlet<ToDetector>(detector.port, detector.outward),
  new PortOutlet<ToDispatch>(dispatch.port, dispatch.outward),
  placeOf('gossip', data),
)
readPort<ToGossip>(detector.port, detector.inward, (mail) => body.receive(mail))
readPort<ToGossip>(dispatch.port, dispatch.inward, (mail) => body.receive(mail))
sufferFaults<ToGossip>(data.faults.gossip, 'gossip', (mail) => body.receive(mail))

/** What the facade's side may ask of this thread. */
const api = {
  listen: (ip: string, port: number) => body.listen(ip, port),
  unlisten: () => body.unlisten(),
  begin: (self: Self, restored?: Restored) => body.begin(self, restored),
  command: (command: GossipCommand) => body.command(command),
}
export type GossipApi = typeof api & { close(): Promise<void> }

serve(data, api, () => body.close())
