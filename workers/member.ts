/** Thread entry point of a whole member: all three actors in one thread. */
import { parentPort, workerData } from 'node:worker_threads'
import type {
  DetectorCommand,
  DispatchCommand,
  GossipCommand,
  Restored,
  Self,
  ToDetector,
  ToDispatch,
  ToGossip,
} from '../src/actors/mail.ts'
import { Assembly } from './assembly.ts'
import { sufferFaults } from './faults.ts'

import { FACADE, placeOf, serve, type ThreadData } from './thread.ts'

const data: ThreadData = workerData
const assembly = new Assembly(data.settings, FACADE, (actor) => placeOf(actor, data))
parentPort?.on('message', (mail: ToDispatch) => assembly.dispatch.receive(mail))
const { faults } = data
sufferFaults<ToDetector>(faults.detector, 'detector', (mail) => assembly.detector.receive(mail))
sufferFaults<ToGossip>(faults.gossip, 'gossip', (mail) => assembly.gossip.receive(mail))
sufferFaults<ToDispatch>(faults.dispatch, 'dispatch', (mail) => assembly.dispatch.receive(mail))

/** What the facade's side may ask of this thread. */
const api = {
  // Not «bind»: comlink takes that word for the one of functions.
  bindUdp: (ip: string, port: number) => assembly.detector.bind(ip, port),
  listen: (ip: string, port: number) => assembly.gossip.listen(ip, port),
  unlisten: () => assembly.gossip.unlisten(),
  begin: (self: Self, restored?: Restored) => assembly.begin(self, restored),
  detector: (command: DetectorCommand) => assembly.detector.command(command),
  gossip: (command: GossipCommand) => assembly.gossip.command(command),
  dispatch: (command: DispatchCommand) => assembly.dispatch.command(command),
}
export type MemberApi = typeof api & { close(): Promise<void> }

serve(data, api, () => assembly.close())
