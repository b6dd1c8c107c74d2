/** The process behind `Peer`: takes one order after the other. */
import { ping } from './ping.ts'
import type { Order, Report } from './pool.ts'
import { pour } from './pour.ts'
import { serve } from './serve.ts'

async function obey(order: Order): Promise<Report> {
  switch (order.type) {
    case 'pour':
      return pour(order)
    case 'serve':
      return serve(order.members)
    case 'ping':
      return ping(order)
  }
}

process.on('message', async (order: Order) => {
  const report = await obey(order)
  process.send?.(report)
})
process.on('disconnect', () => process.exit())
