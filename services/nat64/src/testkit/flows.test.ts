import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { execPath } from 'node:process'
import { test } from 'node:test'
import { enterNamespace, Namespace } from '@sixgate/testkit'

const skip = enterNamespace()

const FLOWS = new URL('flows.ts', import.meta.url).pathname
const PORT = 7008

const connected = async (): Promise<Socket> => {
  const socket = connect(PORT, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

test('a client that resets its connection ends none of the others', { skip }, async () => {
  const server = Namespace.here().spawn(execPath, [FLOWS, 'serve', String(PORT)])
  try {
    await server.waitFor(/^ready$/m)
    const other = await connected()
    const resetting = await connected()
    resetting.write('what is answered to a connection that is gone\n')
    resetting.resetAndDestroy()
    // With the second answer all that came before the first one has been seen too.
    for (const line of ['still here', 'and now']) {
      other.write(`${line}\n`)
      const [answer] = await Promise.race([once(other, 'data'), once(other, 'end')])
      assert.equal(String(answer), `${line} 127.0.0.1\n`)
    }
    other.destroy()
  } finally {
    await server.stop()
  }
})
