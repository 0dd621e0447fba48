import { type Ip6 } from '@sixgate/addr'
import type { Site } from '@sixgate/site'
import type { NdpOption } from './ndp-options.ts'
import type { RouterAdvertisement } from './ra-wire.ts'
import { encodeSvcParams } from './svc-params.ts'

/** What of the LAN link goes into the messages. */
export interface LanFacts {
  /** Link-layer address; undefined on a link without one: then no SLLA (RFC 4861 §4.2: "Only used on link layers that have addresses"). */
  readonly mac: Uint8Array | undefined
  /** MTU of the link in bytes. */
  readonly mtuBytes: number
}

/** What the router is able to do right now. */
export interface RouterState {
  /** The kernel forwards IPv6 from the LAN. */
  readonly forwarding: boolean
  /** Now, in milliseconds since 1970: lifetimes that end at a fixed time count down to it. */
  readonly unixMs: number
}

/** A lifetime that does not reach beyond a fixed time (RFC 4861 §6.2.1: one "that decrements in real time"). */
const until = (lifetimeS: number, endMs: number | undefined, unixMs: number): number =>
  endMs === undefined ? lifetimeS : Math.min(lifetimeS, Math.max(0, Math.floor((endMs - unixMs) / 1000)))

const prefixOption = ({ lan, ra }: Site, unixMs: number): NdpOption => {
  const validLifetimeS = until(ra.validLifetimeS, ra.validUntil, unixMs)
  return {
    kind: 'pio',
    prefix: lan.prefix,
    onLink: ra.onLink,
    autonomous: ra.autonomous,
    routerAddress: ra.routerAddress ? lan.router : undefined,
    preferDelegation: ra.preferDelegation,
    validLifetimeS,
    preferredLifetimeS: Math.min(validLifetimeS, until(ra.preferredLifetimeS, ra.preferredUntil, unixMs)),
  }
}

const autoAddress = (addresses: 'auto' | readonly Ip6[], router: Ip6): readonly Ip6[] =>
  addresses === 'auto' ? [router] : addresses

/** DNS: plain, search list, encrypted (RFC 8106, RFC 9463). */
const dnsOptions = ({ lan, ra }: Site, lifetimeS: number): NdpOption[] => [
  { kind: 'rdnss', lifetimeS, servers: autoAddress(ra.rdnss, lan.router) },
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

/** Routes through this router beside the default one (RFC 4191 §2.3); all withdrawn with `withdrawn`. */
const routeOptions = ({ ra, pref64 }: Site, withdrawn: boolean): NdpOption[] => {
  // A router that is no default router still has a lifetime: that of three intervals, as all others here.
  const usualS = ra.routerLifetimeS === 0 ? 3 * ra.maxRtrAdvIntervalS : ra.routerLifetimeS
  const nat64 = ra.pref64Route ? pref64.map((prefix) => ({ prefix, preference: ra.preference, lifetimeS: usualS })) : []
  return [...nat64, ...ra.routes].map(({ prefix, preference, lifetimeS = usualS }) => ({
    kind: 'rio',
    prefix,
    preference,
    lifetimeS: withdrawn ? 0 : lifetimeS,
  }))
}

const pref64Options = ({ pref64 }: Site, lifetimeS: number): NdpOption[] =>
  pref64.map((prefix) => ({ kind: 'pref64', prefix, lifetimeS }))

const header = ({ ra }: Site, routerLifetimeS: number): Omit<RouterAdvertisement, 'options'> => ({
  curHopLimit: ra.curHopLimit,
  managed: ra.managed,
  otherConfig: ra.otherConfig,
  homeAgent: false,
  proxy: false,
  preference: ra.preference,
  routerLifetimeS,
  reachableTimeMs: ra.reachableTimeMs,
  retransTimerMs: ra.retransTimerMs,
})

const sllaOf = ({ mac }: LanFacts): NdpOption[] => (mac === undefined ? [] : [{ kind: 'slla', address: mac }])

/** The Router Advertisement that a site's document asks for (RFC 4861 §6.2.3). */
export const advertisementOf = (site: Site, lan: LanFacts, state: RouterState): RouterAdvertisement => {
  const { ra } = site
  return {
    // RFC 4861 §6.2.5: a system that stops forwarding: "subsequent Router Advertisements MUST set the Router Lifetime field to zero".
    ...header(site, state.forwarding ? ra.routerLifetimeS : 0),
    options: [
      ...sllaOf(lan),
      // RFC 4861 §6.2.1 AdvLinkMTU: never more than the link carries.
      ...(ra.linkMtu === 0 ? [] : [{ kind: 'mtu', mtuBytes: Math.min(ra.linkMtu, lan.mtuBytes) } as const]),
      prefixOption(site, state.unixMs),
      // What does not forward is no way to anywhere.
      ...routeOptions(site, !state.forwarding),
      ...dnsOptions(site, ra.rdnssLifetimeS),
      ...pref64Options(site, ra.pref64LifetimeS),
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
  ...header(site, 0),
  options: [...sllaOf(lan), ...routeOptions(site, true), ...dnsOptions(site, 0), ...pref64Options(site, 0)],
})
