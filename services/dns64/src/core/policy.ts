import {
  contains6,
  formatPrefix,
  type Ip6,
  parseIp4,
  parseIp6,
  parsePrefix6,
  type Pref64,
  type Prefix6,
} from '@sixgate/addr'
import { lanPrefixes, type Site } from '@sixgate/site'

/** What answers depend on: made from a site document and the state of the uplink, never changed afterwards. */
export interface Policy {
  readonly pref64: readonly Pref64[]
  /** AAAA records inside these count as missing (RFC 6147 §5.1.4); always with ::ffff:0:0/96. */
  readonly exclude: readonly Prefix6[]
  /** The prefixes of all LANs. */
  readonly lanPrefixes: readonly Prefix6[]
  /** Who answers reverse names of private networks: we, or the upstreams because one of them is in such a network. */
  readonly privateReverse: 'local' | 'upstream'
  readonly cacheMaxEntries: number
}

const literal6 = (text: string): Prefix6 => {
  const prefix = parsePrefix6(text)
  if (prefix === undefined) throw new RangeError(text)
  return prefix
}

/** RFC 6147 §5.1.4: IPv4-mapped addresses are in the exclusion set whatever else is. */
const IP4_MAPPED = literal6('::ffff:0:0/96')
const ALL = literal6('::/0')
const LINK_LOCAL = literal6('fe80::/10')
const LOOPBACK6 = literal6('::1/128')
const LOOPBACK4_NET = 127

/** What a policy goes by besides the document. */
export interface Surroundings {
  /** An IPv6 default route exists: `exclude: auto` goes by it. */
  readonly hasIp6Uplink: boolean
  /** An upstream is in a private network (isPrivateServer). */
  readonly hasPrivateUpstream: boolean
}

/** The policy of a document. */
export const makePolicy = (site: Site, { hasIp6Uplink, hasPrivateUpstream }: Surroundings): Policy => {
  const { exclude } = site.dns64
  const own = exclude === 'auto' ? (hasIp6Uplink ? [] : [ALL]) : exclude
  return {
    pref64: site.pref64,
    exclude: [IP4_MAPPED, ...own],
    lanPrefixes: lanPrefixes(site),
    privateReverse: hasPrivateUpstream ? 'upstream' : 'local',
    cacheMaxEntries: site.dns64.cacheMaxEntries,
  }
}

/** The prefixes as text, for comparing and for the log. */
export const showPrefixes = (prefixes: readonly Prefix6[]): string => prefixes.map(formatPrefix).join(' ')

/** True when two policies are the same in every respect. */
export const samePolicy = (a: Policy, b: Policy): boolean =>
  !changesAnswers(a, b) &&
  showPrefixes(a.lanPrefixes) === showPrefixes(b.lanPrefixes) &&
  a.cacheMaxEntries === b.cacheMaxEntries

/** True when AAAA, reverse and local answers made under `a` do not hold under `b`. */
export const changesAnswers = (a: Policy, b: Policy): boolean =>
  showPrefixes(a.pref64) !== showPrefixes(b.pref64) ||
  showPrefixes(a.exclude) !== showPrefixes(b.exclude) ||
  a.privateReverse !== b.privateReverse

/** True when an AAAA record with this address counts as missing. */
export const isExcluded = (policy: Policy, ip: Ip6): boolean => policy.exclude.some((prefix) => contains6(prefix, ip))

/**
 * True when a client may ask: a host of the LAN, a link-local neighbour, this machine (RFC 5358 §4: no recursion for
 * strangers). `source`: address text as sockets give it, with or without zone.
 */
export const mayAsk = (policy: Policy, source: string): boolean => {
  const zoneAt = source.indexOf('%')
  const text = zoneAt === -1 ? source : source.slice(0, zoneAt)
  const ip4 = parseIp4(text)
  if (ip4 !== undefined) return ip4 >>> 24 === LOOPBACK4_NET
  const ip6 = parseIp6(text)
  if (ip6 === undefined) return false
  return (
    policy.lanPrefixes.some((prefix) => contains6(prefix, ip6)) ||
    contains6(LINK_LOCAL, ip6) ||
    contains6(LOOPBACK6, ip6)
  )
}
