import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatIp4, formatIp6, parseIp4, parseIp6, parsePref64, type Pref64 } from '@sixgate/addr'
import { cname, ptr, soa, table } from '../testkit/records.ts'
import type { Outcome } from '../testkit/script.ts'
import { testSite, VirtualServer } from '../testkit/virtual-server.ts'
import { keyOfText, textOfKey } from './name.ts'
import { embeddedOfReverse, ip6OfReverse, reverseOfIp4, reverseZoneOf } from './reverse.ts'

const pref64 = (text: string): Pref64 => {
  const result = parsePref64(text)
  assert.ok(result.ok, text)
  return result.pref64
}

/** The name of 64:ff9b::192.0.2.33. */
const REVERSE = '1.2.2.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa'
const IP4_REVERSE = '33.2.0.192.in-addr.arpa'

test('RFC 3596 §2.5: names below ip6.arpa and their addresses', () => {
  const address = (text: string): string | undefined => {
    const ip = ip6OfReverse(keyOfText(text))
    return ip && formatIp6(ip)
  }
  assert.equal(address(REVERSE), '64:ff9b::c000:221')
  assert.equal(address(REVERSE.toUpperCase()), '64:ff9b::c000:221')
  // Too short, too long, no nibble, two nibbles in one label, another suffix.
  for (const text of [
    REVERSE.slice(2),
    `0.${REVERSE}`,
    REVERSE.replace('c', 'g'),
    REVERSE.replace('1.2', '12.'.slice(0, 2)),
    REVERSE.replace('ip6', 'ip7'),
  ])
    assert.equal(address(text), undefined, text)
})

/** The name of an address below ip6.arpa, the slow way. */
const reverseName = (text: string): string => {
  const ip = parseIp6(text) ?? assert.fail(text)
  const hex = Buffer.from(ip).toString('hex')
  return `${Array.from(hex).toReversed().join('.')}.ip6.arpa`
}

test('the address inside each prefix length (table of RFC 6052 §2.4), and nothing outside', () => {
  const rows = [
    ['2001:db8::/32', '2001:db8:c000:221::'],
    ['2001:db8:100::/40', '2001:db8:1c0:2:21::'],
    ['2001:db8:122::/48', '2001:db8:122:c000:2:2100::'],
    ['2001:db8:122:300::/56', '2001:db8:122:3c0:0:221::'],
    ['2001:db8:122:344::/64', '2001:db8:122:344:c0:2:2100:0'],
    ['2001:db8:122:344::/96', '2001:db8:122:344::c000:221'],
    ['64:ff9b::/96', '64:ff9b::c000:221'],
  ] as const
  for (const [prefix, address] of rows) {
    const key = keyOfText(reverseName(address))
    const ip4 = embeddedOfReverse([pref64('2001:db8:ffff::/48'), pref64(prefix)], key)?.ip4
    assert.equal(ip4 && formatIp4(ip4), '192.0.2.33', prefix)
    assert.equal(embeddedOfReverse([pref64('2001:db8:ffff::/48')], key), undefined)
  }
  assert.equal(reverseName('64:ff9b::192.0.2.33'), REVERSE)
})

test('names that are made: in-addr.arpa and the zone of a prefix', () => {
  assert.equal(textOfKey(reverseOfIp4(parseIp4('192.0.2.33') ?? assert.fail())), '33.2.0.192.in-addr.arpa.')
  assert.equal(textOfKey(reverseZoneOf(pref64('2001:db8:122::/48'))), '2.2.1.0.8.b.d.0.1.0.0.2.ip6.arpa.')
})

/** Else 192.0.2.33 has no name, its zone is answered here. */
const DOCUMENTATION_FORWARD = { name: '2.0.192.in-addr.arpa', upstreams: ['9.9.9.10'] }

const SOA = 'in-addr.arpa'
const rows: { rule: string; ptr: Outcome; rcode: number; answer: string[]; authority: string[] }[] = [
  {
    rule: 'a CNAME to in-addr.arpa and the PTR record there',
    ptr: { answers: [ptr(IP4_REVERSE, 'host.example.net', 90)] },
    rcode: 0,
    answer: [`${REVERSE}. 90 CNAME ${IP4_REVERSE}.`, `${IP4_REVERSE}. 90 PTR host.example.net.`],
    authority: [],
  },
  {
    rule: 'RFC 2317: a CNAME there is followed',
    ptr: {
      answers: [
        cname(IP4_REVERSE, '33.0-63.2.0.192.in-addr.arpa', 80),
        ptr('33.0-63.2.0.192.in-addr.arpa', 'host.example.net', 90),
      ],
    },
    rcode: 0,
    answer: [
      `${REVERSE}. 80 CNAME ${IP4_REVERSE}.`,
      `${IP4_REVERSE}. 80 CNAME 33.0-63.2.0.192.in-addr.arpa.`,
      '33.0-63.2.0.192.in-addr.arpa. 90 PTR host.example.net.',
    ],
    authority: [],
  },
  {
    rule: 'no PTR record there: no CNAME to nothing, a denial of our own that can be cached',
    ptr: { rcode: 3, authorities: [soa(SOA, 120, 900)] },
    rcode: 3,
    answer: [],
    authority: [
      '0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa. 120 SOA 0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa.',
    ],
  },
  {
    rule: 'NODATA there is NODATA here',
    ptr: { authorities: [soa(SOA, 120, 60)] },
    rcode: 0,
    answer: [],
    authority: [
      '0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa. 60 SOA 0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa.',
    ],
  },
  { rule: 'a failure stays one', ptr: { rcode: 2 }, rcode: 2, answer: [], authority: [] },
  { rule: 'silence is SERVFAIL', ptr: 'silence', rcode: 2, answer: [], authority: [] },
]
for (const row of rows) {
  test(`RFC 6147 §5.3.1 ${row.rule}`, async () => {
    const server = new VirtualServer({ scripts: table({ [`${IP4_REVERSE} PTR`]: row.ptr }) })
    const response = await server.ask({ name: REVERSE, type: 'PTR' })
    assert.deepEqual(
      { rcode: response.rcode, answer: response.answer, authority: response.authority },
      { rcode: row.rcode, answer: row.answer, authority: row.authority },
    )
    assert.ok(server.questions.every((question) => question === `${IP4_REVERSE} PTR`))
    assert.deepEqual(server.defects, [])
  })
}

test('prefixes of a private network or a documentation prefix have reverse names, too (RFC 6303 has zones there)', async () => {
  for (const [prefix, address] of [
    ['fd00:6464::/96', 'fd00:6464::192.0.2.33'],
    ['2001:db8:122::/48', '2001:db8:122:c000:2:2100::'],
  ] as const) {
    const server = new VirtualServer({
      site: testSite({ pref64: [prefix], dns64: { upstreams: ['9.9.9.9'], domains: [DOCUMENTATION_FORWARD] } }),
      scripts: {
        '9.9.9.10#53': table({ [`${IP4_REVERSE} PTR`]: { answers: [ptr(IP4_REVERSE, 'host.example.net')] } }),
      },
    })
    const response = await server.ask({ name: reverseName(address), type: 'PTR' })
    assert.deepEqual(response.answer.at(-1), `${IP4_REVERSE}. 300 PTR host.example.net.`, prefix)
  }
})

test('a denial of a name above is none of the reverse names of a prefix: those are ours (RFC 8020 §2)', async () => {
  const server = new VirtualServer({
    scripts: table({ [`${IP4_REVERSE} PTR`]: { answers: [ptr(IP4_REVERSE, 'host.example.net')] } }),
  })
  assert.equal((await server.ask({ name: 'b.9.f.f.4.6.0.0.ip6.arpa', type: 'NS' })).rcode, 3)
  const response = await server.ask({ name: REVERSE, type: 'PTR' })
  assert.deepEqual(response.answer.at(-1), `${IP4_REVERSE}. 300 PTR host.example.net.`)
})

test('every prefix of the list has reverse names; other names below ip6.arpa go upstream', async () => {
  const site = testSite({ pref64: ['64:ff9b::/96', '2001:db8:122::/48'] })
  const second = reverseName('2001:db8:122:c000:2:2100::')
  const outside = REVERSE.replace('b.9.f.f', 'c.9.f.f')
  const server = new VirtualServer({
    site,
    scripts: table({
      [`${IP4_REVERSE} PTR`]: { answers: [ptr(IP4_REVERSE, 'host.example.net')] },
      [`${outside} PTR`]: { answers: [ptr(outside, 'six.example.net')] },
    }),
  })
  const made = await server.ask({ name: second, type: 'PTR' })
  assert.equal(made.answer[0], `${second}. 300 CNAME ${IP4_REVERSE}.`)
  const native = await server.ask({ name: outside, type: 'PTR' })
  assert.deepEqual(native.answer, [`${outside}. 300 PTR six.example.net.`])
})
