/** Thread entry point of dispatch. Its news go to the host's thread directly. */
import { parentPort, workerData } from 'node:worker_threads'
import type { DispatchCommand, ToDispatch, ToGossip } from '../src/actors/mail.ts'
import { DispatchBody } from './bodies.ts'
import { sufferFaults } from './faults.ts'
import { PortOutlet, readPort } from './mailbox.ts'

import { FACADE, placeOf, serve, type ThreadData } from './thread.ts'

const data: ThreadData = workerData
if (data.gossip === undefined) throw new Error('dispatch has no wall to gossip')
const { port, outward, inward } = data.gossip
const body = new DispatchBody(
  data.settings,
  new PortOutlet<ToGossip>(port, outward),
  FACADE,
  placeOf('dispatch', data),
)
readPort<ToDispatch>(port, inward, (mail) => body.receive(mail))
parentPort?.on('message', (mail: ToDispatch) => body.receive(mail))
sufferFaults<ToDispatch>(data.faults.dispatch, 'dispatch', (mail) => body.receive(mail))

/** What the facade's side may ask of this thread. */
const api = { command: (command: DispatchCommand) => body.command(command) }
export type DispatchApi = typeof api & { close(): Promise<void> }

serve(data, api, () => body.close())
