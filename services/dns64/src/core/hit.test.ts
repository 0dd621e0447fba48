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

/** Asks, so that the answer is in the cache; what is hot enough for a renewal is not a plain hit. */
const warm = async (server: VirtualServer, packet: Buffer, source = CLIENT): Promise<void> => {
  await server.askBytes(packet, 'udp', source)
}

const V4 = { name: 'v4.example.net', type: 'AAAA', edns: {} } as const

test('an answer in the cache is given at once, with what is left of its TTL, to whoever asks in whatever letters', async () => {
  const server = new VirtualServer({ scripts: SCRIPT })
  assert.equal(server.hit(encodeQuery(V4)), undefined)
  await warm(server, encodeQuery(V4))
  await server.advance(7000)
  for (const other of [
    { ...V4, id: 0xabcd },
    { ...V4, name: 'V4.eXample.net' },
    { name: V4.name, type: 'AAAA' },
    { ...V4, edns: { size: 4096 } },
  ]) {
    const reply = server.hit(encodeQuery(other))
    assert.ok(reply)
    assert.deepEqual(readResponse(reply).answer, [`${V4.name}. 93 AAAA 64:ff9b::c000:221`])
    assert.deepEqual(reply, new Uint8Array(await server.askBytes(encodeQuery(other))))
  }
  assert.equal(server.counters.cache_hits_total, 8)
  assert.equal(server.counters.queries_total, 9)
})

test('another question is no hit: DO, CD, without RD for a prefix that wants it', async () => {
  const site = testSite({ dns64: { prefixes: [{ pref64: '64:ff9b::/96', recursiveOnly: true }] } })
  const server = new VirtualServer({ scripts: SCRIPT, site })
  await warm(server, encodeQuery(V4))
  for (const other of [
    { ...V4, edns: { dnssecOk: true } },
    { ...V4, checkingDisabled: true },
    { ...V4, recursionDesired: false },
    { ...V4, type: 'TXT' },
  ])
    assert.equal(server.hit(encodeQuery(other)), undefined)
})

test('what is malformed, no question, or of an unknown EDNS version is no hit', async () => {
  const server = new VirtualServer({ scripts: SCRIPT })
  const packet = encodeQuery(V4)
  await warm(server, packet)
  for (let length = 0; length < packet.length; length++)
    assert.equal(server.hit(Buffer.from(packet.subarray(0, length))), undefined)
  for (const [at, octet] of [
    [2, 0x81],
    [2, 0x11],
    [5, 2],
    [12, 0xc0],
    [packet.length - 5, 1],
  ] as const) {
    const broken = Buffer.from(packet)
    broken[at] = octet
    assert.equal(server.hit(broken), undefined)
  }
  assert.ok(server.hit(packet))
})

test('nothing is given once the time of the answer is over, or another document holds', async () => {
  const server = new VirtualServer({ scripts: SCRIPT, site: testSite({ dns64: { prefetch: false } }) })
  await warm(server, encodeQuery(V4))
  await server.advance(99_000)
  assert.ok(server.hit(encodeQuery(V4)))
  await server.advance(1000)
  assert.equal(server.hit(encodeQuery(V4)), undefined)
  await warm(server, encodeQuery(V4))
  assert.ok(server.hit(encodeQuery(V4)))
  const { makePolicy } = await import('./policy.ts')
  const policy = makePolicy(testSite({ pref64: ['2001:db8::/96'] }), { hasIp6Uplink: true, hasPrivateUpstream: false })
  server.resolver.use({ ...server.resolver.snapshot, policy })
  assert.equal(server.hit(encodeQuery(V4)), undefined)
  await warm(server, encodeQuery(V4))
  assert.deepEqual(readResponse(server.hit(encodeQuery(V4)) ?? new Uint8Array()).answer, [
    'v4.example.net. 100 AAAA 2001:db8::c000:221',
  ])
})

test('strangers get nothing, and clients with other prefixes nothing that is not for them', async () => {
  const site = testSite({ dns64: { prefixes: [{ pref64: '64:ff9b::/96', clients: [CLIENT] }] } })
  const server = new VirtualServer({ scripts: SCRIPT, site })
  await warm(server, encodeQuery(V4))
  assert.ok(server.hit(encodeQuery(V4)))
  await server.askBytes(encodeQuery(V4), 'udp', '2001:db8::bad')
  assert.equal(server.hit(encodeQuery(V4), '2001:db8::bad'), undefined)
  await warm(server, encodeQuery(V4), 'fd00:64::d2')
  assert.deepEqual(readResponse(server.hit(encodeQuery(V4), 'fd00:64::d2') ?? new Uint8Array()).answer, [])
})

test('rateLimit counts hits, too', async () => {
  const site = testSite({ dns64: { rateLimit: { queriesPerS: 1, burst: 3 } } })
  const server = new VirtualServer({ scripts: SCRIPT, site })
  await warm(server, encodeQuery(V4))
  assert.ok(server.hit(encodeQuery(V4)))
  assert.ok(server.hit(encodeQuery(V4)))
  assert.equal(server.hit(encodeQuery(V4)), undefined)
})

test('a truncated reply is counted as one', async () => {
  const server = new VirtualServer({ scripts: SCRIPT })
  const packet = encodeQuery({ name: 'big.example.net', type: 'A' })
  await warm(server, packet)
  await server.advance(3000)
  const reply = readResponse(server.hit(packet) ?? new Uint8Array())
  assert.deepEqual([reply.flags, reply.answer], ['QR TC RD RA', []])
  assert.equal(server.counters.truncated_total, 2)
})

test('property: a hit is, octet for octet, what handling the packet gives', async () => {
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
        const ready = server.hit(packet)
        if (ready !== undefined) assert.deepEqual(ready, new Uint8Array(await server.askBytes(packet)))
      }
      assert.deepEqual(server.defects, [])
    }),
    { numRuns: 60 },
  )
})
