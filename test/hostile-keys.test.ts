/**
 * A live member with a key: what kills others who hold one (an empty sealed stream, padding that lies), and everything that is not sealed under its key, from
 * fuzz and from the recordings, changes nothing and is counted.
 */
import assert from 'node:assert/strict'
import { createCipheriv } from 'node:crypto'
import { test } from 'node:test'
import { Cluster } from 'folkmoot'
import { decodeStream, encodeTree, type Tree } from 'folkmoot/wire'
import { SeededRandom } from '../src/actors/random.ts'
import { Inputs } from './fuzz/inputs.ts'
import { ask, listener, until } from './hostile-tools.ts'

const KEY = new Uint8Array(16).fill(7)
const keys = [KEY]
const nonce = new Uint8Array(12).fill(3)

/** Sealed as version 0 with any plaintext, rightly padded or not. */
function sealedAsIs(plain: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-128-gcm', KEY, nonce)
  const text = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([Uint8Array.of(0), nonce, text, cipher.getAuthTag()])
}

const sealed = (carrier: 'packet' | 'stream', inner: Tree): Uint8Array =>
  encodeTree({ type: 'encrypt', carrier, version: 1, keyIndex: 0, nonce, inner }, { keys })
const nothing: Tree = { type: 'malformed', layer: '', offset: 0, reason: '', bytes: new Uint8Array(0) }
const ping: Tree = { type: 'message', name: 'ping', fields: { Node: 'alpha', SeqNo: 9 } }

test('with a key, nothing that is not sealed under it changes anything, and nothing that is sealed kills', async (t) => {
  const cluster = await Cluster.create({
    nodeName: 'alpha',
    bind: '127.0.0.1:0',
    encryptionKeys: keys,
    compression: false,
  })
  t.after(() => cluster.shutdown())
  const place = cluster.localMember()
  const { socket, heard } = await listener(t)
  const count = async (counter: string) => (await cluster.stats()).detector[counter] ?? 0

  const { answer } = await ask(place, sealed('stream', nothing))
  const reply = decodeStream(answer, { keys })
  assert.ok(reply.type === 'encrypt' && reply.inner.type === 'message' && reply.inner.name === 'err')
  const plain = await ask(place, encodeTree(ping))
  assert.ok(plain.isClosed)

  const before = await count('drop.decrypt')
  const lies = [0xff, 0, 17].map((padding) => sealedAsIs(new Uint8Array(16).fill(padding)))
  for (const bytes of lies) socket.send(bytes, place.port, place.address)
  await until(
    async () => (await count('drop.decrypt')) >= before + lies.length,
    'padding that lies is not opened',
  )
  socket.send(sealed('packet', nothing), place.port, place.address)
  await until(async () => (await count('drop.empty')) > 0, 'sealed nothing is dropped')

  const inputs = new Inputs(new SeededRandom(20_261_125))
  for (let i = 0; i < 2_000; i++) {
    const bytes = inputs.next().subarray(0, 60_000)
    socket.send(bytes, place.port, place.address)
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  heard.length = 0
  let tries = 0
  await until(() => {
    if (tries++ % 25 === 0) socket.send(sealed('packet', ping), place.port, place.address)
    return heard.length > 0
  }, 'a sealed ping is answered')
  assert.deepEqual(
    cluster.members().map(({ name, status }) => [name, status]),
    [['alpha', 'alive']],
  )
  assert.ok((await count('drop.decrypt')) > 500)
})
