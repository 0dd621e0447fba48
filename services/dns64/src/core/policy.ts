import {
  contains4,
  contains6,
  formatIp6,
  formatPrefix,
  type Ip4,
  type Ip6,
  type Pref64,
  parseIp4,
  parseIp6,
  parsePrefix6,
  type Prefix4,
  type Prefix6,
} from '@sixgate/addr'
import { lanPrefixes, type Mapped, type Site } from '@sixgate/site'
import { keyOfText, type NameKey, parentKey } from './name.ts'

/** What holds for one NAT64 prefix. */
export interface PrefixRule {
  readonly pref64: Pref64
  /** Who gets addresses of this prefix; undefined = everyone. */
  readonly clients: readonly (Prefix4 | Prefix6)[] | undefined
  /** Which IPv4 addresses are mapped: the first entry that fits decides, none = not; undefined = all. */
  readonly mapped: readonly Mapped[] | undefined
  /** AAAA records inside these count as missing (RFC 6147 §5.1.4); always with ::ffff:0:0/96. */
  readonly exclude: readonly Prefix6[]
  /** The bits behind the IPv4 address (RFC 6052 §2.2). */
  readonly suffix: Ip6
  /** Only for questions with RD. */
  readonly recursiveOnly: boolean
  /** Also instead of a signed denial that was not validated, for those who asked with DO. */
  readonly breakDnssec: boolean
}

/** How a domain is treated: as everything else, never made, made beside native records, native ones hidden. */
export type Synthesis = Site['dns64']['domains'][number]['synthesis']

/** What is kept of queries, in memory: nothing, names without who asked, or both. */
export type Kept = Site['dns64']['queryLog']

/** What answers depend on: made from a site document and the state of the uplink, never changed afterwards. */
export interface Policy {
  /** One per prefix, in the order of pref64. */
  readonly rules: readonly PrefixRule[]
  readonly domains: ReadonlyMap<NameKey, Synthesis>
  readonly records: Site['dns64']['records']
  /** Who may ask. */
  readonly clients: readonly (Prefix4 | Prefix6)[]
  readonly queriesPerS: number
  readonly burst: number
  /** Who answers reverse names of private networks: we, or the upstreams because one of them is in such a network. */
  readonly privateReverse: 'local' | 'upstream'
  /** The same for documentation prefixes, which only simulated sites have. */
  readonly documentationReverse: 'local' | 'upstream'
  readonly cacheMaxEntries: number
  readonly prefetch: boolean
  readonly queryLog: Kept
  /** What answers depend on, as text: equal texts, equal answers. */
  readonly answersText: string
  /** Everything, as text. */
  readonly text: string
}

/**
 * Which prefixes a question gets: 0 = all of them, else bit 15 and one bit for each rule that applies. Part of the
 * question's key, so that clients with other prefixes share no answers.
 */
export type View = number
export const ALL_RULES: View = 0
const PICKED: View = 0x8000

const literal6 = (text: string): Prefix6 => {
  const prefix = parsePrefix6(text)
  if (prefix === undefined) throw new RangeError(text)
  return prefix
}

/** RFC 6147 §5.1.4: IPv4-mapped addresses are in the exclusion set whatever else is. */
const IP4_MAPPED = literal6('::ffff:0:0/96')
const ALL = literal6('::/0')
const LINK_LOCAL = literal6('fe80::/10')
/** This machine. */
export const LOOPBACK6 = literal6('::1/128')
const LOOPBACK4_NET = 127
const NO_SUFFIX = literal6('::/128').addr

/** What a policy goes by besides the document. */
export interface Surroundings {
  /** An IPv6 default route exists: `exclude: auto` goes by it. */
  readonly hasIp6Uplink: boolean
  /** An upstream is in a private network (isPrivateServer). */
  readonly hasPrivateUpstream: boolean
  /** An upstream has an address of a documentation prefix (isDocumentationServer); false unless given. */
  readonly hasDocumentationUpstream?: boolean
}

/** The policy of a document. */
export const makePolicy = (site: Site, surroundings: Surroundings): Policy => {
  const { hasIp6Uplink, hasPrivateUpstream, hasDocumentationUpstream = false } = surroundings
  const { dns64 } = site
  const excludeOf = (list: typeof dns64.exclude): readonly Prefix6[] => [
    IP4_MAPPED,
    ...(list === 'auto' ? (hasIp6Uplink ? [] : [ALL]) : list),
  ]
  const rules = site.pref64.map((pref64): PrefixRule => {
    const own = dns64.prefixes.find((rule) => formatPrefix(rule.pref64) === formatPrefix(pref64))
    return {
      pref64,
      clients: own?.clients,
      mapped: own?.mapped,
      exclude: excludeOf(own?.exclude ?? dns64.exclude),
      suffix: own?.suffix ?? NO_SUFFIX,
      recursiveOnly: own?.recursiveOnly ?? false,
      breakDnssec: own?.breakDnssec ?? false,
    }
  })
  const privateReverse = hasPrivateUpstream ? 'upstream' : 'local'
  const documentationReverse = hasPrivateUpstream || hasDocumentationUpstream ? 'upstream' : 'local'
  const reverse = [privateReverse, documentationReverse]
  const domains = new Map(dns64.domains.map(({ name, synthesis }) => [keyOfText(name), synthesis]))
  const clients = dns64.clients === 'auto' ? [...lanPrefixes(site), LINK_LOCAL, LOOPBACK6, ...LOOPBACK4] : dns64.clients
  const answersText = JSON.stringify([rules.map(showRule), [...domains], dns64.records, reverse])
  const { rateLimit, cacheMaxEntries, prefetch, queryLog, records } = dns64
  const rest = [clients.map(formatPrefix), rateLimit, cacheMaxEntries, prefetch, queryLog]
  return {
    rules,
    domains,
    records,
    clients,
    ...rateLimit,
    privateReverse,
    documentationReverse,
    cacheMaxEntries,
    prefetch,
    queryLog,
    answersText,
    text: answersText + JSON.stringify(rest),
  }
}

const LOOPBACK4: readonly Prefix4[] = [{ family: 4, addr: (LOOPBACK4_NET << 24) >>> 0, lenBits: 8 } as Prefix4]

/** The prefixes as text, for comparing and for the log. */
export const showPrefixes = (prefixes: readonly Prefix6[]): string => prefixes.map(formatPrefix).join(' ')

const showRule = (rule: PrefixRule): unknown => [
  formatPrefix(rule.pref64),
  rule.clients?.map(formatPrefix),
  rule.mapped?.map(({ allow, prefix }) => `${allow ? '' : '!'}${formatPrefix(prefix)}`),
  rule.exclude.map(formatPrefix),
  formatIp6(rule.suffix),
  rule.recursiveOnly,
  rule.breakDnssec,
]

/** True when two policies are the same in every respect. */
export const samePolicy = (a: Policy, b: Policy): boolean => a.text === b.text

/** True when AAAA, reverse and local answers made under `a` do not hold under `b`. */
export const changesAnswers = (a: Policy, b: Policy): boolean => a.answersText !== b.answersText

/** The rules that a view stands for, in the order of pref64. */
export const rulesOf = (policy: Policy, view: View): readonly PrefixRule[] =>
  view === ALL_RULES ? policy.rules : policy.rules.filter((_, index) => (view & (1 << index)) !== 0)

/** The view with those rules that `applies` picks. */
export const viewWith = (policy: Policy, applies: (rule: PrefixRule) => boolean): View => {
  if (policy.rules.every(applies)) return ALL_RULES
  return policy.rules.reduce((view, rule, index) => (applies(rule) ? view | (1 << index) : view), PICKED)
}

/** True when an AAAA record with this address counts as missing: to every prefix that applies. */
export const isExcluded = (rules: readonly PrefixRule[], ip: Ip6): boolean =>
  rules.every((rule) => rule.exclude.some((prefix) => contains6(prefix, ip)))

/** True when a rule makes an AAAA record of this address. */
export const isMapped = (rule: PrefixRule, ip: Ip4): boolean =>
  rule.mapped === undefined || rule.mapped.find(({ prefix }) => contains4(prefix, ip))?.allow === true

/** How a name is treated: by the rule of the name itself or of the closest one above it. */
export const synthesisOf = (policy: Policy, name: NameKey): Synthesis => {
  if (policy.domains.size === 0) return 'auto'
  for (let at: NameKey | undefined = name; at !== undefined; at = parentKey(at)) {
    const found = policy.domains.get(at)
    if (found !== undefined) return found
  }
  return 'auto'
}

/** True when one of the prefixes holds an address in text, as sockets give it, with or without zone. */
export const holdsAddress = (prefixes: readonly (Prefix4 | Prefix6)[], source: string): boolean => {
  const zoneAt = source.indexOf('%')
  const text = zoneAt === -1 ? source : source.slice(0, zoneAt)
  const ip4 = parseIp4(text)
  if (ip4 !== undefined) return prefixes.some((prefix) => prefix.family === 4 && contains4(prefix, ip4))
  const ip6 = parseIp6(text)
  return ip6 !== undefined && prefixes.some((prefix) => prefix.family === 6 && contains6(prefix, ip6))
}
