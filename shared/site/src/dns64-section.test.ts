import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatPrefix } from '@sixgate/addr'
import { SiteError } from './error.ts'
import { parseSite } from './site.ts'

const parse = (dns64: Record<string, unknown>, pref64: readonly string[] = ['64:ff9b::/96', '2001:db8::/48']) =>
  parseSite({
    lan: { interface: 'lan0', prefix: 'fd00:64::/64' },
    pref64,
    nat64: { pool4: ['192.168.240.0/20'] },
    dns64,
  }).dns64

test('defaults: everybody of the LAN, 1000 queries a second, prefetch, no rules', () => {
  const { clients, rateLimit, prefetch, prefixes, domains, records } = parse({})
  assert.deepEqual(
    { clients, rateLimit, prefetch, prefixes, domains, records },
    {
      clients: 'auto',
      rateLimit: { queriesPerS: 1000, burst: 4000 },
      prefetch: true,
      prefixes: [],
      domains: [],
      records: [],
    },
  )
})

test('upstreams: in short, over TCP, over TLS, over HTTPS; the port is that of the protocol unless written', () => {
  const { upstreams } = parse({
    upstreams: [
      '192.0.2.1',
      { address: '192.0.2.1:5353' },
      { address: '192.0.2.1', protocol: 'tcp' },
      { address: '192.0.2.1', protocol: 'tls', name: 'dns.example' },
      { address: '[2001:db8::1]:8853', protocol: 'tls', pins: ['sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='] },
      { address: '192.0.2.1', protocol: 'https', name: 'dns.example', path: '/q' },
    ],
  })
  const pins = ['47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=']
  const path = '/dns-query'
  assert.deepEqual(upstreams, [
    { address: '192.0.2.1', port: 53 },
    { address: '192.0.2.1', port: 5353 },
    { address: '192.0.2.1', port: 53, protocol: 'tcp' },
    { address: '192.0.2.1', port: 853, protocol: 'tls', name: 'dns.example', pins: [], path },
    { address: '2001:db8::1', port: 8853, protocol: 'tls', name: undefined, pins, path },
    { address: '192.0.2.1', port: 443, protocol: 'https', name: 'dns.example', pins: [], path: '/q' },
  ])
})

test('prefixes: clients of both families, single addresses, IPv4 prefixes that are not mapped', () => {
  const [rule] = parse({
    prefixes: [{ pref64: '2001:db8::/48', clients: ['fd00::1', '127.0.0.0/8'], mapped: ['!10.0.0.0/8', '0.0.0.0/0'] }],
  }).prefixes
  assert.deepEqual(rule?.clients?.map(formatPrefix), ['fd00::1/128', '127.0.0.0/8'])
  assert.deepEqual(
    rule?.mapped?.map(({ allow, prefix }) => [allow, formatPrefix(prefix)]),
    [
      [false, '10.0.0.0/8'],
      [true, '0.0.0.0/0'],
    ],
  )
})

const REFUSED: readonly (readonly [string, Record<string, unknown>, RegExp])[] = [
  [
    'a server over TLS that nobody could check',
    { upstreams: [{ address: '192.0.2.1', protocol: 'tls' }] },
    /upstreams\[0\]\.name: .*need the name in the certificate, or pins/,
  ],
  [
    'a pin that is none',
    { upstreams: [{ address: '192.0.2.1', protocol: 'tls', pins: ['x'] }] },
    /must be a pin like sha256/,
  ],
  [
    'a protocol that is not there',
    { upstreams: [{ address: '192.0.2.1', protocol: 'quic' }] },
    /must be udp or tcp or tls or https/,
  ],
  [
    'a rule for a prefix that the site does not have',
    { prefixes: [{ pref64: '2001:db8:1::/96' }] },
    /is not in pref64/,
  ],
  [
    'two rules for one prefix',
    { prefixes: [{ pref64: '64:ff9b::/96' }, { pref64: '64:ff9b::/96' }] },
    /has a rule already/,
  ],
  [
    'a suffix where the prefix has no room',
    { prefixes: [{ pref64: '64:ff9b::/96', suffix: '::1' }] },
    /suffix: .*must leave the bits of 64:ff9b::\/96/,
  ],
  ['a suffix in the u-octet', { prefixes: [{ pref64: '2001:db8::/48', suffix: '0:0:0:0:ff00::' }] }, /64 to 71 zero/],
  [
    'two rules for one domain',
    { domains: [{ name: 'a.example' }, { name: 'A.example' }] },
    /a\.example has a rule already/,
  ],
  [
    'a record beside a CNAME',
    {
      records: [
        { name: 'a.example', type: 'CNAME', data: 'b.example' },
        { name: 'a.example', type: 'A', data: '192.0.2.1' },
      ],
    },
    /alone at its name \(RFC 1034 §3\.6\.2\)/,
  ],
  ['clients that are none', { clients: ['lan'] }, /clients\[0\]: .*must be a prefix or address/],
]

for (const [what, dns64, says] of REFUSED)
  test(`refused: ${what}`, () => {
    assert.throws(
      () => parse(dns64),
      (error) => error instanceof SiteError && says.test(error.message),
    )
  })

test('refused: more than 15 prefixes, which is what one answer can tell apart', () => {
  const many = Array.from({ length: 16 }, (_, i) => `2001:db8:${i}::/96`)
  assert.throws(() => parse({}, many), /at most 15 NAT64 prefixes/)
})
