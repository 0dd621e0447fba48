import { equalIp6, type Ip6, type Prefix6 } from '@sixgate/addr'
import type { Site } from '@sixgate/site'
import type { Health } from './health.ts'
import type { NdpOption } from './ndp-options.ts'
import type { Preference } from './preference.ts'
import type { StalePrefix, TimedPrefix } from './prefixes.ts'
import type { RouterAdvertisement } from './ra-wire.ts'
import { encodeSvcParams } from './svc-params.ts'

/** What of the LAN link goes into the messages. */
export interface LanFacts {
  /** Link-layer address; undefined on a link without one: then no SLLA (RFC 4861 §4.2: "Only used on link layers that have addresses"). */
  readonly mac: Uint8Array | undefined
  /** MTU of the link in bytes. */
  readonly mtuBytes: number
  /** Further prefixes that are on the link, when `ra.interfacePrefixes` asks for them. */
  readonly further?: readonly TimedPrefix[]
  /** Prefixes that were advertised before (RFC 9096 §3.5). */
  readonly stale?: readonly StalePrefix[]
}

/** What the router is able to do right now. */
export interface RouterState {
  /** The kernel forwards IPv6 from the LAN. */
  readonly forwarding: boolean
  /** What of the site works; the parts that `ra.health` does not follow are well. */
  readonly health: Health
  /** Addresses of other gateways of the site that are silent: hosts are told to ask nobody there. */
  readonly silent?: readonly Ip6[]
  /** Now, in milliseconds since 1970: lifetimes that end at a fixed time count down to it. */
  readonly unixMs: number
}

/** A lifetime that does not reach beyond a fixed time (RFC 4861 §6.2.1: one "that decrements in real time"). */
const until = (lifetimeS: number, endMs: number | undefined, unixMs: number): number =>
  endMs === undefined ? lifetimeS : Math.min(lifetimeS, Math.max(0, Math.floor((endMs - unixMs) / 1000)))

/** One prefix with what `ra` says of all. */
const prefixOption = (
  { ra }: Site,
  prefix: Prefix6,
  routerAddress: Ip6 | undefined,
  [validLifetimeS, preferredLifetimeS]: readonly [number, number],
): NdpOption => ({
  kind: 'pio',
  prefix,
  onLink: ra.onLink,
  autonomous: ra.autonomous,
  routerAddress,
  preferDelegation: ra.preferDelegation,
  validLifetimeS,
  preferredLifetimeS: Math.min(validLifetimeS, preferredLifetimeS),
})

/** The site's prefix, further ones of the link until they end, and those of before, with lifetime 0 and the same flags. */
const prefixOptions = (site: Site, { further = [], stale = [] }: LanFacts, unixMs: number): NdpOption[] => {
  const { lan, ra } = site
  const lifetimes = (validUntil: number | undefined, preferredUntil: number | undefined): [number, number] => [
    until(ra.validLifetimeS, validUntil, unixMs),
    until(ra.preferredLifetimeS, preferredUntil, unixMs),
  ]
  return [
    prefixOption(
      site,
      lan.prefix,
      ra.routerAddress ? lan.router : undefined,
      lifetimes(ra.validUntil, ra.preferredUntil),
    ),
    ...further.map(({ prefix, validUntilMs, preferredUntilMs }) =>
      prefixOption(site, prefix, undefined, lifetimes(validUntilMs, preferredUntilMs)),
    ),
    ...stale.map(({ prefix }) => prefixOption(site, prefix, undefined, [0, 0])),
  ]
}

const autoAddress = (addresses: 'auto' | readonly Ip6[], router: Ip6): readonly Ip6[] =>
  addresses === 'auto' ? [router] : addresses

/** RFC 8106 §5.1: an address with lifetime 0 is no longer used; the others of the list go on. */
const rdnssOptions = (
  { lan, ra }: Site,
  lifetimeS: number,
  { dns64, silent = [] }: { readonly dns64: boolean; readonly silent?: readonly Ip6[] },
): NdpOption[] => {
  const own = autoAddress(ra.rdnss, lan.router)
  const isAmong = (some: readonly Ip6[], server: Ip6): boolean => some.some((one) => equalIp6(one, server))
  // RFC 8106 §5.3.1: hosts keep one list of servers, whoever told them of each, so one router takes back what another one said.
  const all = [...own, ...silent.filter((server) => !isAmong(own, server))]
  const isDead = (server: Ip6): boolean => isAmong(silent, server) || (!dns64 && equalIp6(server, lan.router))
  const option = (servers: readonly Ip6[], seconds: number): NdpOption[] =>
    servers.length === 0 ? [] : [{ kind: 'rdnss', lifetimeS: seconds, servers }]
  return [
    ...option(
      all.filter((server) => !isDead(server)),
      lifetimeS,
    ),
    ...option(all.filter(isDead), 0),
  ]
}

/** DNS: plain, search list, encrypted (RFC 8106, RFC 9463). */
const dnsOptions = ({ lan, ra }: Site, lifetimeS: number): NdpOption[] => [
  ...(ra.dnssl.length === 0 ? [] : [{ kind: 'dnssl', lifetimeS, names: ra.dnssl } as const]),
  ...ra.dnr.map(
    ({ name, priority, addresses, alpn, port, dohPath }) =>
      ({
        kind: 'dnr',
        priority,
        lifetimeS,
        name,
        addresses: autoAddress(addresses, lan.router),
        svcParams: encodeSvcParams({ alpn, port, dohPath }),
      }) as const,
  ),
]

type Route = Site['ra']['routes'][number] & { readonly lifetimeS?: number | undefined }

/** Which routes are withdrawn: `nat64` those to the NAT64 prefixes, `all` the others too. */
type Withdrawn = 'none' | 'nat64' | 'all'

/** Routes through this router beside the default one (RFC 4191 §2.3). */
const routeOptions = ({ ra, pref64 }: Site, withdrawn: Withdrawn): NdpOption[] => {
  // A router that is no default router still has a lifetime: that of three intervals, as all others here.
  const usualS = ra.routerLifetimeS === 0 ? 3 * ra.maxRtrAdvIntervalS : ra.routerLifetimeS
  const nat64: readonly Route[] = ra.pref64Route ? pref64.map((prefix) => ({ prefix, preference: ra.preference })) : []
  const option =
    (isWithdrawn: boolean) =>
    ({ prefix, preference, lifetimeS = usualS }: Route): NdpOption => ({
      kind: 'rio',
      prefix,
      preference,
      lifetimeS: isWithdrawn ? 0 : lifetimeS,
    })
  return [...nat64.map(option(withdrawn !== 'none')), ...ra.routes.map(option(withdrawn === 'all'))]
}

const pref64Options = ({ pref64 }: Site, lifetimeS: number): NdpOption[] =>
  pref64.map((prefix) => ({ kind: 'pref64', prefix, lifetimeS }))

/** What the messages say while a part of the site is not well; RFC 4191 §2.1: hosts take another router before this one. */
const preferenceNow = ({ ra }: Site, { nat64, dns64, uplink }: Health): Preference =>
  ra.health.lowerPreference && !(nat64 && dns64 && uplink) ? 'low' : ra.preference

const header = (
  { ra }: Site,
  routerLifetimeS: number,
  preference: Preference,
): Omit<RouterAdvertisement, 'options'> => ({
  curHopLimit: ra.curHopLimit,
  managed: ra.managed,
  otherConfig: ra.otherConfig,
  homeAgent: false,
  proxy: false,
  preference,
  routerLifetimeS,
  reachableTimeMs: ra.reachableTimeMs,
  retransTimerMs: ra.retransTimerMs,
})

const sllaOf = ({ mac }: LanFacts): NdpOption[] => (mac === undefined ? [] : [{ kind: 'slla', address: mac }])

/** The Router Advertisement that a site's document asks for (RFC 4861 §6.2.3), as far as the site is able to keep its word. */
export const advertisementOf = (site: Site, lan: LanFacts, state: RouterState): RouterAdvertisement => {
  const { ra } = site
  const { forwarding, health, silent, unixMs } = state
  // RFC 4861 §6.2.5: a system that stops forwarding: "subsequent Router Advertisements MUST set the Router Lifetime field to zero".
  const isDefaultRouter = forwarding && health.uplink
  return {
    ...header(site, isDefaultRouter ? ra.routerLifetimeS : 0, preferenceNow(site, health)),
    options: [
      ...sllaOf(lan),
      // RFC 4861 §6.2.1 AdvLinkMTU: never more than the link carries.
      ...(ra.linkMtu === 0 ? [] : [{ kind: 'mtu', mtuBytes: Math.min(ra.linkMtu, lan.mtuBytes) } as const]),
      ...prefixOptions(site, lan, unixMs),
      // What does not forward is no way to anywhere.
      ...routeOptions(site, !forwarding ? 'all' : health.nat64 ? 'none' : 'nat64'),
      ...rdnssOptions(site, ra.rdnssLifetimeS, { dns64: health.dns64, ...(silent && { silent }) }),
      ...dnsOptions(site, ra.rdnssLifetimeS),
      ...pref64Options(site, health.nat64 ? ra.pref64LifetimeS : 0),
      ...(ra.captivePortal === undefined ? [] : [{ kind: 'captive-portal', uri: ra.captivePortal } as const]),
    ],
  }
}

/**
 * The last message when the gateway goes away for good (RFC 4861 §6.2.5): no default router, no routes, no DNS server, no
 * NAT64 prefix. The prefix is left out, so hosts keep their addresses and reach each other; they also know it again when
 * the gateway is back.
 */
export const finalAdvertisementOf = (site: Site, lan: LanFacts): RouterAdvertisement => ({
  ...header(site, 0, site.ra.preference),
  options: [
    ...sllaOf(lan),
    ...routeOptions(site, 'all'),
    ...rdnssOptions(site, 0, { dns64: true }),
    ...dnsOptions(site, 0),
    ...pref64Options(site, 0),
  ],
})

/**
 * The last message of another gateway of the site, which died without one, as this gateway sends it in its name: no default router, no routes,
 * no DNS server at `router`, its address on this LAN. No SLLA, so that hosts do not take it to be where this gateway is. The NAT64 prefix is left
 * out: there is one list of those too, and this gateway still has it.
 */
export const lastWordsFor = (site: Site, router: Ip6): RouterAdvertisement => ({
  ...header(site, 0, site.ra.preference),
  options: [...routeOptions(site, 'all'), { kind: 'rdnss', lifetimeS: 0, servers: [router] }],
})
