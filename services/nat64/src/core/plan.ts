import { formatPrefix, type Ip4, type Prefix4, type Prefix6, prefix4Of, prefix6Of } from '@sixgate/addr'
import type { Site } from '@sixgate/site'
import type { AddressMapConfig } from './address-map/address-map.ts'
import { ownAddress4 } from './address-map/pool.ts'
import { KEPT_S, type Lifetimes } from './address-map/registry.ts'
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
  /** What leads into the TUN. */
  readonly routes: readonly (Prefix4 | Prefix6)[]
  readonly tunMtuBytes: number
}

/** The part of the document that nat64 reads. */
export type Nat64Site = Pick<Site, 'pref64' | 'nat64' | 'lan'>

/**
 * Reads a document. `gateway4`: IPv4 addresses of the machine itself; they are never translated to, since that would go
 * round the firewall.
 */
export const planFrom = (site: Nat64Site, gateway4: readonly Ip4[]): Plan => {
  const { pool4, hosts, mtu, idleLifetimeS } = site.nat64
  const own4 = ownAddress4(pool4)
  return {
    map: {
      pref64: site.pref64,
      pool4,
      eams: hosts.map(({ ip6, ip4 }) => ({ prefix6: prefix6Of(ip6, 128), prefix4: prefix4Of(ip4, 32) })),
      forbidden4: gateway4.filter((ip4) => ip4 !== own4).map((ip4) => prefix4Of(ip4, 32)),
      sources6: [],
      wellKnownPrefixPolicy: 'off',
      own4,
      // ICMPv6 errors come from the router that the hosts know: RFC 4443 §2.2 wants an address of the node itself. An
      // address in pref64 would be one of the IPv4 network, and with 64:ff9b::/96 a private one (RFC 6052 §3.1).
      own6: site.lan.router,
      errorSource4: own4,
    },
    settings: { ...DEFAULT_SETTINGS, ipv4NexthopMtuBytes: mtu, ipv6NexthopMtuBytes: mtu },
    lifetimes: { guaranteedS: idleLifetimeS, keptS: KEPT_S },
    pref64: site.pref64.map(formatPrefix),
    staticIp4s: hosts.map((host) => host.ip4),
    routes: [...site.pref64, ...pool4],
    tunMtuBytes: mtu,
  }
}
