import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readResponse } from '../testkit/reading.ts'
import { a, aaaa, soa, table } from '../testkit/records.ts'
import { encodeQuery, type QuerySpec } from '../testkit/script.ts'
import { CLIENT, testSite, VirtualServer } from '../testkit/virtual-server.ts'

const SCRIPT = table({
  'v4.example.net A': { answers: [a('v4.example.net', '192.0.2.33', 100)] },
  'v4.example.net AAAA': { authorities: [soa('example.net')] },
  'six.example.net AAAA': { answers: [aaaa('six.example.net', '2001:db8::6')] },
  'big.example.net A': {
    answers: Array.from({ length: 60 }, (_, i) => a('big.example.net', `192.0.2.${i}`)),
  },
})

/** Asks until a reply is kept ready: it has to be worth it. */
const warm = async (server: VirtualServer, packet: Buffer, source = CLIENT): Promise<void> => {
  server.repeat(packet, source)
  for (let i = 0; i < 2; i++) await server.askBytes(packet, 'udp', source)
}

const V4 = { name: 'v4.example.net', type: 'AAAA', edns: {} } as const

test('what was asked in the same words gets the same reply, with its own id and what is left of the TTL', async () => {
  const server = new VirtualServer({ scripts: SCRIPT })
  assert.equal(server.repeat(encodeQuery(V4)), undefined)
  await warm(server, encodeQuery(V4))
  await server.advance(7000)
  const reply = server.repeat(encodeQuery({ ...V4, id: 0xabcd }))
  assert.ok(reply)
  const read = readResponse(reply)
  assert.equal(read.id, 0xabcd)
  assert.deepEqual(read.answer, ['v4.example.net. 93 AAAA 64:ff9b::c000:221'])
  assert.deepEqual(reply, await server.askBytes(encodeQuery({ ...V4, id: 0xabcd })))
  assert.equal(server.counters.cache_hits_total, 3)
})

test('other words are another packet: letters, EDNS, DO, RD', async () => {
  const server = new VirtualServer({ scripts: SCRIPT })
  await warm(server, encodeQuery(V4))
  for (const other of [
    { ...V4, name: 'V4.example.net' },
    { name: V4.name, type: 'AAAA' },
    { ...V4, edns: { dnssecOk: true } },
    { ...V4, edns: { size: 512 } },
    { ...V4, recursionDesired: false },
  ])
    assert.equal(server.repeat(encodeQuery(other)), undefined)
})

test('nothing is ready once the time of the answer is over, or another document holds', async () => {
  const server = new VirtualServer({ scripts: SCRIPT, site: testSite({ dns64: { prefetch: false } }) })
  await warm(server, encodeQuery(V4))
  await server.advance(99_000)
  assert.ok(server.repeat(encodeQuery(V4)))
  await server.advance(1000)
  assert.equal(server.repeat(encodeQuery(V4)), undefined)
  await warm(server, encodeQuery(V4))
  assert.ok(server.repeat(encodeQuery(V4)))
  const { makePolicy } = await import('./policy.ts')
  const policy = makePolicy(testSite({ pref64: ['2001:db8::/96'] }), { hasIp6Uplink: true, hasPrivateUpstream: false })
  server.resolver.use({ ...server.resolver.snapshot, policy })
  assert.equal(server.repeat(encodeQuery(V4)), undefined)
  await warm(server, encodeQuery(V4))
  assert.deepEqual(readResponse(server.repeat(encodeQuery(V4)) ?? new Uint8Array()).answer, [
    'v4.example.net. 100 AAAA 2001:db8::c000:221',
  ])
})

test('strangers get nothing, and clients with other prefixes nothing that is not for them', async () => {
  const site = testSite({ dns64: { prefixes: [{ pref64: '64:ff9b::/96', clients: [CLIENT] }] } })
  const server = new VirtualServer({ scripts: SCRIPT, site })
  await warm(server, encodeQuery(V4))
  assert.ok(server.repeat(encodeQuery(V4)))
  await server.askBytes(encodeQuery(V4), 'udp', '2001:db8::bad')
  assert.equal(server.repeat(encodeQuery(V4), '2001:db8::bad'), undefined)
  await warm(server, encodeQuery(V4), 'fd00:64::d2')
  assert.deepEqual(readResponse(server.repeat(encodeQuery(V4), 'fd00:64::d2') ?? new Uint8Array()).answer, [])
})

test('rateLimit counts what is ready, too', async () => {
  const site = testSite({ dns64: { rateLimit: { queriesPerS: 1, burst: 4 } } })
  const server = new VirtualServer({ scripts: SCRIPT, site })
  await warm(server, encodeQuery(V4))
  assert.ok(server.repeat(encodeQuery(V4)))
  assert.ok(server.repeat(encodeQuery(V4)))
  assert.equal(server.repeat(encodeQuery(V4)), undefined)
})

test('a truncated reply is ready as well, and counted as one', async () => {
  const server = new VirtualServer({ scripts: SCRIPT })
  const packet = encodeQuery({ name: 'big.example.net', type: 'A' })
  await warm(server, packet)
  await server.advance(3000)
  const reply = readResponse(server.repeat(packet) ?? new Uint8Array())
  assert.deepEqual([reply.flags, reply.answer], ['QR TC RD RA', []])
  assert.equal(server.counters.truncated_total, 3)
})

test('property: a reply that is ready is, octet for octet, the one that parsing gives', async () => {
  const spec = fc.record({
    name: fc.constantFrom('v4.example.net', 'six.example.net', 'big.example.net', 'gone.example.net', 'ipv4only.arpa'),
    type: fc.constantFrom('A', 'AAAA', 'TXT', 'ANY'),
    id: fc.nat(0xffff),
    recursionDesired: fc.boolean(),
    checkingDisabled: fc.boolean(),
    edns: fc.option(fc.record({ size: fc.constantFrom(512, 1232, 4096), dnssecOk: fc.boolean() }), { nil: undefined }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(spec, { minLength: 1, maxLength: 12 }), fc.nat(90), async (specs, ageS) => {
      const server = new VirtualServer({ scripts: SCRIPT })
      const packets = specs.map((one) => encodeQuery(one as QuerySpec))
      for (const packet of packets) await warm(server, packet)
      await server.advance(ageS * 1000)
      for (const packet of packets) {
        const ready = server.repeat(packet)
        if (ready !== undefined) assert.deepEqual(ready, new Uint8Array(await server.askBytes(packet)))
      }
      assert.deepEqual(server.defects, [])
    }),
    { numRuns: 60 },
  )
})
