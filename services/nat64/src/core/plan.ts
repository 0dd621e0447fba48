import { formatPrefix, type Ip4, type Prefix4, type Prefix6, prefix4Of, prefix6Of } from '@sixgate/addr'
import { lanLinkNames, lanPrefixes, type Site } from '@sixgate/site'
import type { AddressMapConfig } from './address-map/address-map.ts'
import { kernelAddress4, ownAddress4 } from './address-map/pool.ts'
import type { Lifetimes } from './address-map/registry.ts'
import { DEFAULT_SETTINGS, type XlateSettings } from './xlate.ts'

/** What nat64 makes of one site document and of the gateway's own addresses. */
export interface Plan {
  readonly map: AddressMapConfig
  readonly settings: XlateSettings
  readonly lifetimes: Lifetimes
  /** Text of each pref64, by index. */
  readonly pref64: readonly string[]
  /** Addresses that the pool may not give out. */
  readonly staticIp4s: readonly Ip4[]
  /** The kernel's own address on the TUN. */
  readonly kernel4: Ip4
  /** What leads into the TUN. */
  readonly routes: readonly (Prefix4 | Prefix6)[]
  readonly tunMtuBytes: number
  /** LAN links at whose ingress the fast path is asked for, beside the TUN. */
  readonly fastPathLans: readonly string[]
  /** Why it may be at none of them. */
  readonly notAtLans: string | undefined
}

/** The part of the document that nat64 reads. */
export type Nat64Site = Pick<Site, 'pref64' | 'nat64' | 'lan' | 'lans'> & {
  readonly firewall?: Pick<Site['firewall'], 'forwards' | 'blocks'>
}

/**
 * Reads a document. `gateway4`: IPv4 addresses of the machine itself; they are never translated to, since that would go
 * round the firewall.
 */
export const planFrom = (site: Nat64Site, gateway4: readonly Ip4[]): Plan => {
  const { nat64, pref64, lan } = site
  const own4 = ownAddress4(nat64.pool4)
  const kernel4 = kernelAddress4(nat64.pool4)
  const hasForwards = (site.firewall?.forwards.length ?? 0) > 0
  const copied = nat64.trafficClass === 'copy'
  return {
    map: {
      pref64,
      pool4: nat64.pool4,
      eams: [
        ...nat64.hosts.map(({ ip6, ip4 }) => ({ prefix6: prefix6Of(ip6, 128), prefix4: prefix4Of(ip4, 32) })),
        ...nat64.maps,
      ],
      // With port forwards the gateway's own addresses may lead to a LAN host (hairpin); the firewall refuses the rest.
      forbidden4: [...new Set([...(hasForwards ? [] : gateway4), kernel4])].map((ip4) => prefix4Of(ip4, 32)),
      sources6: nat64.sources === 'auto' ? lanPrefixes(site) : nat64.sources,
      wellKnownPrefixPolicy: nat64.wellKnownPrefix,
      own4,
      // ICMPv6 errors come from the router that the hosts know: RFC 4443 §2.2 wants an address of the node itself. An
      // address in pref64 would be one of the IPv4 network, and with 64:ff9b::/96 a private one (RFC 6052 §3.1).
      own6: lan.router,
      errorSource: nat64.untranslatableSource,
    },
    settings: {
      ...DEFAULT_SETTINGS,
      lowestIpv6MtuBytes: nat64.lowestIpv6Mtu,
      ipv4NexthopMtuBytes: nat64.mtu,
      ipv6NexthopMtuBytes: nat64.mtu,
      udpChecksumZero: nat64.udpChecksumZero,
      alg: {
        ftpPorts: nat64.alg.ftp === 'off' ? [] : nat64.alg.ftpPorts,
        sipPorts: nat64.alg.sip === 'on' ? nat64.alg.sipPorts : [],
      },
      tosOverride: copied ? undefined : nat64.trafficClass,
      trafficClassOverride: copied ? undefined : nat64.trafficClass,
    },
    lifetimes: { guaranteedS: nat64.idleLifetimeS, keptS: nat64.keptLifetimeS },
    pref64: pref64.map(formatPrefix),
    staticIp4s: nat64.hosts.map((host) => host.ip4),
    kernel4,
    routes: [...pref64, ...nat64.pool4, ...nat64.maps.map((map) => map.prefix4)],
    tunMtuBytes: nat64.mtu,
    fastPathLans: nat64.fastPath === 'lan' ? lanLinkNames(site) : [],
    // A block cuts known flows at once, by MAC address too: all packets of the LAN pass the rules while there is one.
    notAtLans: (site.firewall?.blocks.length ?? 0) > 0 ? 'firewall.blocks has entries' : undefined,
  }
}
