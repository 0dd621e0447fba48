import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeQuery } from '../testkit/script.ts'
import type { OnQuery } from './listener.ts'
import { FrameReader, framed } from './tcp-frames.ts'
import { tcpOpener, type TcpLimits } from './tcp-listener.ts'

const LIMITS: TcpLimits = { idleMs: 150, connections: 4, perClient: 3, pipelined: 4, unsentOctets: 100_000 }
const QUERY = framed(encodeQuery({ name: 'example', type: 'A' }))

/** A port that was free a moment ago. */
const freePort = async (): Promise<number> => {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  return typeof address === 'object' && address !== null ? address.port : assert.fail()
}

/** A listener on a free port with what a test does to queries; `use` gets a way to connect. */
const withListener = async (
  onQuery: OnQuery,
  use: (open: () => Promise<Socket>) => Promise<void>,
  limits = LIMITS,
): Promise<void> => {
  const endpoint = { address: '127.0.0.1', port: await freePort() }
  const listener = await tcpOpener(limits)(endpoint, onQuery, assert.fail)
  const sockets: Socket[] = []
  try {
    await use(async () => {
      const socket = connect(endpoint.port, endpoint.address)
      sockets.push(socket)
      socket.on('error', () => {})
      await once(socket, 'connect')
      return socket
    })
  } finally {
    for (const socket of sockets) socket.destroy()
    await listener.close()
  }
}

/** Not `once`: a reset by the server is an error event, and what is expected here. */
const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.on('close', () => resolve()))

const ignore: OnQuery = () => {}

test('RFC 7766 §6.2.3: an idle connection is ended', async () => {
  await withListener(ignore, async (open) => {
    const startMs = performance.now()
    await closed(await open())
    assert.ok(performance.now() - startMs >= LIMITS.idleMs - 5)
  })
})

test('octets without a whole message are no sign of life', async () => {
  await withListener(ignore, async (open) => {
    const socket = await open()
    const startMs = performance.now()
    // The length of a message that never becomes whole.
    socket.write(Uint8Array.of(0xff, 0xff))
    const drip = setInterval(() => socket.write(Uint8Array.of(0)), 10)
    await closed(socket)
    clearInterval(drip)
    assert.ok(performance.now() - startMs >= LIMITS.idleMs - 5)
  })
})

test('of one connection only so many queries are under way', async () => {
  let most = 0
  let now = 0
  const waiting: (() => void)[] = []
  const onQuery: OnQuery = (packet, _source, _transport, reply) => {
    now++
    most = Math.max(most, now)
    waiting.push(() => {
      now--
      reply(packet)
    })
    // Everything that came in one turn of the event loop is under way together.
    if (waiting.length === 1)
      setImmediate(() => {
        for (const go of waiting.splice(0)) go()
      })
  }
  await withListener(onQuery, async (open) => {
    const socket = await open()
    const frames = new FrameReader()
    const replies: Uint8Array[] = []
    const all = Promise.withResolvers<void>()
    socket.on('data', (chunk: Uint8Array) => {
      frames.push(chunk, (message) => replies.push(message))
      if (replies.length === 40) all.resolve()
    })
    // One by one, so that each is a chunk of its own as far as the kernel lets it.
    for (let i = 0; i < 40; i++) {
      socket.write(QUERY)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await all.promise
    // A chunk may hold a few queries more than the limit, never the whole stream.
    assert.ok(most < 40, `${most} at one time`)
  })
})

test('a client that fetches nothing is disconnected', async () => {
  const big = new Uint8Array(60_000)
  const reply: OnQuery = (_packet, _source, _transport, send) => send(big)
  await withListener(reply, async (open) => {
    const socket = await open()
    socket.pause()
    // Asks until the kernel's buffers on both sides are full and the replies pile up in the server.
    const feed = setInterval(() => socket.write(Buffer.concat(Array.from({ length: 20 }, () => QUERY))), 1)
    await closed(socket)
    clearInterval(feed)
  })
})

test('connections are bounded per client', async () => {
  // Nothing is ended for being idle while this lasts.
  const limits = { ...LIMITS, idleMs: 600_000 }
  const use = async (open: () => Promise<Socket>): Promise<void> => {
    const kept = [await open(), await open(), await open()]
    await closed(await open())
    assert.ok(kept.every((socket) => !socket.destroyed))
  }
  await withListener(ignore, use, limits)
})

test('property: however a stream is cut, the same messages come out', () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 })
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (sent, cuts) => {
      const stream = Buffer.concat(sent.map(framed))
      const came: Uint8Array[] = []
      const frames = new FrameReader()
      for (let at = 0, i = 0; at < stream.length; i++) {
        const size = cuts[i % cuts.length] ?? 1
        frames.push(stream.subarray(at, at + size), (message) => came.push(Uint8Array.from(message)))
        at += size
      }
      assert.deepEqual(
        came,
        sent.map((message) => Uint8Array.from(message)),
      )
      assert.equal(frames.isPartial, false)
    }),
  )
})
