import type { Site } from '@sixgate/site'
import type { NdpOption } from './ndp-options.ts'
import type { RouterAdvertisement } from './ra-wire.ts'

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
}

/** MTU that the messages announce: never more than the link carries (RFC 4861 §6.2.1 AdvLinkMTU); undefined = no option. */
const announcedMtu = ({ linkMtu }: Site['ra'], lan: LanFacts): number | undefined =>
  linkMtu === 0 ? undefined : Math.min(linkMtu, lan.mtuBytes)

const serviceOptions = ({ lan, ra, pref64 }: Site, withdrawn: boolean): NdpOption[] => [
  { kind: 'rdnss', lifetimeS: withdrawn ? 0 : ra.rdnssLifetimeS, servers: [lan.router] },
  ...(ra.dnssl.length === 0
    ? []
    : [{ kind: 'dnssl', lifetimeS: withdrawn ? 0 : ra.rdnssLifetimeS, names: ra.dnssl } as const]),
  ...pref64.map((prefix) => ({ kind: 'pref64', prefix, lifetimeS: withdrawn ? 0 : ra.pref64LifetimeS }) as const),
]

const header = ({ ra }: Site, routerLifetimeS: number): Omit<RouterAdvertisement, 'options'> => ({
  curHopLimit: ra.curHopLimit,
  managed: false,
  otherConfig: false,
  homeAgent: false,
  proxy: false,
  preference: ra.preference,
  routerLifetimeS,
  reachableTimeMs: 0,
  retransTimerMs: 0,
})

const sllaOf = ({ mac }: LanFacts): NdpOption[] => (mac === undefined ? [] : [{ kind: 'slla', address: mac }])

/** The Router Advertisement that a site's document asks for (RFC 4861 §6.2.3). */
export const advertisementOf = (site: Site, lan: LanFacts, state: RouterState): RouterAdvertisement => {
  const mtuBytes = announcedMtu(site.ra, lan)
  return {
    // RFC 4861 §6.2.5: a system that stops forwarding: "subsequent Router Advertisements MUST set the Router Lifetime field to zero".
    ...header(site, state.forwarding ? site.ra.routerLifetimeS : 0),
    options: [
      ...sllaOf(lan),
      ...(mtuBytes === undefined ? [] : [{ kind: 'mtu', mtuBytes } as const]),
      {
        kind: 'pio',
        prefix: site.lan.prefix,
        onLink: true,
        autonomous: true,
        routerAddress: undefined,
        preferDelegation: false,
        validLifetimeS: site.ra.validLifetimeS,
        preferredLifetimeS: site.ra.preferredLifetimeS,
      },
      ...serviceOptions(site, false),
    ],
  }
}

/**
 * The last message when the gateway goes away for good (RFC 4861 §6.2.5): no default router, no DNS server, no NAT64 prefix.
 * The prefix is left out, so hosts keep their addresses and reach each other; they also know it again when the gateway is back.
 */
export const finalAdvertisementOf = (site: Site, lan: LanFacts): RouterAdvertisement => ({
  ...header(site, 0),
  options: [...sllaOf(lan), ...serviceOptions(site, true)],
})
