import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as dnsPacket from 'dns-packet'
import { a, aaaa, cname, dname, ns, rrsig, soa, table } from '../testkit/records.ts'
import { encodeQuery, type Outcome, type QuerySpec, type Script } from '../testkit/script.ts'
import { testSite, VirtualServer } from '../testkit/virtual-server.ts'
import { readMessage } from './message.ts'
import { readName } from './name.ts'
import { TYPE } from './wire.ts'

const NAME = 'host.example.net'
const NODATA = { authorities: [soa('example.net', 900, 900)] }
const V4: Outcome = { answers: [a(NAME, '192.0.2.33', 300)] }

/** One rule: what the upstream says, what the client is told. */
interface Row {
  readonly rule: string
  readonly aaaa: Outcome
  readonly a?: Outcome
  readonly site?: Parameters<typeof testSite>[0]
  readonly hasIp6Uplink?: boolean
  readonly query?: Partial<QuerySpec>
  readonly rcode?: number
  readonly answer: readonly string[]
  readonly authority?: readonly string[]
  readonly additional?: readonly string[]
  readonly flags?: string
}

const scriptOf = (row: Row): Script => table({ [`${NAME} AAAA`]: row.aaaa, [`${NAME} A`]: row.a ?? V4 })

const SERVFAIL: Outcome = { rcode: 2 }
const MAPPED = `${NAME}. 300 AAAA 64:ff9b::c000:221`

const ROWS: Row[] = [
  { rule: '§5.1.6 no AAAA: one mapped AAAA record', aaaa: NODATA, answer: [MAPPED] },
  {
    rule: '§5.1.6 one AAAA record per A record, in their order',
    aaaa: NODATA,
    a: { answers: [a(NAME, '192.0.2.2'), a(NAME, '192.0.2.1')] },
    answer: [`${NAME}. 300 AAAA 64:ff9b::c000:202`, `${NAME}. 300 AAAA 64:ff9b::c000:201`],
  },
  {
    rule: '§5.2 one AAAA record per prefix too',
    aaaa: NODATA,
    site: { pref64: ['64:ff9b::/96', '2001:db8:122::/48'] },
    answer: [MAPPED, `${NAME}. 300 AAAA 2001:db8:122:c000:2:2100::`],
  },
  ...(
    [
      // RFC 6052 §2.4, table 1.
      ['2001:db8::/32', '2001:db8:c000:221::'],
      ['2001:db8:100::/40', '2001:db8:1c0:2:21::'],
      ['2001:db8:122::/48', '2001:db8:122:c000:2:2100::'],
      ['2001:db8:122:300::/56', '2001:db8:122:3c0:0:221::'],
      ['2001:db8:122:344::/64', '2001:db8:122:344:c0:2:2100:0'],
      ['2001:db8:122:344::/96', '2001:db8:122:344::c000:221'],
    ] as const
  ).map(
    ([pref64, address]): Row => ({
      rule: `§5.2, RFC 6052 §2.4: ${pref64}`,
      aaaa: NODATA,
      site: { pref64: [pref64] },
      answer: [`${NAME}. 300 AAAA ${address}`],
    }),
  ),
  {
    rule: '§5.1.1 native AAAA records stay',
    aaaa: { answers: [aaaa(NAME, '2001:db8::5', 77)] },
    answer: [`${NAME}. 77 AAAA 2001:db8::5`],
  },
  {
    rule: '§5.1.2 NXDOMAIN stays, whatever A says',
    aaaa: { rcode: 3, authorities: [soa('example.net', 500, 400)] },
    rcode: 3,
    answer: [],
    authority: ['example.net. 400 SOA ns.example.net.'],
  },
  ...[1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 23, 4095].map(
    (rcode): Row => ({ rule: `§5.1.2 RCODE ${rcode} counts as empty`, aaaa: { rcode }, answer: [MAPPED] }),
  ),
  { rule: '§5.1.3 no answer to AAAA counts as empty', aaaa: 'silence', answer: [MAPPED] },
  {
    rule: '§5.1.4 ::ffff:0:0/96 is always excluded',
    aaaa: { answers: [aaaa(NAME, '::ffff:192.0.2.1')] },
    answer: [MAPPED],
  },
  {
    rule: '§5.1.4 an excluded AAAA record counts as missing',
    aaaa: { answers: [aaaa(NAME, '2001:db8::5')] },
    site: { dns64: { exclude: ['2001:db8::/32'] } },
    answer: [MAPPED],
  },
  {
    rule: '§5.1.4 a partly excluded set: the rest is the answer, nothing is made',
    aaaa: {
      answers: [aaaa(NAME, '2001:db8::5', 60), aaaa(NAME, '2001:db8:1::6', 60), aaaa(NAME, '::ffff:192.0.2.1', 60)],
    },
    site: { dns64: { exclude: ['2001:db8:1::/48'] } },
    answer: [`${NAME}. 60 AAAA 2001:db8::5`],
  },
  {
    rule: 'exclude ::/0: always mapped',
    aaaa: { answers: [aaaa(NAME, '2001:db8::5')] },
    site: { dns64: { exclude: ['::/0'] } },
    answer: [MAPPED],
  },
  {
    rule: 'exclude auto without IPv6 uplink: always mapped',
    aaaa: { answers: [aaaa(NAME, '2001:db8::5')] },
    site: { dns64: { exclude: 'auto' } },
    hasIp6Uplink: false,
    answer: [MAPPED],
  },
  {
    rule: 'exclude auto with IPv6 uplink: native',
    aaaa: { answers: [aaaa(NAME, '2001:db8::5')] },
    site: { dns64: { exclude: 'auto' } },
    hasIp6Uplink: true,
    answer: [`${NAME}. 300 AAAA 2001:db8::5`],
  },
  {
    rule: '§5.1.7 TTL: the denial’s SOA is shorter',
    aaaa: { authorities: [soa('example.net', 40, 900)] },
    answer: [`${NAME}. 40 AAAA 64:ff9b::c000:221`],
  },
  {
    rule: '§5.1.7 TTL: the denial’s MINIMUM is shorter',
    aaaa: { authorities: [soa('example.net', 900, 30)] },
    answer: [`${NAME}. 30 AAAA 64:ff9b::c000:221`],
  },
  {
    rule: '§5.1.7 TTL: A is shorter',
    aaaa: NODATA,
    a: { answers: [a(NAME, '192.0.2.33', 20)] },
    answer: [`${NAME}. 20 AAAA 64:ff9b::c000:221`],
  },
  {
    rule: '§5.1.7 TTL: without SOA at most 600 s',
    aaaa: {},
    a: { answers: [a(NAME, '192.0.2.33', 86_400)] },
    answer: [`${NAME}. 600 AAAA 64:ff9b::c000:221`],
  },
  {
    rule: '§5.1.7 TTL: after SERVFAIL at most 600 s',
    aaaa: SERVFAIL,
    a: { answers: [a(NAME, '192.0.2.33', 86_400)] },
    answer: [`${NAME}. 600 AAAA 64:ff9b::c000:221`],
  },
  {
    rule: '§5.1.6 empty A: that is the reply, with its SOA',
    aaaa: { authorities: [soa('example.net', 10, 10)] },
    a: { authorities: [soa('example.net', 600, 600)] },
    answer: [],
    authority: ['example.net. 600 SOA ns.example.net.'],
  },
  { rule: '§5.1.6 failed A: that is the reply', aaaa: NODATA, a: SERVFAIL, rcode: 2, answer: [] },
  { rule: '§5.1.6 REFUSED to A: that is the reply', aaaa: NODATA, a: { rcode: 5 }, rcode: 5, answer: [] },
  { rule: '§5.1.6 nobody answers A: SERVFAIL', aaaa: NODATA, a: 'silence', rcode: 2, answer: [] },
  { rule: 'nobody answers at all: SERVFAIL', aaaa: 'silence', a: 'silence', rcode: 2, answer: [] },
  {
    rule: '§5.1.5 the CNAME chain of the A answer is carried',
    aaaa: { answers: [cname(NAME, 'x.example.net')], authorities: [soa('example.net')] },
    a: {
      answers: [
        cname(NAME, 'x.example.net', 50),
        cname('x.example.net', 'y.example.net', 60),
        a('y.example.net', '192.0.2.1', 70),
      ],
    },
    answer: [
      `${NAME}. 50 CNAME x.example.net.`,
      'x.example.net. 60 CNAME y.example.net.',
      'y.example.net. 70 AAAA 64:ff9b::c000:201',
    ],
  },
  {
    rule: '§5.1.5 DNAME with its CNAME is carried',
    aaaa: NODATA,
    a: {
      answers: [
        dname('example.net', 'example.org', 50),
        cname(NAME, 'host.example.org', 50),
        a('host.example.org', '192.0.2.1', 70),
      ],
    },
    answer: [
      'example.net. 50 DNAME example.org.',
      `${NAME}. 50 CNAME host.example.org.`,
      'host.example.org. 70 AAAA 64:ff9b::c000:201',
    ],
  },
  {
    rule: 'RFC 6672: DNAME without its CNAME leads on all the same',
    aaaa: NODATA,
    a: { answers: [dname('example.net', 'example.org', 50), a('host.example.org', '192.0.2.1', 70)] },
    answer: ['example.net. 50 DNAME example.org.', 'host.example.org. 70 AAAA 64:ff9b::c000:201'],
  },
  {
    rule: 'a CNAME chain to nothing is the reply',
    aaaa: { answers: [cname(NAME, 'x.example.net')], authorities: [soa('example.net')] },
    a: { answers: [cname(NAME, 'x.example.net')], authorities: [soa('example.net', 70, 80)] },
    answer: [`${NAME}. 300 CNAME x.example.net.`],
    authority: ['example.net. 70 SOA ns.example.net.'],
  },
  {
    rule: 'A records of other names are not taken: nobody asked for them',
    aaaa: NODATA,
    a: { answers: [a(NAME, '192.0.2.33'), a('victim.example.org', '192.0.2.66')] },
    answer: [MAPPED],
  },
  {
    rule: 'a CNAME loop ends in nothing',
    aaaa: NODATA,
    a: { answers: [cname(NAME, 'x.example.net'), cname('x.example.net', NAME)], authorities: [soa('example.net')] },
    answer: [`${NAME}. 300 CNAME x.example.net.`, `x.example.net. 300 CNAME ${NAME}.`],
    authority: ['example.net. 900 SOA ns.example.net.'],
  },
  {
    rule: '§5.3.2 authority and additional sections of the A answer are passed on unchanged',
    aaaa: NODATA,
    a: {
      answers: [a(NAME, '192.0.2.33')],
      authorities: [ns('example.net', 'ns.example.net')],
      additionals: [a('ns.example.net', '192.0.2.53'), aaaa('ns.example.net', '2001:db8::53')],
    },
    answer: [MAPPED],
    authority: ['example.net. 300 NS ns.example.net.'],
    additional: ['ns.example.net. 300 A 192.0.2.53', 'ns.example.net. 300 AAAA 2001:db8::53'],
  },
  {
    rule: '§5.5 DO without CD: made, the signature of A left out, AD not set',
    aaaa: { ...NODATA, authenticData: true },
    a: { answers: [a(NAME, '192.0.2.33'), rrsig(NAME, 'A')], authenticData: true },
    query: { edns: { dnssecOk: true }, authenticData: true },
    answer: [MAPPED],
  },
  {
    rule: '§5.5 DO and CD: handed over untranslated',
    aaaa: NODATA,
    query: { edns: { dnssecOk: true }, checkingDisabled: true },
    answer: [],
    authority: ['example.net. 900 SOA ns.example.net.'],
    flags: 'QR RD RA CD',
  },
  {
    rule: '§5.5 CD without DO: made',
    aaaa: NODATA,
    query: { checkingDisabled: true },
    answer: [MAPPED],
    flags: 'QR RD RA CD',
  },
  {
    rule: '§5.1 only class IN is translated',
    aaaa: { ...NODATA },
    query: { class: 'HS' },
    answer: [],
    authority: ['example.net. 900 SOA ns.example.net.'],
  },
]

for (const row of ROWS) {
  test(`RFC 6147 ${row.rule}`, async () => {
    const server = new VirtualServer({
      scripts: scriptOf(row),
      site: testSite(row.site),
      hasIp6Uplink: row.hasIp6Uplink ?? true,
    })
    const response = await server.ask({ name: NAME, type: 'AAAA', ...row.query })
    assert.deepEqual(
      {
        rcode: response.rcode,
        answer: response.answer,
        authority: response.authority,
        additional: response.additional,
        flags: response.flags,
      },
      {
        rcode: row.rcode ?? 0,
        answer: row.answer,
        authority: row.authority ?? [],
        additional: row.additional ?? [],
        flags: row.flags ?? 'QR RD RA',
      },
    )
    assert.deepEqual(server.defects, [])
  })
}

test('AAAA and A are asked at the same moment: one round trip', async () => {
  const slow = (outcome: Outcome): Outcome => ({ ...(outcome as object), afterMs: 100 })
  const server = new VirtualServer({ scripts: table({ [`${NAME} AAAA`]: slow(NODATA), [`${NAME} A`]: slow(V4) }) })
  const startMs = server.nowMs
  await server.ask({ name: NAME, type: 'AAAA' })
  assert.equal(server.nowMs - startMs, 100)
})

test('a native AAAA answer does not wait for A', async () => {
  const server = new VirtualServer({
    scripts: table({
      [`${NAME} AAAA`]: { answers: [aaaa(NAME, '2001:db8::5')], afterMs: 10 },
      [`${NAME} A`]: 'silence',
    }),
  })
  const startMs = server.nowMs
  await server.ask({ name: NAME, type: 'AAAA' })
  assert.equal(server.nowMs - startMs, 10)
})

test('RFC 6147 §5.1.3: the wait for a silent AAAA is bounded once A is there', async () => {
  const server = new VirtualServer({ scripts: table({ [`${NAME} AAAA`]: 'silence', [`${NAME} A`]: V4 }) })
  const startMs = server.nowMs
  const response = await server.ask({ name: NAME, type: 'AAAA' })
  assert.deepEqual(response.answer, [MAPPED])
  assert.equal(server.nowMs - startMs, 2000)
})

test('with DO and CD nothing but AAAA is asked, with both bits', async () => {
  const server = new VirtualServer({ scripts: table({ [`${NAME} AAAA`]: NODATA }) })
  await server.ask({ name: NAME, type: 'AAAA', edns: { dnssecOk: true }, checkingDisabled: true })
  assert.deepEqual(
    server.heard.map((h) => [h.type, h.dnssecOk, h.checkingDisabled]),
    [['AAAA', true, true]],
  )
})

test('signatures of CNAME records stay, those over the replaced sets go', async () => {
  const chain = [
    cname(NAME, 'x.example.net'),
    rrsig(NAME, 'CNAME'),
    a('x.example.net', '192.0.2.1'),
    rrsig('x.example.net', 'A'),
  ]
  const server = new VirtualServer({ scripts: table({ [`${NAME} AAAA`]: NODATA, [`${NAME} A`]: { answers: chain } }) })
  const response = await server.ask({ name: NAME, type: 'AAAA', edns: { dnssecOk: true } })
  assert.deepEqual(
    response.answer.map((line) => line.split(' ').slice(0, 3).join(' ')),
    [`${NAME}. 300 CNAME`, `${NAME}. 300 RRSIG`, 'x.example.net. 300 AAAA'],
  )
})

test('hundreds of A records and six prefixes still make a message; beyond 64 KiB it is SERVFAIL', async () => {
  const many = (count: number): Outcome => ({
    answers: Array.from({ length: count }, (_, i) => a(NAME, `192.0.${i >> 8}.${i & 255}`)),
  })
  const site = testSite({
    pref64: [
      '2001:db8:1::/96',
      '2001:db8:2::/96',
      '2001:db8:3::/96',
      '2001:db8:4::/96',
      '2001:db8:5::/96',
      '2001:db8:6::/96',
    ],
  })
  for (const [count, rcode] of [
    [300, 0],
    [1000, 2],
  ] as const) {
    const server = new VirtualServer({ scripts: table({ [`${NAME} AAAA`]: NODATA, [`${NAME} A`]: many(count) }), site })
    const response = await server.ask({ name: NAME, type: 'AAAA' }, 'tcp')
    assert.equal(response.rcode, rcode)
    assert.equal(response.answer.length, rcode === 0 ? count * 6 : 0)
    assert.deepEqual(server.defects, [])
  }
})

test('HTTPS and SVCB pass octet for octet, address hints too, and nothing else is asked', async () => {
  // RFC 9460 §7.3: priority 1, target ".", ipv4hint 192.0.2.33, ipv6hint ::ffff:192.0.2.33, which dns64.exclude covers.
  const rdata = Buffer.from('00010000040004c00002210006001000000000000000000000ffffc0000221', 'hex')
  const NAME_LEN = 17
  for (const type of [64, 65]) {
    const record = Buffer.concat([Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, rdata.length]), rdata])
    const server = new VirtualServer({
      scripts: ({ query }) => ({
        bytesAfterId: Buffer.concat([
          Buffer.from([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]),
          query.subarray(12, 12 + NAME_LEN + 4),
          record,
        ]),
      }),
      site: testSite({ dns64: { exclude: ['::/0'] } }),
    })
    const bytes = Buffer.from(await server.askBytes(encodeQuery({ name: 'svc.example.net', type: `TYPE${type}` })))
    assert.deepEqual(bytes.subarray(12 + NAME_LEN + 4), record)
    assert.equal(server.heard.length, 1)
  }
})

test('RFC 2181 §11: made records keep the octets of a name, which dns-packet would change', async () => {
  // A label with a dot in it, and one of octets that are no text.
  const name = Uint8Array.of(3, 0x61, 0x2e, 0x62, 2, 0xff, 0x5c, 3, 0x6e, 0x65, 0x74, 0)
  const packet = Uint8Array.of(0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...name, 0, 28, 0, 1)
  const server = new VirtualServer({
    scripts: ({ query, type }) => {
      const [question, count] = [query.subarray(12, 12 + name.length + 4), type === 'A' ? 1 : 0]
      const record = type === 'A' ? [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 33] : []
      return { bytesAfterId: Uint8Array.of(0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0, ...question, ...record) }
    },
  })
  const reply = await server.askBytes(packet)
  const [made] = readMessage(reply).records
  assert.equal(made?.type, TYPE.AAAA)
  assert.deepEqual(readName(reply, made.nameAt, reply.length), name)
  assert.deepEqual(reply.subarray(12, 12 + name.length), name)
  // Why it does not write what is made here. Should this fail one day, it has become able to.
  const byDnsPacket = dnsPacket.encode(dnsPacket.decode(Buffer.from(reply)))
  assert.notDeepEqual(new Uint8Array(byDnsPacket.subarray(12, 12 + name.length)), name)
})
