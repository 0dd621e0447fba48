import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatIp6, formatPrefix } from '@sixgate/addr'
import { SiteError } from './error.ts'
import { parseSite } from './site.ts'

const siteWith = (ra: Record<string, unknown>) =>
  parseSite({
    lan: { interface: 'lan0', prefix: 'fd00:1:2:3::/64' },
    pref64: ['64:ff9b::/96'],
    nat64: { pool4: ['198.18.0.0/24'] },
    ra,
  })
const parseRa = (ra: Record<string, unknown>) => siteWith(ra).ra

test('left out, everything has the default of its RFC', () => {
  const { routes, dnr, dnssl, ...ra } = parseRa({})
  assert.deepEqual([routes, dnr, dnssl], [[], [], []])
  assert.deepEqual(ra, {
    maxRtrAdvIntervalS: 600,
    minRtrAdvIntervalS: 198,
    curHopLimit: 64,
    managed: false,
    otherConfig: false,
    preference: 'medium',
    routerLifetimeS: 1800,
    reachableTimeMs: 0,
    retransTimerMs: 0,
    linkMtu: 0,
    onLink: true,
    autonomous: true,
    routerAddress: false,
    preferDelegation: false,
    interfacePrefixes: false,
    validLifetimeS: 86_400,
    preferredLifetimeS: 14_400,
    rdnss: 'auto',
    rdnssLifetimeS: 1800,
    pref64LifetimeS: 1800,
    pref64Route: false,
    health: {
      nat64: true,
      dns64: true,
      uplink: true,
      lowerPreference: true,
      gateways: true,
      downAfterS: 30,
      upAfterS: 10,
    },
  })
})

test('lifetimes follow the interval: 3 × MaxRtrAdvInterval, as far as their fields reach', () => {
  const lifetimes = (maxRtrAdvIntervalS: number) => {
    const ra = parseRa({ maxRtrAdvIntervalS })
    return [ra.routerLifetimeS, ra.rdnssLifetimeS, ra.pref64LifetimeS, ra.preferredLifetimeS, ra.validLifetimeS]
  }
  assert.deepEqual(lifetimes(4), [12, 12, 12, 14_400, 86_400])
  assert.deepEqual(lifetimes(1800), [5400, 5400, 5400, 14_400, 86_400])
  assert.deepEqual(lifetimes(9000), [27_000, 27_000, 27_000, 27_000, 86_400])
  // RFC 8319 §4; RFC 8781 §4.1: at most 8191 × 8 s.
  assert.deepEqual(lifetimes(65_528), [65_535, 196_584, 65_528, 196_584, 196_584])
})

test('a prefix that is valid for a short time is not preferred for longer, unless that is asked for', () => {
  assert.equal(parseRa({ validLifetimeS: 7200 }).preferredLifetimeS, 7200)
  assert.throws(() => parseRa({ validLifetimeS: 7200, preferredLifetimeS: 14_400 }), SiteError)
})

test('a route to the NAT64 prefix comes by itself only where this router is no default router', () => {
  assert.equal(parseRa({ routerLifetimeS: 0 }).pref64Route, true)
  assert.equal(parseRa({ routerLifetimeS: 0, pref64Route: false }).pref64Route, false)
  assert.equal(parseRa({ pref64Route: true }).pref64Route, true)
})

test('what the document can say beside', () => {
  const ra = parseRa({
    validUntil: '2027-01-31T12:00:00Z',
    preferredUntil: '2027-01-31T12:00:00+02:00',
    rdnss: ['fd00::53', 'fd00::54'],
    routes: [{ prefix: '2001:db8::/32' }, { prefix: 'fd00:2::/48', preference: 'high', lifetimeS: 60 }],
    captivePortal: 'https://portal.example/api',
    dnr: [{ name: 'dns.example.', alpn: ['dot', 'h2'], port: 8443, dohPath: '/dns-query{?dns}' }],
  })
  assert.equal(ra.validUntil, Date.UTC(2027, 0, 31, 12))
  assert.equal(ra.preferredUntil, Date.UTC(2027, 0, 31, 10))
  assert.deepEqual(ra.rdnss === 'auto' || ra.rdnss.map(formatIp6), ['fd00::53', 'fd00::54'])
  assert.deepEqual(
    ra.routes.map(({ prefix, preference, lifetimeS }) => [formatPrefix(prefix), preference, lifetimeS]),
    [
      ['2001:db8::/32', 'medium', undefined],
      ['fd00:2::/48', 'high', 60],
    ],
  )
  assert.equal(ra.captivePortal, 'https://portal.example/api')
  assert.deepEqual(ra.dnr, [
    {
      name: 'dns.example',
      priority: 1,
      addresses: 'auto',
      alpn: ['dot', 'h2'],
      port: 8443,
      dohPath: '/dns-query{?dns}',
    },
  ])
})

/** What came, and the sentence that names the field and what is allowed. */
const REFUSED: readonly (readonly [Record<string, unknown>, RegExp])[] = [
  [{ maxRtrAdvIntervalS: 3 }, /ra\.maxRtrAdvIntervalS: 3: must be .* from 4 to 65528/],
  [{ maxRtrAdvIntervalS: 8, minRtrAdvIntervalS: 7 }, /ra\.minRtrAdvIntervalS: 7: must be at most 0\.75/],
  [{ routerLifetimeS: 599 }, /ra\.routerLifetimeS: 599: must be 0 or at least maxRtrAdvIntervalS = 600/],
  [{ rdnssLifetimeS: 599 }, /ra\.rdnssLifetimeS: 599: must be 0 or at least .*RFC 8106/],
  [{ pref64LifetimeS: 8 }, /ra\.pref64LifetimeS: 8: must be 0 or at least .*RFC 8781/],
  [{ pref64LifetimeS: 65_529 }, /ra\.pref64LifetimeS: 65529: must be .* to 65528/],
  [{ reachableTimeMs: 3_600_001 }, /ra\.reachableTimeMs: 3600001: must be .* to 3600000/],
  [{ preferredLifetimeS: 90_000 }, /ra\.preferredLifetimeS: 90000: must be at most validLifetimeS = 86400/],
  [{ validUntil: 'tomorrow' }, /ra\.validUntil: "tomorrow": must be a time like 2027-01-31T12:00:00Z/],
  [{ validUntil: '2027-13-31T12:00:00Z' }, /ra\.validUntil: .*must be a time/],
  [
    { validUntil: '2027-01-01T00:00:00Z', preferredUntil: '2027-01-02T00:00:00Z' },
    /ra\.preferredUntil: must not be later than validUntil/,
  ],
  [{ rdnss: [] }, /ra\.rdnss: \[\]: must name at least one address, or be auto/],
  [{ rdnss: ['192.0.2.53'] }, /ra\.rdnss.*must be an IPv6 address/],
  [{ linkMtu: 1279 }, /ra\.linkMtu: 1279: must be 0 \(no option\) or from 1280/],
  [{ captivePortal: 'http://portal.example' }, /ra\.captivePortal: .*must be a URI like https/],
  [{ routes: [{ prefix: 'fd00:1:2:3::/64' }] }, /ra\.routes\[0\]\.prefix: .*is inside lan\.prefix fd00:1:2:3::\/64/],
  [
    { dnr: [{ name: 'dns.example', alpn: [] }] },
    /ra\.dnr\[0\]\.alpn: \[\]: must name at least one of dot, doq, h2, h3/,
  ],
  [{ dnr: [{ name: 'dns.example', alpn: ['h2'] }] }, /ra\.dnr\[0\]\.dohPath: is missing: DNS over HTTPS/],
  [
    { dnr: [{ name: 'dns.example', alpn: ['h2'], dohPath: '/dns-query' }] },
    /ra\.dnr\[0\]\.dohPath: .*must be a path with \{\?dns\}/,
  ],
  [{ dnr: [{ name: 'dns.example', alpn: ['dot'], priority: 0 }] }, /ra\.dnr\[0\]\.priority: 0: must be .* from 1/],
  [{ lifetime: 3 }, /ra\.lifetime: unknown field "lifetime": known here are maxRtrAdvIntervalS, /],
]

for (const [ra, message] of REFUSED) {
  test(`refused: ${JSON.stringify(ra)}`, () => {
    assert.throws(
      () => parseRa(ra),
      (error) => error instanceof SiteError && message.test(error.message),
    )
  })
}

test('a route to a shorter prefix that contains the LAN is a route', () => {
  assert.equal(parseRa({ routes: [{ prefix: 'fd00:1:2::/48' }] }).routes.length, 1)
})
