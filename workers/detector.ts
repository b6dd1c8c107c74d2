/** Thread entry point of the detector. */
import { workerData } from 'node:worker_threads'
import type { DetectorCommand, Self, ToDetector, ToGossip } from '../src/actors/mail.ts'
import { DetectorBody } from './detector-body.ts'
import { sufferFaults } from './faults.ts'
import { PortOutlet, readPort } from './mailbox.ts'
import { placeOf, serve, type ThreadData } from './thread.ts'

const data: ThreadData = workerData
if (data.gossip === undefined) throw new Error('the detector has no wall to gossip')
const { port, outward, inward } = data.gossip
const body = new DetectorBody(
  data.settings,
  new PortOutlet<ToGossip>(port, outward),
  placeOf('detector', data),
)
readPort<ToDetector>(port, inward, (mail) => body.receive(mail))
sufferFaults<ToDetector>(data.faults.detector, 'detector', (mail) => body.receive(mail))

/** What the facade's side may ask of this thread. */
const api = {
  // Not «bind»: comlink takes that word for the one of functions.
  bindUdp: (ip: string, bindPort: number) => body.bind(ip, bindPort),
  begin: (self: Self) => body.begin(self),
  command: (command: DetectorCommand) => body.command(command),
}
export type DetectorApi = typeof api & { close(): Promise<void> }

serve(data, api, () => body.close())
