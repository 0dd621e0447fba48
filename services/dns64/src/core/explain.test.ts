import assert from 'node:assert/strict'
import { test } from 'node:test'
import { a, aaaa, cname, ptr, soa, table } from '../testkit/records.ts'
import { CLIENT, testSite, VirtualServer } from '../testkit/virtual-server.ts'
import { explain, type ExplainRequest, type Explanation } from './explain.ts'
import { keyOfText } from './name.ts'
import { TYPE } from './wire.ts'

const SCRIPT = table({
  'v4.example.net A': { answers: [a('v4.example.net', '192.0.2.33')] },
  'v4.example.net AAAA': { authorities: [soa('example.net', 120, 120)] },
  'bare.example.net A': { answers: [a('bare.example.net', '192.0.2.33')] },
  'bare.example.net AAAA': {},
  'mute.example.net A': { answers: [a('mute.example.net', '192.0.2.33')] },
  'mute.example.net AAAA': { rcode: 5 },
  'six.example.net A': { answers: [a('six.example.net', '192.0.2.6')] },
  'six.example.net AAAA': { answers: [aaaa('six.example.net', '2001:db8::6')] },
  'alias.example.net A': { answers: [cname('alias.example.net', 'v4.example.net'), a('v4.example.net', '192.0.2.33')] },
  'alias.example.net AAAA': {
    answers: [cname('alias.example.net', 'v4.example.net')],
    authorities: [soa('example.net')],
  },
  '33.2.0.192.in-addr.arpa PTR': { answers: [ptr('33.2.0.192.in-addr.arpa', 'v4.example.net')] },
})

interface Row {
  readonly what: string
  readonly dns64?: Record<string, unknown>
  readonly ask: Partial<Omit<ExplainRequest, 'name'>> & { readonly name: string }
  readonly origin: string
  readonly records?: readonly string[]
  /** Each has to be among the sentences. */
  readonly because: readonly string[]
}

const ROWS: readonly Row[] = [
  {
    what: 'synthesised, with the TTL rule and the SOA record behind it',
    ask: { name: 'v4.example.net' },
    origin: 'synthesised',
    records: ['v4.example.net. 120 AAAA 64:ff9b::c000:221'],
    because: [
      'upstreams: 192.0.2.53#53',
      'AAAA: 192.0.2.53#53 says NOERROR, no records',
      'A: 192.0.2.53#53 says NOERROR 192.0.2.33',
      'prefixes: 64:ff9b::/96',
      'TTL: that of the A record, at most 120 s, from the SOA record of the answer to AAAA (RFC 6147 §5.1.7)',
    ],
  },
  {
    what: 'no SOA record',
    ask: { name: 'bare.example.net' },
    origin: 'synthesised',
    because: [
      'TTL: that of the A record, at most 600 s, because no SOA record came with the answer to AAAA (RFC 6147 §5.1.7)',
    ],
  },
  {
    what: 'an RCODE',
    ask: { name: 'mute.example.net' },
    origin: 'synthesised',
    because: ['AAAA: 192.0.2.53#53 says REFUSED, no records'],
  },
  {
    what: 'native',
    ask: { name: 'six.example.net' },
    origin: 'upstream',
    records: ['six.example.net. 300 AAAA 2001:db8::6'],
    because: ['upstream: the upstream name server said so: 192.0.2.53#53'],
  },
  {
    what: 'excluded, by which prefix',
    dns64: { exclude: ['2001:db8::/32'] },
    ask: { name: 'six.example.net' },
    origin: 'synthesised',
    because: ['2001:db8::6 counts as missing: dns64.exclude has 2001:db8::/32 (RFC 6147 §5.1.4)'],
  },
  {
    what: 'an alias',
    ask: { name: 'alias.example.net' },
    origin: 'synthesised',
    because: ['A: 192.0.2.53#53 says NOERROR 192.0.2.33, at the end of the chain v4.example.net.'],
  },
  {
    what: 'not mapped',
    dns64: { prefixes: [{ pref64: '64:ff9b::/96', mapped: ['10.0.0.0/8'] }] },
    ask: { name: 'v4.example.net' },
    origin: 'upstream',
    records: [],
    because: ['192.0.2.33 is not mapped into 64:ff9b::/96: dns64.prefixes mapped'],
  },
  {
    what: 'a rule for the domain',
    dns64: { domains: [{ name: 'example.net', synthesis: 'never' }] },
    ask: { name: 'v4.example.net' },
    origin: 'upstream',
    because: ['dns64.domains: synthesis never for this name'],
  },
  {
    what: 'a forwarded domain',
    dns64: { domains: [{ name: 'example.net', upstreams: ['192.0.2.53:53'] }] },
    ask: { name: 'v4.example.net' },
    origin: 'synthesised',
    because: ['dns64.domains: example.net. is forwarded'],
  },
  {
    what: 'a client that may not ask, and has no prefix',
    dns64: { clients: [CLIENT], prefixes: [{ pref64: '64:ff9b::/96', clients: [CLIENT] }] },
    ask: { name: 'v4.example.net', client: 'fd00:64::d2' },
    origin: 'upstream',
    because: ['fd00:64::d2 is not in dns64.clients: it would be refused; what follows is for one that is'],
  },
  {
    what: 'a record of the document',
    dns64: { records: [{ name: 'nas.home.arpa', type: 'A', data: '192.168.1.9' }] },
    ask: { name: 'nas.home.arpa', type: TYPE.A },
    origin: 'local',
    records: ['nas.home.arpa. 600 A 192.168.1.9'],
    because: ['dns64.records has records of this name, so nobody is asked about it'],
  },
  {
    what: 'a zone of our own',
    ask: { name: 'ipv4only.arpa' },
    origin: 'local',
    because: ['it is in ipv4only.arpa., a zone that is answered here (RFC 6303, 6761, 8880, 9462)'],
  },
  {
    what: 'a reverse name',
    ask: { name: '1.2.2.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa', type: TYPE.PTR },
    origin: 'reverse',
    because: ['192.0.2.33 is inside 64:ff9b::/96 (RFC 6147 §5.3.1)'],
  },
]

const explained = async (server: VirtualServer, ask: Row['ask']): Promise<Explanation> => {
  const request = { type: TYPE.AAAA, client: undefined, dnssecOk: false, ...ask, name: keyOfText(ask.name) }
  return await server.until(explain(server.resolver, request))
}

for (const row of ROWS) {
  test(`explain: ${row.what}`, async () => {
    const site = testSite(row.dns64 === undefined ? {} : { dns64: row.dns64 })
    const explanation = await explained(new VirtualServer({ scripts: SCRIPT, site }), row.ask)
    assert.equal(explanation.origin, row.origin)
    if (row.records !== undefined) assert.deepEqual(explanation.records, row.records)
    for (const sentence of row.because)
      assert.ok(explanation.because.includes(sentence), explanation.because.join('\n'))
  })
}

test('explain: what is kept, for how long, and what is denied by an answer to another question', async () => {
  const server = new VirtualServer({ scripts: SCRIPT })
  await server.ask({ name: 'v4.example.net', type: 'AAAA' })
  await server.advance(20_000)
  const kept = await explained(server, { name: 'v4.example.net' })
  assert.ok(kept.because.includes('kept for 20 s (asked for 0 times since), 100 s left'), kept.because.join('\n'))
  assert.deepEqual(kept.records, ['v4.example.net. 100 AAAA 64:ff9b::c000:221'])
  await server.ask({ name: 'gone.example.net', type: 'A' })
  const denied = await explained(server, { name: 'x.gone.example.net' })
  assert.equal(denied.rcode, 'NXDOMAIN')
  assert.ok(denied.because.some((sentence) => sentence.includes('(RFC 8020)')))
})
