import assert from 'node:assert/strict'
import { type AddressInfo, connect, createServer } from 'node:net'
import { test } from 'node:test'
import { NatsLab, silent } from '../testkit/nats-lab.ts'
import { Link } from './link.ts'

/** So long a machine that has much else to do may take for the handshake. */
const SLOW_MS = 3000

test('a handshake that takes three seconds ends in a connection, at the first attempt', async (t) => {
  await using lab = await NatsLab.start()
  const port = Number(new URL(lab.server.url).port)
  let attempts = 0
  const slow = createServer((client) => {
    attempts++
    const timer = setTimeout(() => client.pipe(connect(port, '127.0.0.1')).pipe(client), SLOW_MS)
    client.on('error', () => undefined).on('close', () => clearTimeout(timer))
  })
  await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve))
  t.after(() => slow.close())
  const url = `nats://127.0.0.1:${(slow.address() as AddressInfo).port}`
  const link = new Link({ url, seedFile: lab.seedFile, name: 'test', inboxPrefix: '_INBOX_test', log: silent })
  t.after(() => link.close())
  assert.ok(await link.ready(4 * SLOW_MS))
  assert.deepEqual([attempts, link.complaint], [1, undefined])
})
