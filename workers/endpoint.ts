/**
 * Comlink over a MessagePort of worker threads: the adapter that comlink ships does not type-check under NodeNext. Commands only;
 * mail never goes this way.
 */
import type { MessagePort } from 'node:worker_threads'
import type { Endpoint } from 'comlink'

type Listener = Parameters<Endpoint['addEventListener']>[1]

export function endpointOf(port: MessagePort): Endpoint {
  const listeners = new Map<Listener, (data: unknown) => void>()
  return {
    postMessage: (message, transfer) => port.postMessage(message, transfer?.filter(isPortable)),
    addEventListener: (_type, listener) => {
      const onMessage = (data: unknown) => {
        const event = new MessageEvent('message', { data })
        if ('handleEvent' in listener) listener.handleEvent(event)
        else listener(event)
      }
      listeners.set(listener, onMessage)
      port.on('message', onMessage)
    },
    removeEventListener: (_type, listener) => {
      const onMessage = listeners.get(listener)
      if (onMessage !== undefined) port.off('message', onMessage)
      listeners.delete(listener)
    },
    start: () => port.start(),
  }
}

/** Comlink's types speak of the browser's transferables; only buffers ever go over our command ports. */
function isPortable(item: unknown): item is ArrayBuffer {
  return item instanceof ArrayBuffer
}
