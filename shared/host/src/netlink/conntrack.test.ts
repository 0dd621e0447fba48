import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { after, test } from 'node:test'
import { enterNamespace, Namespace } from '@sixgate/testkit'
import { closeConntrack, otherEndIn, outsideOf } from './conntrack.ts'
import { NetlinkError } from './error.ts'

const skip = enterNamespace()
const LOOPBACK = 0x7f000001
const SEEN_PORT = 4444
after(closeConntrack)

test('what NAT makes of an end is asked of the kernel, whoever opened the connection', { skip }, async () => {
  const here = Namespace.here()
  here.ip('link set lo up')
  const server = createServer((stream) => stream.resume()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  here.sh(
    'nft',
    `table ip nat { chain c { type nat hook postrouting priority 100; tcp dport ${port} snat to 127.0.0.1:${SEEN_PORT}; }; }`,
  )
  const client = connect(port, '127.0.0.1')
  const [[stream]] = await Promise.all([once(server, 'connection'), once(client, 'connect')])
  assert.equal((stream as { remotePort: number }).remotePort, SEEN_PORT)
  const end = (at: number) => ({ ip4: LOOPBACK, port: at })
  const own = client.localPort ?? assert.fail()
  assert.deepEqual(outsideOf(end(own), end(port)), end(SEEN_PORT))
  // Seen from the other end nothing was changed.
  assert.deepEqual(outsideOf(end(port), end(SEEN_PORT)), end(port))
  assert.equal(outsideOf(end(own), end(port + 1)), undefined)
  client.destroy()
  server.close()
})

test('an answer that lacks something is malformed, not a wrong address', () => {
  for (const octets of [
    [2, 0, 0, 0],
    [2, 0, 0, 0, 4, 0, 1, 0],
    [2, 0, 0, 0, 8, 0, 1, 128, 4, 0, 1, 128],
  ])
    assert.throws(
      () => otherEndIn(new DataView(Uint8Array.from(octets).buffer), { ip4: LOOPBACK, port: 1 }),
      (error) => error instanceof NetlinkError && error.code === 'malformed',
    )
})
