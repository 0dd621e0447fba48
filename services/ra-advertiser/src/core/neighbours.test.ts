import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { asIp6, type Ip6, parseIp6, parsePref64, parsePrefix6 } from '@sixgate/addr'
import fc from 'fast-check'
import { hostsSeen } from './hosts-seen.ts'
import { type NdpOption } from './ndp-options.ts'
import { compareAdvertisements, forgetSilent, hearRouter, type Neighbour, NEIGHBOURS_MAX } from './neighbours.ts'
import { checkAdvertisement } from './ra-check.ts'
import { encodeRouterAdvertisement, type RouterAdvertisement } from './ra-wire.ts'
import { PLAIN_HEADER } from '../testkit/plain-header.ts'

const ip6 = (text: string): Ip6 => parseIp6(text) ?? assert.fail(text)
const pref64 = (text: string) => {
  const result = parsePref64(text)
  return result.ok ? result.pref64 : assert.fail(text)
}

const pio = (more: Partial<Extract<NdpOption, { kind: 'pio' }>> = {}): NdpOption => ({
  kind: 'pio',
  prefix: parsePrefix6('fd00:1::/64') ?? assert.fail(),
  onLink: true,
  autonomous: true,
  routerAddress: undefined,
  preferDelegation: false,
  validLifetimeS: 86_400,
  preferredLifetimeS: 14_400,
  ...more,
})
const rdnss = (lifetimeS: number, server = 'fd00:1::1'): NdpOption => ({
  kind: 'rdnss',
  lifetimeS,
  servers: [ip6(server)],
})
const nat64 = (prefix: string, lifetimeS = 1800): NdpOption => ({ kind: 'pref64', prefix: pref64(prefix), lifetimeS })

const ra = (more: Partial<RouterAdvertisement> = {}, ...options: NdpOption[]): RouterAdvertisement => ({
  ...PLAIN_HEADER,
  routerLifetimeS: 1800,
  options,
  ...more,
})

describe('RFC 4861 §6.2.7: what another router says otherwise', () => {
  const cases: readonly (readonly [string, RouterAdvertisement, RouterAdvertisement, readonly string[]])[] = [
    ['the same', ra({}, pio(), rdnss(1800)), ra({}, pio(), rdnss(1800)), []],
    ['another hop limit', ra(), ra({ curHopLimit: 32 }), ['hop-limit']],
    ['an unspecified hop limit', ra(), ra({ curHopLimit: 0 }), []],
    ['M and O', ra(), ra({ managed: true, otherConfig: true }), ['managed', 'other-config']],
    [
      'both timers',
      ra({ reachableTimeMs: 1, retransTimerMs: 2 }),
      ra({ reachableTimeMs: 3, retransTimerMs: 4 }),
      ['reachable-time', 'retrans-timer'],
    ],
    ['timers that one leaves open', ra({ reachableTimeMs: 1 }), ra({ retransTimerMs: 4 }), []],
    ['another MTU', ra({}, { kind: 'mtu', mtuBytes: 1500 }), ra({}, { kind: 'mtu', mtuBytes: 1400 }), ['mtu']],
    ['an MTU that only one names', ra({}, { kind: 'mtu', mtuBytes: 1500 }), ra(), []],
    [
      'other prefix lifetimes',
      ra({}, pio()),
      ra({}, pio({ validLifetimeS: 3600, preferredLifetimeS: 1800 })),
      ['prefix-valid', 'prefix-preferred'],
    ],
    [
      'lifetimes that count down together',
      ra({}, pio()),
      ra({}, pio({ validLifetimeS: 86_390, preferredLifetimeS: 14_390 })),
      [],
    ],
    [
      'other prefix flags',
      ra({}, pio()),
      ra({}, pio({ onLink: false, autonomous: false })),
      ['prefix-on-link', 'prefix-autonomous'],
    ],
    ['a prefix that it lets go', ra({}, pio()), ra({}, pio({ validLifetimeS: 0, preferredLifetimeS: 0 })), []],
    ['another prefix', ra({}, pio()), ra({}, pio({ prefix: parsePrefix6('fd00:2::/64') ?? assert.fail() })), []],
    ['one DNS server, other lifetimes', ra({}, rdnss(1800)), ra({}, rdnss(600)), ['rdnss']],
    ['other DNS servers', ra({}, rdnss(1800)), ra({}, rdnss(600, 'fd00:1::2')), []],
    ['a DNS server that one withdraws', ra({}, rdnss(0)), ra({}, rdnss(600)), []],
    [
      'another search domain lifetime',
      ra({}, { kind: 'dnssl', lifetimeS: 1800, names: ['lan'] }),
      ra({}, { kind: 'dnssl', lifetimeS: 60, names: ['lan'] }),
      ['dnssl'],
    ],
    ['another NAT64 prefix', ra({}, nat64('64:ff9b::/96')), ra({}, nat64('2001:db8::/96')), ['pref64']],
    ['a NAT64 prefix that one withdraws', ra({}, nat64('64:ff9b::/96', 0)), ra({}, nat64('2001:db8::/96')), []],
    [
      'another portal',
      ra({}, { kind: 'captive-portal', uri: 'https://a.example/' }),
      ra({}, { kind: 'captive-portal', uri: 'https://b.example/' }),
      ['captive-portal'],
    ],
    [
      'another preference and router lifetime: two gateways',
      ra({ preference: 'high' }),
      ra({ preference: 'low', routerLifetimeS: 0 }),
      [],
    ],
  ]
  for (const [name, ours, theirs, codes] of cases)
    it(name, () =>
      assert.deepEqual(
        compareAdvertisements(ours, theirs).map(({ code }) => code),
        codes,
      ),
    )

  it('says both values', () => {
    const [finding] = compareAdvertisements(ra(), ra({ curHopLimit: 32 }))
    assert.equal(finding?.message, 'Cur Hop Limit: it says 32, this gateway 64')
  })
})

describe('the table of routers', () => {
  const router = ip6('fe80::2')
  const hear = (
    table: readonly Neighbour[],
    theirs: RouterAdvertisement,
    nowMs: number,
    known?: readonly Ip6[],
    from = router,
  ) => hearRouter(table, { router: from, ra: { ...theirs, ignored: [] }, nowMs }, { ours: ra({}, pio()), known })

  it('tells each finding once, another one when it comes, and again after it had gone', () => {
    const codes = (news: readonly { code: string }[]): string[] => news.map(({ code }) => code)
    const one = hear([], ra({ managed: true }), 0)
    const two = hear(one.neighbours, ra({ managed: true, curHopLimit: 1 }), 1)
    const three = hear(two.neighbours, ra(), 2)
    const four = hear(three.neighbours, ra({ managed: true }), 3)
    assert.deepEqual(
      [one, two, three, four].map(({ news }) => codes(news)),
      [['managed'], ['hop-limit'], [], ['managed']],
    )
    assert.deepEqual([four.neighbour.firstMs, four.neighbour.lastMs, four.neighbour.messages], [0, 3, 4])
  })

  it('a lifetime that counts down is one finding', () => {
    const one = hear([], ra({}, pio({ validLifetimeS: 600, preferredLifetimeS: 14_400 })), 0)
    const two = hear(one.neighbours, ra({}, pio({ validLifetimeS: 500, preferredLifetimeS: 14_400 })), 1)
    assert.deepEqual([one.news.length, two.news.length], [1, 0])
  })

  it('a stranger is one only where routers are named', () => {
    const isStranger = (known?: readonly Ip6[]): boolean =>
      hear([], ra(), 0, known).neighbour.findings.some(({ code }) => code === 'unknown-router')
    assert.deepEqual([isStranger(), isStranger([]), isStranger([router])], [false, true, false])
  })

  it('holds a bounded number, the last ones heard, and forgets the silent', () => {
    let table: readonly Neighbour[] = []
    for (let n = 0; n < 1000; n++) {
      const from = asIp6(Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n >> 8, n & 255))
      table = hear(table, ra(), n, undefined, from).neighbours
    }
    assert.equal(table.length, NEIGHBOURS_MAX)
    assert.ok(table.every(({ lastMs }) => lastMs >= 1000 - NEIGHBOURS_MAX))
    assert.equal(forgetSilent(table, 1000 + 1_800_000).length, 0)
  })
})

describe('RFC 4861 §6.1.2: which messages are looked at', () => {
  const message = encodeRouterAdvertisement(ra({}, pio()))
  const received = { message, source: ip6('fe80::2'), hopLimit: 255, fragmented: false }
  const verdict = (more: Partial<typeof received>): string => {
    const checked = checkAdvertisement({ ...received, ...more })
    return 'refused' in checked ? checked.refused : 'ok'
  }
  const cases: readonly (readonly [string, Partial<typeof received>, string])[] = [
    ['a good one', {}, 'ok'],
    ['from a global address', { source: ip6('2001:db8::1') }, 'source_not_link_local'],
    ['through a router', { hopLimit: 254 }, 'hop_limit'],
    ['in fragments (RFC 6980 §5)', { fragmented: true }, 'fragmented'],
    ['15 octets', { message: message.subarray(0, 15) }, 'malformed'],
    ['code 1', { message: Uint8Array.from(message).fill(1, 1, 2) }, 'malformed'],
    [
      'an option of length zero',
      { message: Uint8Array.of(...message.subarray(0, 16), 1, 0, 0, 0, 0, 0, 0, 0) },
      'malformed',
    ],
    [
      'an option past the end',
      { message: Uint8Array.of(...message.subarray(0, 16), 1, 2, 0, 0, 0, 0, 0, 0) },
      'malformed',
    ],
  ]
  for (const [name, more, expected] of cases) it(name, () => assert.equal(verdict(more), expected))

  it('random messages never throw, and what is read can be compared and remembered', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ maxLength: 200 }).map((rest) => Uint8Array.of(...message.subarray(0, 16), ...rest)),
      // A good message with some octets changed.
      fc.array(fc.tuple(fc.nat(message.length - 1), fc.nat(255)), { maxLength: 6 }).map((changes) => {
        const changed = Uint8Array.from(message)
        for (const [at, value] of changes) changed[at] = value
        return changed
      }),
    )
    fc.assert(
      fc.property(bytes, (octets) => {
        const checked = checkAdvertisement({ ...received, message: octets })
        if (!('refused' in checked))
          hearRouter([], { ...checked, nowMs: 0 }, { ours: ra({}, pio(), rdnss(1)), known: undefined })
      }),
      { numRuns: 20_000 },
    )
  })
})

describe('hosts seen', () => {
  const mac = Uint8Array.of(2, 0, 0x5e, 0, 0, 1)
  const entry = (ip: string, state: string, more = {}) => ({
    ip: ip6(ip),
    mac,
    state,
    isRouter: false,
    confirmedMsAgo: 9000,
    ...more,
  })

  it('one host for each link-layer address, with all its addresses', () => {
    const hosts = hostsSeen('lan0', [
      entry('fd00:1::5e00:1', 'stale'),
      entry('fe80::1', 'reachable', { isRouter: true, confirmedMsAgo: 1400 }),
      entry('fd00:1::9', 'incomplete', { mac: undefined }),
      entry('fd00:1::8', 'failed'),
    ])
    assert.deepEqual(hosts, [
      {
        link: 'lan0',
        mac: '02:00:5e:00:00:01',
        addresses: ['fe80::1', 'fd00:1::5e00:1'],
        isRouter: true,
        isReachable: true,
        confirmedSAgo: 1,
      },
    ])
  })
})
