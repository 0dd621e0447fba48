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
