import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, type TestContext, test } from 'node:test'
import { formatIp6 } from '@sixgate/addr'
import { parseSite, type Site } from '@sixgate/site'
import { enterNamespace } from '@sixgate/testkit'
import { encodeOption } from './core/ndp-options.ts'
import { EthernetPort } from './testkit/ethernet-port.ts'
import { GatewayLab, type Heard, heardBy, natsWith, siteOf } from './testkit/gateway-lab.ts'
import { radvdConf, UNKNOWN_TO_RADVD } from './testkit/radvd-conf.ts'
import { solicit } from './testkit/solicit.ts'
import { until } from './testkit/until.ts'

/**
 * Debian's radvd in this gateway's place, with the same interface and a configuration that says the same: both have to say
 * the same octets, and a stock Linux host has to be the same afterwards.
 */

const skip = enterNamespace()
const lab = skip === false ? await GatewayLab.create() : ({} as GatewayLab)
const { gateway, host } = lab
afterEach(async () => await lab.killAll())
after(async () => await lab.close())

/** Everything in a message that radvd knows, options in the order of their octets. */
const comparable = ({ options, ignored, source, ...header }: Heard) => ({
  ...header,
  source,
  ignored: ignored.map(({ message }) => message),
  options: options
    .filter(({ kind }) => !UNKNOWN_TO_RADVD.some((unknown) => unknown === kind))
    .map((option) => Buffer.from(encodeOption(option)).toString('hex'))
    .toSorted(),
})

/** What the kernel of the host made of it, without the seconds that pass. */
const hostState = async (site: Site): Promise<string> => {
  const look = (): string =>
    [
      // In whatever order the prefixes came.
      ...host.ip('-o -6 address show dev eth0 scope global').split('\n').toSorted(),
      ...host.ip('-6 route show dev eth0').split('\n').toSorted(),
      host.sh(
        'cat',
        ...['hop_limit', 'mtu', 'retrans_time_ms'].map(
          (name) => `/proc/sys/net/ipv6/${name === 'retrans_time_ms' ? 'neigh' : 'conf'}/eth0/${name}`,
        ),
      ),
    ]
      .join('\n')
      .replaceAll(/expires \d+sec|(valid|preferred)_lft \d+sec/g, '…')
  if (site.ra.routerLifetimeS > 0) await until('a default route', () => /default/.test(look()))
  if (site.ra.autonomous) await until('an address', () => /inet6 fd00:1:2:3:/.test(look()))
  if (site.ra.interfacePrefixes) await until('its other address', () => /inet6 2001:db8:7:/.test(look()))
  return look()
}

interface Outcome {
  readonly first: ReturnType<typeof comparable>
  readonly solicited: ReturnType<typeof comparable>
  readonly lastLifetimeS: number
  readonly host: string
}

/** Runs a router until the host has settled, solicits it, and ends it for good. */
const observe = async (site: Site, start: Start): Promise<Outcome> => {
  const port = new EthernetPort('br0')
  try {
    const stop = await start()
    const first = comparable(await until('the first message', () => heardBy(port)[0]))
    const state = await hostState(site)
    // Both answer a host that has an address alone, so it is what rdisc6 sees; a burst message may come in between.
    await solicit(host)
    const solicited = comparable(heardBy(port).at(-1) as Heard)
    await stop()
    await until('a last message', () => heardBy(port).at(-1)?.routerLifetimeS === 0)
    return { first, solicited, lastLifetimeS: 0, host: state }
  } finally {
    port.close()
  }
}

/** The cable; where all prefixes of the interface are asked for, with a further one. */
const cable = ({ lan, ra }: Site): void => {
  lab.cable()
  if (!ra.interfacePrefixes) return
  for (const address of [formatIp6(lan.router), '2001:db8:7::1']) gateway.ip(`address add ${address}/64 dev lan0`)
}

/** Starts a router on a new cable; what comes back ends it for good. */
type Start = () => Promise<() => Promise<unknown>>

const startOurs =
  (document: string, site: Site, t: TestContext): Start =>
  async () => {
    lab.uplink(true)
    const nats = await natsWith(document)
    t.after(async () => await nats[Symbol.asyncDispose]())
    cable(site)
    const { process: running } = lab.start(nats, 'a', { ON_STOP: 'remove' })
    return async () => await running.stop('SIGTERM')
  }

const startTheirs =
  (site: Site): Start =>
  async () => {
    cable(site)
    const conf = join(lab.directory, 'radvd.conf')
    writeFileSync(conf, radvdConf(site))
    gateway.ip('link set lan0 up')
    gateway.waitUp('lan0')
    await until('a link-local address', () => /inet6 fe80/.test(gateway.ip('-6 address show dev lan0')))
    const radvd = gateway.spawn('radvd', ['-C', conf, '-n', '-m', 'stderr', '-p', join(lab.directory, 'radvd.pid')])
    return async () => await radvd.stop('SIGTERM')
  }

const CASES: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
  ['the defaults', {}],
  [
    'every header field',
    {
      managed: true,
      otherConfig: true,
      curHopLimit: 33,
      reachableTimeMs: 30_000,
      retransTimerMs: 1500,
      preference: 'high',
      routerLifetimeS: 9000,
    },
  ],
  // With another preference radvd 2.19 departs from RFC 4191 §2.2: "If the Router Lifetime is zero, the preference value MUST
  // be set to (00) by the sender".
  ['no default router, a route to the NAT64 prefix', { routerLifetimeS: 0 }],
  ['prefix flags and lifetimes', { onLink: false, validLifetimeS: 7200, preferredLifetimeS: 3600 }],
  ['no addresses from the prefix, the whole address of the router', { autonomous: false, routerAddress: true }],
  ['every prefix that the interface has an address of', { interfacePrefixes: true }],
  [
    'DNS, search domains, MTU',
    {
      rdnss: ['fd00:1:2:3::53', '2001:db8::53'],
      dnssl: ['lan.example', 'example.org'],
      rdnssLifetimeS: 900,
      linkMtu: 1400,
    },
  ],
  [
    'routes',
    {
      routes: [
        { prefix: '2001:db8:5::/48', preference: 'high', lifetimeS: 600 },
        { prefix: 'fd00:9::/64', preference: 'low' },
        { prefix: '2001:db8:8000::/33' },
      ],
    },
  ],
  ['short intervals', { maxRtrAdvIntervalS: 10, minRtrAdvIntervalS: 4 }],
]
for (const [name, ra] of CASES)
  test(`as radvd: ${name}`, { skip }, async (t) => {
    const document = siteOf({ ...ra })
    const site = parseSite(JSON.parse(document))
    const mine = await observe(site, startOurs(document, site, t))
    const other = await observe(site, startTheirs(site))
    assert.deepEqual(mine, other)
  })

/** Valid and preferred lifetime as a host is told when it asks, in seconds, and between which times that was. */
const lifetimesNow = async () => {
  const askedMs = performance.now()
  const stdout = await solicit(host)
  const [, valid, preferred] = /Valid time +: +(\d+) [^]*Pref\. time +: +(\d+) /.exec(stdout) ?? []
  return { validS: Number(valid), preferredS: Number(preferred), askedMs, toldMs: performance.now() }
}

/** Whole seconds, rounded by both and by what they are made of. */
const ROUNDED_S = 2

test('as radvd: lifetimes that count down, second by second', { skip }, async (t) => {
  const end = (inS: number): string => `${new Date(Date.now() + inS * 1000).toISOString().slice(0, 19)}Z`
  const lifetimes = { validLifetimeS: 7200, preferredLifetimeS: 3600 }
  const document = siteOf({ ...lifetimes, validUntil: end(7200), preferredUntil: end(3600) })
  const site = parseSite(JSON.parse(document))
  for (const start of [startOurs(document, site, t), startTheirs(site)]) {
    const stop = await start()
    await until('a default route', () => /default/.test(host.ip('-6 route show dev eth0')))
    const first = await lifetimesNow()
    // A host that waits for three seconds.
    await host.run('sleep', '3')
    const second = await lifetimesNow()
    for (const field of ['validS', 'preferredS'] as const) {
      const passedS = first[field] - second[field]
      assert.ok(passedS >= (second.askedMs - first.toldMs) / 1000 - ROUNDED_S, `${field}: ${passedS} s less`)
      assert.ok(passedS <= (second.toldMs - first.askedMs) / 1000 + ROUNDED_S, `${field}: ${passedS} s less`)
    }
    assert.ok(first.validS <= 7200 && first.validS > 7000, `${first.validS}`)
    assert.ok(Math.abs(first.validS - first.preferredS - 3600) <= ROUNDED_S, `${first.validS}, ${first.preferredS}`)
    await stop()
  }
})
