import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatIp4, formatIp6, parseIp6 } from '@sixgate/addr'
import fc from 'fast-check'
import { SiteError } from './error.ts'
import { staticIp4 } from './reserved-hosts.ts'
import type { Site } from './schema.ts'
import { parseSite } from './site.ts'

const document = (firewall: unknown, nat64: Readonly<Record<string, unknown>> = {}): unknown => ({
  lan: { interface: 'eth0', vlan: 2, prefix: 'fd00:1:2:2::/64' },
  wan: { interface: 'wan0' },
  pref64: ['64:ff9b::/96'],
  nat64: { pool4: ['198.18.0.0/16'], ...nat64 },
  firewall,
})

const parsed = (firewall: unknown, nat64?: Readonly<Record<string, unknown>>): Site =>
  parseSite(document(firewall, nat64))

const HOST = 'fd00:1:2:2::10'
const ip6 = (text: string) => parseIp6(text) ?? assert.fail(text)

/** The field with the mistake, and what is said about it. */
const MISTAKES: readonly (readonly [what: string, firewall: unknown, path: string, message: RegExp])[] = [
  ['port 0', { forwards: [{ protocol: 'tcp', port: 0, to: HOST }] }, 'forwards.0.port', /0: must be a port from 1/],
  [
    'a range from high to low',
    { forwards: [{ protocol: 'tcp', port: '20-10', to: HOST }] },
    'forwards.0.port',
    /"20-10": must be a port from 1 to 65535, or a range like 5000-5010/,
  ],
  [
    'another port for a range',
    { forwards: [{ protocol: 'udp', port: '10-20', to: HOST, toPort: 80 }] },
    'forwards.0.toPort',
    /goes with a single port only/,
  ],
  [
    'a forward to another network',
    { forwards: [{ protocol: 'tcp', port: 80, to: '2001:db8::1' }] },
    'forwards.0.to',
    /2001:db8::1 is outside lan\.prefix fd00:1:2:2::\/64/,
  ],
  [
    'a forward to the gateway',
    { forwards: [{ protocol: 'tcp', port: 80, to: 'fd00:1:2:2::1' }] },
    'forwards.0.to',
    /the gateway itself/,
  ],
  [
    'a port that leads to two hosts',
    {
      forwards: [
        { protocol: 'udp', port: '5000-5010', to: HOST },
        { protocol: 'tcp', port: 5005, to: HOST },
        { protocol: 'udp', port: 5010, to: 'fd00:1:2:2::11' },
      ],
    },
    'forwards.2.port',
    /udp 5010 leads to forwards\[0\] already/,
  ],
  [
    'a port of the gateway and of a host',
    { inbound: [{ protocol: 'tcp', port: 22 }], forwards: [{ protocol: 'tcp', port: '20-23', to: HOST }] },
    'forwards.0.port',
    /tcp 20-23 is opened for the gateway itself by inbound\[0\]/,
  ],
  ['a name for a host', { blocks: [{ host: 'tablet' }] }, 'blocks.0.host', /an IPv6 address, an IPv6 prefix, or a MAC/],
  [
    '25 o’clock',
    { blocks: [{ host: HOST, from: '25:00', until: '07:00' }] },
    'blocks.0.from',
    /a time of day like 21:00/,
  ],
  ['no end', { blocks: [{ host: HOST, from: '21:00' }] }, 'blocks.0.until', /from and until go together/],
  ['no begin', { blocks: [{ host: HOST, until: '21:00' }] }, 'blocks.0.from', /from and until go together/],
  [
    'begin = end',
    { timezone: 'UTC', blocks: [{ host: HOST, from: '21:00', until: '21:00' }] },
    'blocks.0.until',
    /must be another time than from/,
  ],
  ['no days', { blocks: [{ host: HOST, days: [] }] }, 'blocks.0.days', /must name at least one day/],
  ['a day in German', { blocks: [{ host: HOST, days: ['montag'] }] }, 'blocks.0.days.0', /must be sunday or monday/],
  [
    'a time of no time zone',
    { blocks: [{ host: HOST, days: ['monday'] }] },
    'timezone',
    /is missing: blocks\[0\] has a time; say of which time zone/,
  ],
  ['an unknown time zone', { timezone: 'Mars/Olympus' }, 'timezone', /a time zone like Europe\/Berlin/],
  ['a negative limit', { limits: { newPerHostPerSecond: -1 } }, 'limits.newPerHostPerSecond', /0 = without limit/],
  [
    'an IPv4 LAN on the uplink',
    { lan4: [{ interface: 'wan0', prefix: '10.0.0.0/24' }] },
    'lan4.0.interface',
    /wan\.interface/,
  ],
  [
    'an IPv4 LAN in the pool',
    { lan4: [{ interface: 'eth1', prefix: '198.18.7.0/24' }] },
    'lan4.0.prefix',
    /198\.18\.7\.0\/24 overlaps 198\.18\.0\.0\/16 of nat64\.pool4/,
  ],
]

for (const [what, firewall, path, message] of MISTAKES)
  test(`firewall: ${what} is told at the field`, () => {
    assert.throws(
      () => parsed(firewall),
      (error) => {
        assert.ok(error instanceof SiteError, String(error))
        const issue = error.issues.find((other) => other.path.join('.') === `firewall.${path}`)
        assert.match(issue?.message ?? error.message, message)
        assert.ok(issue, error.message)
        return true
      },
    )
  })

test('defaults: closed, limited, and nobody is blocked', () => {
  const { firewall } = parsed({})
  assert.deepEqual(firewall.limits, {
    synFromWanPerSecond: 200,
    newFromWanPerSecond: 500,
    newPerHostPerSecond: 500,
  })
  assert.deepEqual([firewall.forwards, firewall.blocks, firewall.lan4, firewall.ipv6Inbound], [[], [], [], 'refuse'])
})

test('a forward: one port, another port, a range', () => {
  const { forwards } = parsed({
    forwards: [
      { protocol: 'tcp', port: 80, to: HOST },
      { protocol: 'tcp', port: 8443, to: HOST, toPort: 443 },
      { protocol: 'udp', port: '10000-10010', to: HOST },
    ],
  }).firewall
  assert.deepEqual(
    forwards.map(({ port, toPort }) => [port.first, port.last, toPort]),
    [
      [80, 80, 80],
      [8443, 8443, 443],
      [10000, 10010, 10000],
    ],
  )
})

test('the target of a forward keeps the pool address that the document gives it', () => {
  const forward = { forwards: [{ protocol: 'tcp', port: 80, to: HOST }] }
  const byHost = parsed(forward, { hosts: [{ ip6: HOST, ip4: '198.18.0.10' }] })
  assert.equal(byHost.nat64.hosts.length, 1)
  assert.equal(formatIp4(staticIp4(byHost, ip6(HOST)) ?? assert.fail()), '198.18.0.10')
  const byMap = parsed(forward, {
    maps: [
      { prefix6: 'fd00:1:2:2::/64', prefix4: '10.0.0.0/16' },
      { prefix6: 'fd00:1:2:2::/120', prefix4: '10.64.4.0/24' },
    ],
  })
  assert.deepEqual(byMap.nat64.hosts, [])
  assert.equal(formatIp4(staticIp4(byMap, ip6(HOST)) ?? assert.fail()), '10.64.4.16')
})

test('a map says nothing about a host with bits behind its suffix', () => {
  const site = parsed({}, { maps: [{ prefix6: 'fd00:1:2:2::/64', prefix4: '10.0.0.0/16' }] })
  assert.equal(staticIp4(site, ip6(HOST)), undefined)
  assert.equal(formatIp4(staticIp4(site, ip6('fd00:1:2:2:102::')) ?? assert.fail()), '10.0.1.2')
})

const LAN_HOSTS = fc.uniqueArray(fc.integer({ min: 2, max: 0xffff }), { minLength: 1, maxLength: 5 })

test('other targets get a free address, the same one in whatever order they stand', () => {
  const addressesOf = (numbers: readonly number[]): readonly string[] => {
    const forwards = numbers.map((number, index) => ({
      protocol: 'tcp',
      port: index + 1,
      to: `fd00:1:2:2::${number.toString(16)}`,
    }))
    return parsed({ forwards }, { pool4: ['198.18.0.0/29'] })
      .nat64.hosts.map(({ ip6: host, ip4 }) => `${formatIp6(host)} ${formatIp4(ip4)}`)
      .toSorted()
  }
  fc.assert(
    fc.property(LAN_HOSTS, (numbers) => {
      const given = addressesOf(numbers)
      assert.equal(given.length, numbers.length)
      assert.deepEqual(addressesOf(numbers.toReversed()), given)
      const addresses = given.map((line) => line.split(' ')[1])
      assert.equal(new Set(addresses).size, numbers.length)
      // 198.18.0.0, .1 and .7 are the gateway's own.
      for (const address of addresses) assert.match(address ?? '', /^198\.18\.0\.[2-6]$/)
    }),
  )
})

test('a pool without an address left for a target is told', () => {
  const hosts = [2, 3, 4, 5, 6].map((last) => ({ ip6: `fd00:1:2:2::${last}`, ip4: `198.18.0.${last}` }))
  assert.throws(
    () => parsed({ forwards: [{ protocol: 'tcp', port: 80, to: HOST }] }, { pool4: ['198.18.0.0/29'], hosts }),
    /firewall\.forwards\[0\]\.to.*nat64\.pool4 has no address left to reserve/,
  )
})
