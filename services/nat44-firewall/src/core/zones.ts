import { formatIp4, formatIp6, overlaps, type Prefix4, type Prefix6 } from '@sixgate/addr'
import { lanPrefixes, type Site } from '@sixgate/site'
import { type Helper, iif, is, isNot, oif, type Statement } from './nft.ts'
import type { Json } from './table.ts'

/** The link that nat64 creates. */
export const TUN_LINK = 'nat64'
export const LOOPBACK = 'lo'
/** RFC 4291 §2.5.6 */
export const LINK_LOCAL: Json = { prefix: { addr: 'fe80::', len: 10 } }

/** One link, or several. */
export type Zone = string | readonly string[]

export const linksOf = (zone: Zone): readonly string[] => (typeof zone === 'string' ? [zone] : zone)

/** What the machine says, beside what the site document says. */
export interface Facts {
  /** Link of the LAN, or the links of all LANs; they need not exist. */
  readonly lan: Zone
  /** Links of the uplink: one as a rule, several with several default routes; empty: none is known and none ever was. */
  readonly uplinks: readonly string[]
  /** The uplink has addresses of the public IPv4 internet only: no other NAT follows. */
  readonly uplinkIsPublic: boolean
  /** What a LAN host may send at most, IPv6 header included. */
  readonly lanMtuBytes: number
  /**
   * Whether the host routed packets before sixgate came. If not, links that are none of ours must not start to exchange
   * packets only because forwarding is on now.
   */
  readonly routedBefore: { readonly ip4: boolean; readonly ip6: boolean }
  /** How far the clocks of firewall.timezone are ahead of UTC now. */
  readonly utcOffsetS: number
  /** Helpers of conntrack that the kernel has. */
  readonly helpers: readonly Helper['type'][]
  /** LAN prefixes of documents before this one, which hosts may still use (RFC 7084 L-14). */
  readonly oldPrefixes: readonly Prefix6[]
  /** Links of the site that are there and on which the kernel takes a flowtable; empty: it takes none. */
  readonly flowtableLinks: readonly string[]
}

/** A link name as nft takes it literally: `*` at the end would match every link that begins so. */
export const literalLink = (name: string): string => (name.endsWith('*') ? `${name.slice(0, -1)}\\*` : name)

/** Without those that lie in another one: nft takes no overlapping prefixes in a set. */
const outermost = <P extends Prefix4 | Prefix6>(prefixes: readonly P[]): readonly P[] =>
  prefixes.filter(
    (inner, index) =>
      !prefixes.some(
        (outer, other) =>
          overlaps(outer, inner) &&
          (outer.lenBits < inner.lenBits || (outer.lenBits === inner.lenBits && other < index)),
      ),
  )

/** IPv4 addresses that live behind the translator: pool4 and the IPv4 side of explicit maps (RFC 7757). */
export const inside4 = ({ nat64 }: Site): readonly Prefix4[] =>
  outermost([...nat64.pool4, ...nat64.maps.map(({ prefix4 }) => prefix4)])

/** Who may speak on the LANs: their prefixes, and networks behind them that `nat64.sources` lists. */
export const lanSpeakers = (site: Pick<Site, 'lan' | 'lans' | 'nat64'>): readonly Prefix6[] => {
  const { nat64 } = site
  return outermost([...lanPrefixes(site), ...(nat64.sources === 'auto' ? [] : nat64.sources)])
}

/** RFC 4291 §2.4 as handed out so far: 2000::/3. Others (ULA) never pass the uplink (RFC 4193 §4.3). */
export const isGlobal = ({ addr }: Prefix6): boolean => ((addr[0] ?? 0) & 0xe0) === 0x20

export const prefix = (value: Prefix4 | Prefix6): Json => ({
  prefix: { addr: value.family === 4 ? formatIp4(value.addr) : formatIp6(value.addr), len: value.lenBits },
})

/** Links of IPv4 LANs, the LAN's own included if it is one; each once. */
export const lan4Links = ({ firewall }: Site): readonly string[] => [
  ...new Set(firewall.lan4.map((lan) => lan.interface)),
]

/** Links of LANs and of IPv4 LANs, each once. */
export const innerLinks = (site: Site, facts: Pick<Facts, 'lan'>): readonly string[] => [
  ...new Set([...linksOf(facts.lan), ...lan4Links(site)]),
]

/** The links of the site, as chains of others and sysctls have to know them. */
export interface SiteLinks {
  readonly lan: Zone
  readonly tun: string
  readonly uplinks: readonly string[]
  /** IPv4 LANs beside the LAN. */
  readonly lan4: readonly string[]
  /** Whether ports of the uplink lead to LAN hosts. */
  readonly forwards: boolean
}

export const siteLinks = (site: Site, lan: Zone, uplinks: readonly string[]): SiteLinks => ({
  lan,
  tun: TUN_LINK,
  uplinks,
  lan4: lan4Links(site),
  forwards: site.firewall.forwards.length > 0,
})

/** Links are matched by name. */
export const from = (...zones: readonly Zone[]): Statement => is(iif, zones.flatMap(linksOf).map(literalLink))
export const notFrom = (...zones: readonly Zone[]): Statement => isNot(iif, zones.flatMap(linksOf).map(literalLink))
export const to = (...zones: readonly Zone[]): Statement => is(oif, zones.flatMap(linksOf).map(literalLink))
export const notTo = (...zones: readonly Zone[]): Statement => isNot(oif, zones.flatMap(linksOf).map(literalLink))

/** All links that the table rules over: the rest of the host is none of its business. */
export const ownLinks = (facts: Facts): readonly string[] => [...linksOf(facts.lan), TUN_LINK, ...facts.uplinks]
