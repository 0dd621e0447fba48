import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Exchange, ExchangeResult } from '../core/forwarder.ts'
import { readMessage } from '../core/message.ts'
import { keyOfText } from '../core/name.ts'
import { makeQuestion } from '../core/question.ts'
import { encodeUpstreamQuery } from '../core/upstream-query.ts'
import type { Upstream } from '../core/upstreams.ts'
import { endAll } from '../testkit/endings.ts'
import { a, table } from '../testkit/records.ts'
import {
  makeCertificate,
  type ConnectionUpstream,
  startDoh,
  startDot,
  startTcp,
} from '../testkit/connection-upstream.ts'
import type { Script } from '../testkit/script.ts'
import { UpstreamConnections } from './upstream-connections.ts'

const GOOD = makeCertificate('dns.example')
const OTHER = makeCertificate('other.example')
const SCRIPT = table({
  'slow.example.net A': { answers: [a('slow.example.net', '192.0.2.1')], afterMs: 100 },
  'fast.example.net A': { answers: [a('fast.example.net', '192.0.2.2')] },
})

const endings: (() => unknown)[] = []
after(() => endAll(endings))

/** The answer about slow.example.net does not leave before `promise` has resolved. */
const gated = (promise: Promise<void>): Script =>
  table({
    'slow.example.net A': { answers: [a('slow.example.net', '192.0.2.1')], behind: promise },
    'fast.example.net A': { answers: [a('fast.example.net', '192.0.2.2')] },
  })

/** Asks again and again, until an answer comes; the deadline only ends a test that fails. */
const untilAnswered = async (ask: () => Exchange): Promise<string> => {
  const endMs = performance.now() + 20_000
  for (;;) {
    const asked = ask()
    const pause = new Promise<undefined>((resolve) => {
      setTimeout(() => resolve(undefined), 100)
    })
    const first = await Promise.race([asked.result, pause])
    if (first !== undefined) return said(first)
    asked.cancel()
    assert.ok(performance.now() < endMs, 'no answer')
  }
}

const client = (authorities: string | undefined = GOOD.cert): UpstreamConnections => {
  const upstreams = new UpstreamConnections(authorities, () => {})
  endings.unshift(() => upstreams.close())
  return upstreams
}
const kept = async (starting: Promise<ConnectionUpstream>): Promise<ConnectionUpstream> => {
  const server = await starting
  endings.push(() => server.close())
  return server
}

let id = 1
const query = (name: string): Uint8Array => {
  const question = makeQuestion(keyOfText(name), 1, 1, { dnssecOk: false, checkingDisabled: false, view: 0 })
  return encodeUpstreamQuery(question, { id: id++, edns: true, caseBits: 0, padded: true })
}
const said = (result: ExchangeResult): string => {
  if (result.kind === 'response') {
    const message = readMessage(result.bytes)
    return message.records.map((r) => result.bytes.subarray(r.rdataAt, r.endAt).join('.')).join(' ')
  }
  return result.kind === 'unreachable' ? result.error : result.kind
}

type Protocol = 'tcp' | 'tls' | 'https'
const at = (server: ConnectionUpstream, protocol: Protocol, rest: Partial<Upstream> = {}): Upstream => ({
  address: '127.0.0.1',
  port: server.port,
  protocol,
  name: 'dns.example',
  pins: [],
  path: '/dns-query',
  ...rest,
})

for (const protocol of ['tls', 'https'] as const) {
  const start = protocol === 'tls' ? startDot : startDoh

  test(`${protocol}: many queries on one connection, answers in any order (RFC 7858 §3.3, RFC 8484 §5.2)`, async () => {
    const gate = Promise.withResolvers<void>()
    const server = await kept(start(gated(gate.promise), GOOD))
    const upstreams = client()
    const order: string[] = []
    const ask = async (name: string): Promise<void> => {
      order.push(said(await upstreams.ask(at(server, protocol), query(name)).result))
    }
    await Promise.all([ask('slow.example.net'), ask('fast.example.net').then(gate.resolve)])
    await ask('fast.example.net')
    assert.deepEqual(order, ['192.0.2.2', '192.0.2.1', '192.0.2.2'])
    assert.equal(server.connections, 1)
    // RFC 8467 §4.1: in blocks of 128 octets.
    assert.deepEqual(server.lengths, [128, 128, 128])
  })

  test(`${protocol}: a connection that the server ended is opened again`, async () => {
    const server = await kept(start(SCRIPT, GOOD))
    const upstreams = client()
    assert.equal(said(await upstreams.ask(at(server, protocol), query('fast.example.net')).result), '192.0.2.2')
    server.dropConnections()
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(said(await upstreams.ask(at(server, protocol), query('fast.example.net')).result), '192.0.2.2')
    assert.equal(server.connections, 2)
  })

  test(`${protocol}: the certificate is for another name: nothing is asked`, async () => {
    const server = await kept(start(SCRIPT, OTHER))
    const upstreams = client(OTHER.cert)
    assert.match(said(await upstreams.ask(at(server, protocol), query('fast.example.net')).result), /another name/)
    assert.deepEqual(server.heard, [])
  })

  test(`${protocol}: the certificate is of an authority nobody knows: nothing is asked`, async () => {
    const server = await kept(start(SCRIPT, GOOD))
    const upstreams = client(OTHER.cert)
    assert.match(said(await upstreams.ask(at(server, protocol), query('fast.example.net')).result), /not trusted/)
    assert.deepEqual(server.heard, [])
  })

  test(`${protocol}: the right pin is enough, the wrong one is not (RFC 7858 §4.2)`, async () => {
    const server = await kept(start(SCRIPT, OTHER))
    const upstreams = client()
    const ask = async (pins: string[]): Promise<string> =>
      said(await upstreams.ask(at(server, protocol, { name: undefined, pins }), query('fast.example.net')).result)
    assert.equal(await ask([GOOD.pin, OTHER.pin]), '192.0.2.2')
    assert.match(await ask([GOOD.pin]), /none of the pins/)
    assert.equal(server.heard.length, 1)
  })

  test(`${protocol}: nobody listens there`, async () => {
    const server = await start(SCRIPT, GOOD)
    await server.close()
    assert.match(said(await client().ask(at(server, protocol), query('fast.example.net')).result), /connection refused/)
  })

  test(`${protocol}: a query that was given up does not disturb the next`, async () => {
    const server = await kept(start(SCRIPT, GOOD))
    const upstreams = client()
    const slow = upstreams.ask(at(server, protocol), query('slow.example.net'))
    slow.cancel()
    assert.equal(said(await slow.result), 'cancelled')
    assert.equal(said(await upstreams.ask(at(server, protocol), query('fast.example.net')).result), '192.0.2.2')
  })
}

for (const protocol of ['tcp', 'tls', 'https'] as const) {
  const start = (): Promise<ConnectionUpstream> =>
    protocol === 'tcp' ? startTcp(SCRIPT) : (protocol === 'tls' ? startDot : startDoh)(SCRIPT, GOOD)

  test(`${protocol}: a connection on which nothing comes any more gives way to a new one`, async () => {
    const server = await kept(start())
    const upstreams = client()
    const ask = (): Exchange => upstreams.ask(at(server, protocol), query('fast.example.net'))
    assert.equal(said(await ask().result), '192.0.2.2')
    server.muteConnections()
    assert.equal(await untilAnswered(ask), '192.0.2.2')
    // More, where a machine is so busy that the new one is silent for long, too.
    assert.ok(server.connections >= 2)
  })
}

test('tcp: many queries on one connection, answers in any order (RFC 7766 §6.2.1.1, §7)', async () => {
  const gate = Promise.withResolvers<void>()
  const server = await kept(startTcp(gated(gate.promise)))
  const upstreams = client()
  const order: string[] = []
  const ask = async (name: string, upstream: Upstream): Promise<void> => {
    order.push(said(await upstreams.ask(upstream, query(name)).result))
  }
  // One that is asked over UDP, too, is the same server.
  const plain = { address: '127.0.0.1', port: server.port }
  const overTcp = { ...plain, protocol: 'tcp' } as const
  await Promise.all([ask('slow.example.net', plain), ask('fast.example.net', overTcp).then(gate.resolve)])
  await ask('fast.example.net', plain)
  assert.deepEqual(order, ['192.0.2.2', '192.0.2.1', '192.0.2.2'])
  assert.equal(server.connections, 1)
})

test('tcp: a server that ends the connection after each answer is asked for the rest again (RFC 7766 §6.2.4)', async () => {
  const server = await kept(startTcp(SCRIPT, 1))
  const upstreams = client()
  const results = ['fast.example.net', 'slow.example.net', 'fast.example.net'].map(
    (name) => upstreams.ask({ address: '127.0.0.1', port: server.port }, query(name)).result,
  )
  assert.deepEqual((await Promise.all(results)).map(said), ['192.0.2.2', '192.0.2.1', '192.0.2.2'])
  assert.equal(server.connections, 3)
})

test('tcp: an answer to another question ends that query at once', async () => {
  const server = await kept(startTcp(() => ({ decoys: ['wrong-question'] })))
  let strange = 0
  const upstreams = new UpstreamConnections(undefined, () => strange++)
  endings.unshift(() => upstreams.close())
  const { result } = upstreams.ask({ address: '127.0.0.1', port: server.port }, query('fast.example.net'))
  assert.equal(said(await result), 'it answered another question')
  assert.ok(strange > 0)
})

test('tcp: nobody listens there; when dns64 stops what is under way ends at once', async () => {
  const server = await startTcp(() => 'silence')
  const upstreams = client()
  const there = { address: '127.0.0.1', port: server.port }
  const underWay = upstreams.ask(there, query('fast.example.net'))
  upstreams.close()
  assert.equal(said(await underWay.result), 'it closed the connection')
  assert.equal(said(await upstreams.ask(there, query('fast.example.net')).result), 'dns64 is stopping')
  await server.close()
  const { result } = client().ask(there, query('fast.example.net'))
  assert.match(said(await result), /nobody listens there/)
})

test('tls: a dead connection is found out by the next query, which is sent again (RFC 7766 §6.2.4)', async () => {
  const server = await kept(startDot(SCRIPT, GOOD))
  const upstreams = client()
  await upstreams.ask(at(server, 'tls'), query('fast.example.net')).result
  const asked = upstreams.ask(at(server, 'tls'), query('slow.example.net'))
  server.dropConnections()
  assert.equal(said(await asked.result), '192.0.2.1')
})

test('https: a status other than 200 is no answer', async () => {
  const server = await kept(startDoh(SCRIPT, GOOD, 503))
  assert.match(said(await client().ask(at(server, 'https'), query('fast.example.net')).result), /HTTP status 503/)
})
