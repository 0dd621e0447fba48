import assert from 'node:assert/strict'
import { test } from 'node:test'
import { a, aaaa, cname, ptr, rrsig, soa, table } from '../testkit/records.ts'
import type { QuerySpec } from '../testkit/script.ts'
import { CLIENT, testSite, VirtualServer } from '../testkit/virtual-server.ts'

/*
 * Rules per prefix (clients, mapped, exclude, suffix, recursiveOnly, breakDnssec), per domain, and the records of the
 * document. OTHER is a second host of the LAN.
 */
const OTHER = 'fd00:64::d2'
const WKP = '64:ff9b::/96'
const OWN = '2001:db8:64::/96'

const SCRIPT = table({
  'v4.example.net A': { answers: [a('v4.example.net', '192.0.2.33'), a('v4.example.net', '10.1.2.3')] },
  'v4.example.net AAAA': { authorities: [soa('example.net')] },
  'private.example.net A': { answers: [a('private.example.net', '10.1.2.3')] },
  'private.example.net AAAA': { authorities: [soa('example.net', 77, 77)] },
  'dual.example.net A': { answers: [a('dual.example.net', '192.0.2.44', 60)] },
  'dual.example.net AAAA': { answers: [aaaa('dual.example.net', '2001:db8:1::1')] },
  'alias.example.net AAAA': {
    answers: [cname('alias.example.net', 'dual.example.net'), aaaa('dual.example.net', '2001:db8:1::1')],
  },
  'alias.example.net A': {
    answers: [cname('alias.example.net', 'dual.example.net'), a('dual.example.net', '192.0.2.44', 60)],
  },
  'signed.example.net AAAA': { authorities: [soa('example.net'), rrsig('example.net', 'SOA')] },
  'signed.example.net A': { answers: [a('signed.example.net', '192.0.2.66'), rrsig('signed.example.net', 'A')] },
  '33.2.0.192.in-addr.arpa PTR': { answers: [ptr('33.2.0.192.in-addr.arpa', 'v4.example.net')] },
})

interface Row {
  readonly rule: string
  readonly dns64?: Record<string, unknown>
  readonly pref64?: readonly string[]
  readonly ask: QuerySpec
  readonly from?: string
  readonly answer: readonly string[]
  readonly authority?: readonly string[]
  readonly rcode?: number
}

const V4 = { name: 'v4.example.net', type: 'AAAA' } as const
const DUAL = { name: 'dual.example.net', type: 'AAAA' } as const
const made = (...addresses: readonly string[]): string[] => addresses.map((ip) => `v4.example.net. 300 AAAA ${ip}`)

const ROWS: readonly Row[] = [
  {
    rule: 'clients: a client gets the prefixes that are for it',
    pref64: [WKP, OWN],
    dns64: { prefixes: [{ pref64: OWN, clients: [CLIENT] }] },
    ask: V4,
    answer: made('64:ff9b::c000:221', '2001:db8:64::c000:221', '64:ff9b::a01:203', '2001:db8:64::a01:203'),
  },
  {
    rule: 'clients: another one does not',
    pref64: [WKP, OWN],
    dns64: { prefixes: [{ pref64: OWN, clients: [CLIENT] }] },
    ask: V4,
    from: OTHER,
    answer: made('64:ff9b::c000:221', '64:ff9b::a01:203'),
  },
  {
    rule: 'clients: without any prefix the denial stands',
    dns64: { prefixes: [{ pref64: WKP, clients: [CLIENT] }] },
    ask: V4,
    from: OTHER,
    answer: [],
    authority: ['example.net. 900 SOA ns.example.net.'],
  },
  {
    rule: 'clients: reverse names of a prefix that is not for the client are asked upstream',
    dns64: { prefixes: [{ pref64: WKP, clients: [CLIENT] }] },
    ask: { name: '1.2.2.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa', type: 'PTR' },
    from: OTHER,
    answer: [],
    rcode: 3,
    authority: ['example.net. 900 SOA ns.example.net.'],
  },
  {
    rule: 'RFC 8880 §7.1 ipv4only.arpa has the prefixes of the client',
    pref64: [WKP, OWN],
    dns64: { prefixes: [{ pref64: OWN, clients: [CLIENT] }] },
    ask: { name: 'ipv4only.arpa', type: 'AAAA' },
    from: OTHER,
    answer: ['ipv4only.arpa. 600 AAAA 64:ff9b::c000:aa', 'ipv4only.arpa. 600 AAAA 64:ff9b::c000:ab'],
  },
  {
    rule: 'mapped: the first entry that fits decides, none is no',
    pref64: [WKP, OWN],
    dns64: {
      prefixes: [
        { pref64: WKP, mapped: ['!10.0.0.0/8', '0.0.0.0/0'] },
        { pref64: OWN, mapped: ['10.0.0.0/8'] },
      ],
    },
    ask: V4,
    answer: made('64:ff9b::c000:221', '2001:db8:64::a01:203'),
  },
  {
    rule: 'mapped: nothing to map leaves the denial, its SOA record too',
    dns64: { prefixes: [{ pref64: WKP, mapped: ['!10.0.0.0/8', '0.0.0.0/0'] }] },
    ask: { name: 'private.example.net', type: 'AAAA' },
    answer: [],
    authority: ['example.net. 77 SOA ns.example.net.'],
  },
  {
    rule: 'exclude of a prefix: hidden for those who have only this prefix',
    dns64: { prefixes: [{ pref64: WKP, exclude: ['2001:db8:1::/48'] }] },
    ask: DUAL,
    answer: ['dual.example.net. 60 AAAA 64:ff9b::c000:22c'],
  },
  {
    rule: 'exclude of a prefix: a record that another prefix does not exclude stays',
    pref64: [WKP, OWN],
    dns64: { prefixes: [{ pref64: WKP, exclude: ['2001:db8:1::/48'] }] },
    ask: DUAL,
    answer: ['dual.example.net. 300 AAAA 2001:db8:1::1'],
  },
  {
    rule: 'suffix: behind the IPv4 address (RFC 6052 §2.2)',
    pref64: ['2001:db8::/48'],
    dns64: { prefixes: [{ pref64: '2001:db8::/48', suffix: '::ab:cdef' }] },
    ask: DUAL,
    answer: ['dual.example.net. 300 AAAA 2001:db8:1::1'],
  },
  {
    rule: 'suffix: of made records',
    pref64: ['2001:db8::/48'],
    dns64: { exclude: ['::/0'], prefixes: [{ pref64: '2001:db8::/48', suffix: '::ab:cdef' }] },
    ask: DUAL,
    answer: ['dual.example.net. 60 AAAA 2001:db8:0:c000:2:2c00:ab:cdef'],
  },
  {
    rule: 'recursiveOnly: with RD it is made',
    dns64: { prefixes: [{ pref64: WKP, recursiveOnly: true }] },
    ask: V4,
    answer: made('64:ff9b::c000:221', '64:ff9b::a01:203'),
  },
  {
    rule: '§5.5 DO: a signed denial that nobody validated is the reply',
    ask: { name: 'signed.example.net', type: 'AAAA', edns: { dnssecOk: true } },
    answer: [],
    authority: ['example.net. 900 SOA ns.example.net.', 'example.net. 300 RRSIG \\# 95'],
  },
  {
    rule: '§5.5 without DO it is no obstacle',
    ask: { name: 'signed.example.net', type: 'AAAA' },
    answer: ['signed.example.net. 300 AAAA 64:ff9b::c000:242'],
  },
  {
    rule: 'breakDnssec: made all the same, by this prefix only',
    pref64: [WKP, OWN],
    dns64: { prefixes: [{ pref64: OWN, breakDnssec: true }] },
    ask: { name: 'signed.example.net', type: 'AAAA', edns: { dnssecOk: true } },
    answer: ['signed.example.net. 300 AAAA 2001:db8:64::c000:242'],
  },
  {
    rule: 'domain never: the denial stands',
    dns64: { domains: [{ name: 'example.net', synthesis: 'never' }] },
    ask: V4,
    answer: [],
    authority: ['example.net. 900 SOA ns.example.net.'],
  },
  {
    rule: 'domain: the closest rule counts',
    dns64: {
      domains: [
        { name: 'example.net', synthesis: 'never' },
        { name: 'v4.example.net', synthesis: 'auto' },
      ],
    },
    ask: V4,
    answer: made('64:ff9b::c000:221', '64:ff9b::a01:203'),
  },
  {
    rule: 'domain: a name that merely ends alike is not below it',
    dns64: { domains: [{ name: '4.example.net', synthesis: 'never' }] },
    ask: V4,
    answer: made('64:ff9b::c000:221', '64:ff9b::a01:203'),
  },
  {
    rule: 'domain always: beside the native record, in its set, one TTL at most the native one',
    dns64: { domains: [{ name: 'example.net', synthesis: 'always' }] },
    ask: { name: 'alias.example.net', type: 'AAAA' },
    answer: [
      'alias.example.net. 300 CNAME dual.example.net.',
      'dual.example.net. 300 AAAA 2001:db8:1::1',
      'dual.example.net. 60 AAAA 64:ff9b::c000:22c',
    ],
  },
  {
    rule: 'domain ignore-native: as if there were none',
    dns64: { domains: [{ name: 'dual.example.net', synthesis: 'ignore-native' }] },
    ask: DUAL,
    answer: ['dual.example.net. 60 AAAA 64:ff9b::c000:22c'],
  },
  {
    rule: 'record: answered here',
    dns64: { records: [{ name: 'nas.home.arpa', type: 'A', data: '192.168.1.9', ttlS: 50 }] },
    ask: { name: 'NAS.home.arpa', type: 'A' },
    answer: ['nas.home.arpa. 50 A 192.168.1.9'],
  },
  {
    rule: 'record: also without RD',
    dns64: { records: [{ name: 'nas.home.arpa', type: 'A', data: '192.168.1.9' }] },
    ask: { name: 'nas.home.arpa', type: 'A', recursionDesired: false },
    answer: ['nas.home.arpa. 600 A 192.168.1.9'],
  },
  {
    rule: 'record: AAAA is made of the A record of the document',
    dns64: { records: [{ name: 'nas.home.arpa', type: 'A', data: '192.168.1.9', ttlS: 50 }] },
    ask: { name: 'nas.home.arpa', type: 'AAAA' },
    answer: ['nas.home.arpa. 50 AAAA 64:ff9b::c0a8:109'],
  },
  {
    rule: 'record: another type of its name is NODATA, not asked upstream',
    dns64: { records: [{ name: 'nas.home.arpa', type: 'A', data: '192.168.1.9' }] },
    ask: { name: 'nas.home.arpa', type: 'TXT' },
    answer: [],
    authority: ['nas.home.arpa. 600 SOA nas.home.arpa.'],
  },
  {
    rule: 'record: an alias leads to what its target has upstream, made records too',
    dns64: { records: [{ name: 'www.home.arpa', type: 'CNAME', data: 'v4.example.net' }] },
    ask: { name: 'www.home.arpa', type: 'AAAA' },
    answer: ['www.home.arpa. 600 CNAME v4.example.net.', ...made('64:ff9b::c000:221', '64:ff9b::a01:203')],
  },
  {
    rule: 'record: inside a zone that is answered here',
    dns64: { records: [{ name: '9.1.168.192.in-addr.arpa', type: 'PTR', data: 'nas.home.arpa' }] },
    ask: { name: '9.1.168.192.in-addr.arpa', type: 'PTR' },
    answer: ['9.1.168.192.in-addr.arpa. 600 PTR nas.home.arpa.'],
  },
  {
    rule: 'client ACL: who is not in the list is refused',
    dns64: { clients: [OTHER] },
    ask: V4,
    answer: [],
    rcode: 5,
  },
  {
    rule: 'client ACL: who is in it is not',
    dns64: { clients: ['fd00:64::d0/125'] },
    ask: V4,
    from: OTHER,
    answer: made('64:ff9b::c000:221', '64:ff9b::a01:203'),
  },
]

for (const row of ROWS) {
  test(row.rule, async () => {
    const site = testSite({
      ...(row.dns64 === undefined ? {} : { dns64: row.dns64 }),
      ...(row.pref64 === undefined ? {} : { pref64: row.pref64 }),
    })
    const server = new VirtualServer({ scripts: SCRIPT, site })
    const response = await server.ask(row.ask, 'udp', row.from)
    assert.deepEqual(response.answer, row.answer)
    assert.deepEqual(response.authority, row.authority ?? [])
    assert.equal(response.rcode, row.rcode ?? 0)
    assert.doesNotMatch(response.flags, /AD/)
    assert.deepEqual(server.defects, [])
    // Once more, now from the cache.
    const again = await server.ask(row.ask, 'udp', row.from)
    assert.deepEqual(again.answer, row.answer)
  })
}

test('recursiveOnly: without RD what is kept for others is not given out', async () => {
  const site = testSite({ dns64: { prefixes: [{ pref64: WKP, recursiveOnly: true }] } })
  const server = new VirtualServer({ scripts: SCRIPT, site })
  await server.ask(V4)
  const plain = await server.ask({ ...V4, recursionDesired: false })
  assert.deepEqual([plain.rcode, plain.answer], [5, []])
  const all = new VirtualServer({ scripts: SCRIPT })
  await all.ask(V4)
  assert.equal((await all.ask({ ...V4, recursionDesired: false })).answer.length, 2)
})

test('§5.5 a denial that a trusted upstream validated is as good as an unsigned one; AD is not set on what is made', async () => {
  const site = testSite({ dns64: { upstreams: ['127.0.0.1'] } })
  const script = table({
    'signed.example.net AAAA': { authorities: [soa('example.net'), rrsig('example.net', 'SOA')], authenticData: true },
    'signed.example.net A': {
      answers: [a('signed.example.net', '192.0.2.66'), rrsig('signed.example.net', 'A')],
      authenticData: true,
    },
  })
  const server = new VirtualServer({ scripts: { '127.0.0.1#53': script }, site })
  const made = await server.ask({ name: 'signed.example.net', type: 'AAAA', edns: { dnssecOk: true } })
  assert.deepEqual(made.answer, ['signed.example.net. 300 AAAA 64:ff9b::c000:242'])
  assert.equal(made.flags, 'QR RD RA')
  const native = await server.ask({ name: 'signed.example.net', type: 'A', edns: { dnssecOk: true } })
  assert.equal(native.flags, 'QR RD RA AD')
})

test('conditional forwarding: the closest domain has the say, other names go the usual way', async () => {
  const site = testSite({
    dns64: {
      domains: [
        { name: 'corp.example', upstreams: ['192.0.2.7'] },
        { name: 'lab.corp.example', upstreams: ['192.0.2.8'] },
        { name: '10.in-addr.arpa', upstreams: ['192.0.2.7'] },
      ],
    },
  })
  const say = (ip: string) => () => ({ answers: [a('whatever.example', ip)] })
  const server = new VirtualServer({
    site,
    scripts: { '192.0.2.53#53': say('192.0.2.1'), '192.0.2.7#53': say('192.0.2.1'), '192.0.2.8#53': say('192.0.2.1') },
  })
  for (const name of ['x.corp.example', 'x.lab.corp.example', 'corp.example', 'acorp.example', 'x.example'])
    await server.ask({ name, type: 'A' })
  // A zone of our own, RFC 6303, gives way to a rule as close as itself.
  await server.ask({ name: '3.2.1.10.in-addr.arpa', type: 'PTR' })
  await server.ask({ name: '3.2.168.192.in-addr.arpa', type: 'PTR' })
  assert.deepEqual(
    server.heard.map((heard) => `${heard.name} ${heard.upstream}`),
    [
      'x.corp.example 192.0.2.7#53',
      'x.lab.corp.example 192.0.2.8#53',
      'corp.example 192.0.2.7#53',
      'acorp.example 192.0.2.53#53',
      'x.example 192.0.2.53#53',
      '3.2.1.10.in-addr.arpa 192.0.2.7#53',
    ],
  )
})

test('a record of the document is there although a name above it was denied', async () => {
  const site = testSite({ dns64: { records: [{ name: 'nas.home.arpa', type: 'A', data: '192.168.1.9' }] } })
  const server = new VirtualServer({ scripts: table({}, { rcode: 3, authorities: [soa('arpa')] }), site })
  assert.equal((await server.ask({ name: 'home.arpa', type: 'A' })).rcode, 3)
  assert.deepEqual((await server.ask({ name: 'nas.home.arpa', type: 'A' })).answer, [
    'nas.home.arpa. 600 A 192.168.1.9',
  ])
})

test('aliases of the document in a circle are SERVFAIL, with bounded work', async () => {
  const records = [
    { name: 'a.home.arpa', type: 'CNAME', data: 'b.home.arpa' },
    { name: 'b.home.arpa', type: 'CNAME', data: 'a.home.arpa' },
  ]
  const server = new VirtualServer({ scripts: SCRIPT, site: testSite({ dns64: { records } }) })
  assert.equal((await server.ask({ name: 'a.home.arpa', type: 'A' })).rcode, 2)
})

test('rateLimit: beyond the burst a UDP client is sent to TCP, others are not concerned, tokens come back', async () => {
  const site = testSite({ dns64: { rateLimit: { queriesPerS: 2, burst: 3 } } })
  const server = new VirtualServer({ scripts: SCRIPT, site })
  const ask = (transport: 'udp' | 'tcp', from = CLIENT) => server.ask(DUAL, transport, from)
  for (let i = 0; i < 3; i++) assert.equal((await ask('udp')).answer.length, 1)
  const limited = await ask('udp')
  assert.deepEqual([limited.flags, limited.rcode, limited.answer], ['QR TC RD RA', 0, []])
  assert.equal((await ask('tcp')).rcode, 5)
  assert.equal((await ask('udp', OTHER)).answer.length, 1)
  assert.equal(server.counters.rate_limited_total, 2)
  await server.advance(1000)
  assert.equal((await ask('udp')).answer.length, 1)
  assert.equal((await ask('udp')).answer.length, 1)
  assert.match((await ask('udp')).flags, /TC/)
})

test('prefetch: a name that is asked often is renewed in the last tenth of its time, before anybody has to wait', async () => {
  const server = new VirtualServer({
    scripts: table({ 'dual.example.net A': { answers: [a('dual.example.net', '192.0.2.44', 100)] } }),
  })
  const ask = () => server.ask({ name: 'dual.example.net', type: 'A' })
  for (let i = 0; i < 5; i++) await ask()
  await server.advance(89_000)
  await ask()
  assert.equal(server.heard.length, 1)
  await server.advance(2000)
  assert.deepEqual((await ask()).answer, ['dual.example.net. 9 A 192.0.2.44'])
  await server.advance(10)
  assert.equal(server.heard.length, 2)
  assert.deepEqual((await ask()).answer, ['dual.example.net. 100 A 192.0.2.44'])
  assert.equal(server.counters.prefetched_total, 1)
  // Nobody asks any more: no renewal.
  await server.advance(95_000)
  assert.equal((await ask()).answer.length, 1)
  assert.equal(server.heard.length, 2)
})

test('prefetch: a failed renewal leaves the answer; off, there is none', async () => {
  let fails = false
  const script = () => (fails ? { rcode: 2 } : { answers: [a('dual.example.net', '192.0.2.44', 100)] })
  for (const [prefetch, heard] of [
    [true, 2],
    [false, 1],
  ] as const) {
    fails = false
    const server = new VirtualServer({ scripts: script, site: testSite({ dns64: { prefetch } }) })
    for (let i = 0; i < 5; i++) await server.ask({ name: 'dual.example.net', type: 'A' })
    fails = true
    await server.advance(92_000)
    await server.ask({ name: 'dual.example.net', type: 'A' })
    await server.advance(10)
    assert.equal(server.heard.length, heard)
    assert.deepEqual((await server.ask({ name: 'dual.example.net', type: 'A' })).answer, [
      'dual.example.net. 8 A 192.0.2.44',
    ])
  }
})

test('RFC 9520 §3.2: what fails again and again is asked less and less often', async () => {
  const server = new VirtualServer({ scripts: () => ({ rcode: 2 }) })
  const asked: number[] = []
  for (let second = 0; second < 100; second++) {
    const before = server.heard.length
    await server.ask({ name: 'broken.example.net', type: 'A' })
    if (server.heard.length > before) asked.push(second)
    await server.advance(1000)
  }
  assert.deepEqual(asked, [0, 1, 3, 7, 15, 31, 61, 91])
})

test('bailiwick: what comes along with an answer answers nothing else, and strays are not passed on', async () => {
  const server = new VirtualServer({
    scripts: table({
      'www.example.net A': {
        answers: [a('www.example.net', '192.0.2.1'), a('bank.example', '203.0.113.66')],
        additionals: [a('ns.bank.example', '203.0.113.66')],
      },
      'bank.example A': { answers: [a('bank.example', '192.0.2.99')] },
      'ns.bank.example A': { answers: [a('ns.bank.example', '192.0.2.98')] },
    }),
  })
  assert.deepEqual((await server.ask({ name: 'www.example.net', type: 'A' })).answer, [
    'www.example.net. 300 A 192.0.2.1',
  ])
  assert.deepEqual((await server.ask({ name: 'bank.example', type: 'A' })).answer, ['bank.example. 300 A 192.0.2.99'])
  assert.deepEqual((await server.ask({ name: 'ns.bank.example', type: 'A' })).answer, [
    'ns.bank.example. 300 A 192.0.2.98',
  ])
  assert.equal(server.heard.length, 3)
})
