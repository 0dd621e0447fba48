import assert from 'node:assert/strict'
import { test } from 'node:test'
import { table } from '../testkit/records.ts'
import { testSite, VirtualServer } from '../testkit/virtual-server.ts'

interface Row {
  readonly name: string
  readonly type: string
  readonly rcode?: number
  readonly answer?: readonly string[]
  readonly soa?: string
}

const server = () =>
  new VirtualServer({ scripts: table({}), site: testSite({ pref64: ['64:ff9b::/96', '2001:db8::/32'] }) })

const ROWS: Row[] = [
  {
    name: 'ipv4only.arpa',
    type: 'A',
    answer: ['ipv4only.arpa. 600 A 192.0.0.170', 'ipv4only.arpa. 600 A 192.0.0.171'],
  },
  {
    name: 'IPv4Only.Arpa',
    type: 'AAAA',
    answer: [
      'ipv4only.arpa. 600 AAAA 64:ff9b::c000:aa',
      'ipv4only.arpa. 600 AAAA 2001:db8:c000:aa::',
      'ipv4only.arpa. 600 AAAA 64:ff9b::c000:ab',
      'ipv4only.arpa. 600 AAAA 2001:db8:c000:ab::',
    ],
  },
  { name: 'ipv4only.arpa', type: 'MX', soa: 'ipv4only.arpa.' },
  { name: 'ipv4only.arpa', type: 'NS', answer: ['ipv4only.arpa. 600 NS ipv4only.arpa.'] },
  { name: 'ipv4only.arpa', type: 'SOA', answer: ['ipv4only.arpa. 600 SOA ipv4only.arpa.'] },
  { name: 'x.ipv4only.arpa', type: 'A', rcode: 3, soa: 'ipv4only.arpa.' },
  { name: '170.0.0.192.in-addr.arpa', type: 'PTR', answer: ['170.0.0.192.in-addr.arpa. 600 PTR ipv4only.arpa.'] },
  { name: '171.0.0.192.in-addr.arpa', type: 'PTR', answer: ['171.0.0.192.in-addr.arpa. 600 PTR ipv4only.arpa.'] },
  { name: '171.0.0.192.in-addr.arpa', type: 'A', soa: '171.0.0.192.in-addr.arpa.' },
]

for (const row of ROWS) {
  test(`RFC 8880 §7: ${row.name} ${row.type}`, async () => {
    const response = await server().ask({ name: row.name, type: row.type })
    assert.equal(response.rcode, row.rcode ?? 0)
    assert.deepEqual(response.answer, row.answer ?? [])
    assert.deepEqual(response.authority, row.soa === undefined ? [] : [`${row.soa} 10800 SOA ${row.soa}`])
    assert.equal(response.flags, 'QR RD RA')
  })
}

const OTHER_ROWS: (Row & { rule: string })[] = [
  { rule: 'RFC 6761 §6.3', name: 'localhost', type: 'AAAA', answer: ['localhost. 600 AAAA ::1'] },
  { rule: 'RFC 6761 §6.3', name: 'a.b.localhost', type: 'A', answer: ['a.b.localhost. 600 A 127.0.0.1'] },
  { rule: 'RFC 6761 §6.3', name: 'localhost', type: 'MX', soa: 'localhost.' },
  { rule: 'RFC 6761 §6.4', name: 'x.invalid', type: 'AAAA', rcode: 3, soa: 'invalid.' },
  { rule: 'RFC 7686 §2', name: 'x.onion', type: 'A', rcode: 3, soa: 'onion.' },
  { rule: 'RFC 9462 §4', name: '_dns.resolver.arpa', type: 'TYPE64', soa: 'resolver.arpa.' },
  { rule: 'RFC 9462 §4', name: 'x.y.resolver.arpa', type: 'A', soa: 'resolver.arpa.' },
  { rule: 'RFC 6303 §4.1', name: '1.2.168.192.in-addr.arpa', type: 'PTR', rcode: 3, soa: '168.192.in-addr.arpa.' },
  { rule: 'RFC 6303 §4.1', name: '1.0.31.172.in-addr.arpa', type: 'PTR', rcode: 3, soa: '31.172.in-addr.arpa.' },
  {
    rule: 'RFC 6303 §4.1',
    name: '10.in-addr.arpa',
    type: 'SOA',
    answer: ['10.in-addr.arpa. 600 SOA 10.in-addr.arpa.'],
  },
  { rule: 'RFC 7793', name: '1.0.127.100.in-addr.arpa', type: 'PTR', rcode: 3, soa: '127.100.in-addr.arpa.' },
  { rule: 'RFC 6303 §4.2', name: '1.0.0.127.in-addr.arpa', type: 'PTR', rcode: 3, soa: '127.in-addr.arpa.' },
  { rule: 'RFC 6303 §4.4', name: '1.d.f.ip6.arpa', type: 'PTR', rcode: 3, soa: 'd.f.ip6.arpa.' },
  { rule: 'RFC 6303 §4.5', name: '0.b.e.f.ip6.arpa', type: 'PTR', rcode: 3, soa: 'b.e.f.ip6.arpa.' },
  { rule: 'RFC 8482 §4.2', name: 'host.example.net', type: 'ANY', answer: ['host.example.net. 3600 HINFO \\# 9'] },
]
for (const row of OTHER_ROWS) {
  test(`${row.rule}: ${row.name} ${row.type}`, async () => {
    const local = server()
    const response = await local.ask({ name: row.name, type: row.type })
    assert.equal(response.rcode, row.rcode ?? 0)
    assert.deepEqual(response.answer, row.answer ?? [])
    assert.deepEqual(response.authority, row.soa === undefined ? [] : [`${row.soa} 10800 SOA ${row.soa}`])
    assert.deepEqual(local.heard, [])
  })
}

for (const [name, type] of [
  ['1.0.15.172.in-addr.arpa', 'PTR'],
  ['1.0.32.172.in-addr.arpa', 'PTR'],
  ['1.0.63.100.in-addr.arpa', 'PTR'],
  ['1.2.0.192.in-addr.arpa', 'PTR'],
  ['notlocalhost', 'A'],
  ['invalid.example.net', 'A'],
  ['168.192.in-addr.arpa', 'DS'],
] as const)
  test(`nothing special: ${name} ${type} goes upstream`, async () => {
    const local = server()
    await local.ask({ name, type })
    assert.equal(local.questions[0], `${name} ${type}`)
  })

test('an upstream in a private network is asked for the reverse names of such networks, not for link-local ones', async () => {
  for (const address of ['192.168.1.1', '127.0.0.53', 'fd00::53', 'fe80::1', '::1']) {
    const upstream = address.includes(':') ? `[${address}]:53` : address
    const local = new VirtualServer({
      scripts: { [`${address}#53`]: table({}) },
      site: testSite({ dns64: { upstreams: [upstream] } }),
    })
    for (const name of ['1.1.168.192.in-addr.arpa', '1.1.254.169.in-addr.arpa', '1.d.f.ip6.arpa'])
      await local.ask({ name, type: 'PTR' })
    assert.deepEqual(local.questions, ['1.1.168.192.in-addr.arpa PTR', '1.d.f.ip6.arpa PTR'], address)
  }
})

test('RFC 6303 §4.2, §4.6: zones of documentation prefixes, unless an upstream lives there or in a private network', async () => {
  const names = ['1.2.0.192.in-addr.arpa', '1.100.51.198.in-addr.arpa', '1.113.0.203.in-addr.arpa']
  const all = [...names, '1.8.b.d.0.1.0.0.2.ip6.arpa']
  for (const [address, asked] of [
    ['9.9.9.9', []],
    ['203.0.113.53', all],
    ['2001:db8::53', all],
    ['192.168.1.1', all],
  ] as const) {
    const upstream = address.includes(':') ? `[${address}]:53` : address
    const local = new VirtualServer({
      scripts: { [`${address}#53`]: table({}) },
      site: testSite({ dns64: { upstreams: [upstream] } }),
    })
    for (const name of all) assert.equal((await local.ask({ name, type: 'PTR' })).rcode, 3)
    assert.deepEqual(
      local.heard.map((heard) => heard.name),
      asked,
      address,
    )
  }
})

test('RFC 8880 §7.2: the reverse name of the mapped well-known address leads to ipv4only.arpa', async () => {
  const name = 'a.a.0.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa'
  const response = await server().ask({ name, type: 'PTR' })
  assert.deepEqual(response.answer, [
    `${name}. 600 CNAME 170.0.0.192.in-addr.arpa.`,
    '170.0.0.192.in-addr.arpa. 600 PTR ipv4only.arpa.',
  ])
})

test('local names are answered without upstream, without RD, and with DO and CD', async () => {
  const local = new VirtualServer({ scripts: {}, site: testSite() })
  for (const query of [{ recursionDesired: false }, { checkingDisabled: true, edns: { dnssecOk: true } }]) {
    const response = await local.ask({ name: 'ipv4only.arpa', type: 'AAAA', ...query })
    assert.equal(response.answer.length, 2)
  }
  assert.deepEqual(local.heard, [])
})

test('in another class the name is nothing special', async () => {
  const response = await server().ask({ name: 'ipv4only.arpa', type: 'A', class: 'HS' })
  assert.equal(response.rcode, 3)
})
