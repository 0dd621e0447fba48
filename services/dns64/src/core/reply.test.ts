import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as dnsPacket from 'dns-packet'
import { a, aaaa, ns, rrsig, soa, table } from '../testkit/records.ts'
import { encodeQuery, type Outcome, type QuerySpec } from '../testkit/script.ts'
import { testSite, VirtualServer } from '../testkit/virtual-server.ts'

/** 20 octets on the wire: header and question take 36, each A record 34, because dns-packet does not compress. */
const NAME = 'host1a.example.net'
const addresses = (count: number): ReturnType<typeof a>[] =>
  Array.from({ length: count }, (_, i) => a(NAME, `192.0.2.${i}`))

const serverFor = (outcome: Outcome): VirtualServer => new VirtualServer({ scripts: table({ [`${NAME} A`]: outcome }) })
const ask = (outcome: Outcome, spec: Partial<QuerySpec> = {}, transport: 'udp' | 'tcp' = 'udp') =>
  serverFor(outcome).ask({ name: NAME, type: 'A', ...spec }, transport)

test('RFC 1035 §4.1.1: id and RD come back, RA is set, AA and AD are not', async () => {
  const response = await ask(
    { answers: addresses(1), authoritative: true, authenticData: true },
    { id: 0xbeef, authenticData: true },
  )
  assert.equal(response.id, 0xbeef)
  assert.equal(response.flags, 'QR RD RA')
})

test('RFC 6840 §5.8: AD of a trusted upstream reaches those who asked for it', async () => {
  const rows: [string, Partial<QuerySpec>, string][] = [
    ['127.0.0.1', { authenticData: true }, 'QR RD RA AD'],
    ['127.0.0.1', { edns: { dnssecOk: true } }, 'QR RD RA AD'],
    ['127.0.0.1', {}, 'QR RD RA'],
    ['192.0.2.53', { authenticData: true }, 'QR RD RA'],
  ]
  for (const [address, spec, flags] of rows) {
    const server = new VirtualServer({
      scripts: { [`${address}#5300`]: table({ [`${NAME} A`]: { answers: addresses(1), authenticData: true } }) },
      site: testSite({ dns64: { upstreams: [`${address}:5300`] } }),
    })
    assert.equal((await server.ask({ name: NAME, type: 'A', ...spec })).flags, flags)
    // The same from the cache.
    assert.equal((await server.ask({ name: NAME, type: 'A', ...spec })).flags, flags)
  }
})

test('the question comes back letter by letter, from upstream and from the cache', async () => {
  const server = serverFor({ answers: addresses(1) })
  for (const name of ['HOST1A.example.NET', 'host1a.EXAMPLE.net', 'hOsT1a.eXaMpLe.nEt']) {
    const bytes = await server.askBytes(encodeQuery({ name, type: 'A' }))
    assert.equal(dnsPacket.decode(Buffer.from(bytes)).questions?.[0]?.name, name)
    // The owner points at the question, so it has the same letters.
    assert.equal(dnsPacket.decode(Buffer.from(bytes)).answers?.[0]?.name.toLowerCase(), NAME)
  }
  assert.equal(server.heard.length, 1)
})

test('RFC 6891: OPT only for those who sent one, with 1232 octets, version 0 and their DO bit', async () => {
  for (const [edns, expected] of [
    [undefined, undefined],
    [{ size: 4096 }, { udpPayloadSize: 1232, ednsVersion: 0, flag_do: false }],
    [
      { size: 512, dnssecOk: true },
      { udpPayloadSize: 1232, ednsVersion: 0, flag_do: true },
    ],
  ] as const) {
    const bytes = await serverFor({ answers: addresses(1) }).askBytes(
      encodeQuery({ name: NAME, type: 'A', ...(edns && { edns }) }),
    )
    const opt = dnsPacket.decode(Buffer.from(bytes)).additionals?.find((record) => record.type === 'OPT')
    if (expected === undefined) assert.equal(opt, undefined)
    else assert.deepEqual({ ...opt, ...expected }, { ...opt })
  }
})

const BIG = { answers: addresses(20) } // 716 octets
const HUGE = { answers: addresses(40) } // 1396 octets

const SIZES: [string, Outcome, Partial<QuerySpec>, 'udp' | 'tcp', { records: number; truncated: boolean }][] = [
  ['without EDNS 512 octets', BIG, {}, 'udp', { records: 0, truncated: true }],
  ['exactly 512', { answers: addresses(14) }, {}, 'udp', { records: 14, truncated: false }],
  ['EDNS 512', BIG, { edns: { size: 512 } }, 'udp', { records: 0, truncated: true }],
  [
    'RFC 6891 §6.2.3: a size below 512 counts as 512',
    { answers: addresses(13) },
    { edns: { size: 100 } },
    'udp',
    { records: 13, truncated: false },
  ],
  ['EDNS 1232', BIG, { edns: { size: 1232 } }, 'udp', { records: 20, truncated: false }],
  ['never more than 1232', HUGE, { edns: { size: 4096 } }, 'udp', { records: 0, truncated: true }],
  ['TCP takes all', HUGE, {}, 'tcp', { records: 40, truncated: false }],
  [
    'the OPT record has to fit too, and does',
    { answers: addresses(14) },
    { edns: { size: 523 } },
    'udp',
    { records: 14, truncated: false },
  ],
  [
    'the OPT record has to fit too, and does not',
    { answers: addresses(14) },
    { edns: { size: 522 } },
    'udp',
    { records: 0, truncated: true },
  ],
]
for (const [rule, outcome, spec, transport, expected] of SIZES) {
  test(`size: ${rule}`, async () => {
    const server = serverFor(outcome)
    for (const way of ['upstream', 'cache']) {
      const bytes = await server.askBytes(encodeQuery({ name: NAME, type: 'A', ...spec }), transport)
      const message = dnsPacket.decode(Buffer.from(bytes))
      assert.deepEqual({ records: message.answers?.length, truncated: message.flag_tc }, expected, way)
      if (transport === 'udp') assert.ok(bytes.length <= Math.max(512, spec.edns?.size ?? 512))
    }
  })
}

test('RFC 2181 §9: the additional section goes without TC', async () => {
  const response = await ask({
    answers: addresses(12),
    additionals: Array.from({ length: 20 }, () => aaaa('ns.example.net', '2001:db8::1')),
  })
  assert.deepEqual([response.answer.length, response.additional.length, response.flags], [12, 0, 'QR RD RA'])
})

test('RFC 2181 §9: name servers in the authority section go without TC', async () => {
  const response = await ask({ answers: addresses(13), authorities: [ns('example.net', 'ns.example.net')] })
  assert.deepEqual([response.answer.length, response.authority.length, response.flags], [13, 0, 'QR RD RA'])
})

test('RFC 4035 §3.1: with DO the authority section is part of the proof: TC', async () => {
  const signatures = Array.from({ length: 5 }, () => rrsig('example.net', 'NS'))
  const response = await ask(
    { answers: addresses(20), authorities: [ns('example.net', 'ns.example.net'), ...signatures] },
    { edns: { size: 600, dnssecOk: true } },
  )
  assert.deepEqual([response.answer.length, response.flags], [0, 'QR TC RD RA'])
})

test('a denial that does not fit is truncated, RCODE kept', async () => {
  const response = await ask(
    { rcode: 3, authorities: [soa('example.net'), ...Array.from({ length: 8 }, () => rrsig('example.net', 'SOA'))] },
    { edns: { size: 512, dnssecOk: true } },
  )
  assert.deepEqual([response.rcode, response.authority.length, response.flags], [3, 0, 'QR TC RD RA'])
})

test('an RCODE above 15 needs EDNS; without it SERVFAIL', async () => {
  assert.equal((await ask({ rcode: 23 }, { edns: {} })).rcode, 23)
  assert.equal((await ask({ rcode: 23 })).rcode, 2)
})

test('RFC 8914: an answer that nobody gave says so', async () => {
  const bytes = await serverFor('silence').askBytes(encodeQuery({ name: NAME, type: 'A', edns: {} }))
  // OPTION-CODE 15, 2 octets, INFO-CODE 22: No Reachable Authority.
  assert.deepEqual([...bytes.subarray(-6)], [0, 15, 0, 2, 0, 22])
})
