import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, test } from 'node:test'
import { endAll } from './endings.ts'
import { a } from './records.ts'
import { encodeQuery } from './script.ts'
import { startUpstream } from './scripted-upstream.ts'

const endings: (() => unknown)[] = []
afterEach(() => endAll(endings.splice(0)))

const NAME = 'v4.example.net'

test('an answer that is still due when a scripted upstream is closed is not sent', async () => {
  const upstream = await startUpstream(() => ({ answers: [a(NAME, '192.0.2.1')], afterMs: 20 }))
  const client = createSocket('udp4')
  endings.push(() => client.close())
  const { promise, resolve } = Promise.withResolvers<void>()
  upstream.script = () => {
    resolve()
    return { answers: [a(NAME, '192.0.2.1')], afterMs: 20 }
  }
  client.send(encodeQuery({ name: NAME, type: 'A' }), upstream.port, upstream.address)
  await promise
  await upstream.close()
  // A timer set behind that of the answer runs behind it; what that one throws ends this test.
  await new Promise((past) => setTimeout(past, 40))
  assert.deepEqual(upstream.heard, [`${NAME} A udp`])
})

test('where its UDP port is taken, a scripted upstream leaves no TCP port open', async () => {
  const other = createSocket('udp4')
  endings.push(() => other.close())
  other.bind(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address()
  await assert.rejects(
    startUpstream(() => 'silence', '127.0.0.1', port),
    { code: 'EADDRINUSE' },
  )
  const server = createServer().listen(port, '127.0.0.1')
  endings.push(() => server.close())
  await once(server, 'listening')
})
