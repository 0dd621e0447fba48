import {
  contains4,
  contains6,
  equalIp6,
  formatIp4,
  formatIp6,
  formatPrefix,
  overlaps,
  parsePrefix4,
  parsePrefix6,
  type Prefix4,
  type Prefix6,
  size4,
} from '@sixgate/addr'
import type { SiteIssue } from './error.ts'
import { isInterfaceName } from './fields.ts'
import { firewallRules } from './firewall-rules.ts'
import { gatewayView } from './gateways.ts'
import { lanLinkName, lanLinkNames, lanPrefixes, lanViews } from './lans.ts'
import type { Site } from './schema.ts'

/** IPv4 blocks that no pool may touch: they mean something else on every host (RFC 6890). */
const NOT_FOR_POOL4 = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '240.0.0.0/4'].flatMap(
  (text) => parsePrefix4(text) ?? [],
)

/** IPv6 blocks that no LAN can have: unspecified and loopback, link-local, multicast (RFC 4291 §2.4). */
const NOT_FOR_LAN = ['::/64', 'fe80::/10', 'ff00::/8'].flatMap((text) => parsePrefix6(text) ?? [])

/** Each pair of prefixes of one list that share an address, at the later one. */
const overlapsWithin = (field: string[], prefixes: readonly (Prefix4 | Prefix6)[]): SiteIssue[] =>
  prefixes.flatMap((prefix, index) => {
    const other = prefixes.slice(0, index).find((earlier) => overlaps(earlier, prefix))
    if (other === undefined) return []
    return [
      {
        path: [...field, index],
        message: `${formatPrefix(prefix)} overlaps ${formatPrefix(other)}: prefixes must be apart`,
      },
    ]
  })

/** Where LAN number `index` of `lanViews` stands in the document. */
const lanPath = (index: number): (string | number)[] => (index === 0 ? ['lan'] : ['lans', index - 1])

const lanRules = (site: Site): SiteIssue[] => {
  const names = lanLinkNames(site)
  const prefixes = lanPrefixes(site)
  return lanViews(site).flatMap(({ lan, wan }, index) => {
    const issues: SiteIssue[] = []
    const add = (field: string, message: string): void => {
      issues.push({ path: [...lanPath(index), field], message })
    }
    const link = lanLinkName({ lan })
    const special = NOT_FOR_LAN.find((block) => overlaps(block, lan.prefix))
    if (special !== undefined)
      add(
        'prefix',
        `${formatPrefix(lan.prefix)} is inside ${formatPrefix(special)}, which no LAN can have (RFC 4291 §2.4): auto, a ULA fdxx:…/64 or a prefix of your provider`,
      )
    const rival = prefixes.slice(0, index).findIndex((earlier) => overlaps(earlier, lan.prefix))
    if (rival >= 0)
      add('prefix', `${formatPrefix(lan.prefix)} is the prefix of ${names[rival]} already: each LAN needs its own /64`)
    if (!isInterfaceName(link)) add('vlan', `the VLAN's link would be called "${link}": at most 15 characters fit`)
    if (names.indexOf(link) < index)
      add('interface', `"${link}" is a LAN already: each needs an interface or a VLAN of its own`)
    if (wan.interface === link) {
      const message = `"${link}" is ${index === 0 ? 'the' : 'a'} LAN: the uplink must be another interface, or auto`
      issues.push({ path: ['wan', 'interface'], message })
    }
    return issues
  })
}

const pref64Rules = (site: Site): SiteIssue[] => [
  ...overlapsWithin(['pref64'], site.pref64),
  ...lanPrefixes(site).flatMap((lanPrefix, lanIndex) =>
    site.pref64.flatMap((prefix, index) => {
      if (!overlaps(prefix, lanPrefix)) return []
      const lan = lanIndex === 0 ? 'lan' : `lans[${lanIndex - 1}]`
      const message = `${formatPrefix(prefix)} overlaps ${lan}.prefix ${formatPrefix(lanPrefix)}: they must be apart`
      return [{ path: ['pref64', index], message }]
    }),
  ),
]

const poolRules = (site: Site): SiteIssue[] => {
  const { nat64 } = site
  const issues = overlapsWithin(['nat64', 'pool4'], nat64.pool4)
  for (const [index, pool] of nat64.pool4.entries()) {
    const path = ['nat64', 'pool4', index]
    const special = NOT_FOR_POOL4.find((block) => overlaps(block, pool))
    if (special !== undefined)
      issues.push({
        path,
        message: `${formatPrefix(pool)} overlaps ${formatPrefix(special)}, which has another meaning everywhere (RFC 6890)`,
      })
    if (size4(pool) < 8)
      issues.push({
        path,
        message: `${formatPrefix(pool)} is too small: at least a /29, since three addresses are the gateway's own`,
      })
  }
  const taken = new Map<string, number>()
  for (const [index, host] of nat64.hosts.entries()) {
    const pool = nat64.pool4.find((prefix) => contains4(prefix, host.ip4))
    const ip4 = formatIp4(host.ip4)
    if (pool === undefined)
      issues.push({
        path: ['nat64', 'hosts', index, 'ip4'],
        message: `${ip4} is outside nat64.pool4 (${nat64.pool4.map(formatPrefix).join(', ')})`,
      })
    else if (host.ip4 - pool.addr < 2 || host.ip4 - pool.addr === size4(pool) - 1)
      issues.push({
        path: ['nat64', 'hosts', index, 'ip4'],
        message: `${ip4} is the first, second or last of ${formatPrefix(pool)}: these are the gateway's own`,
      })
    if (!lanPrefixes(site).some((prefix) => contains6(prefix, host.ip6)))
      issues.push({
        path: ['nat64', 'hosts', index, 'ip6'],
        message: `${formatIp6(host.ip6)} is outside lan.prefix ${lanPrefixes(site).map(formatPrefix).join(', ')}`,
      })
    for (const [field, text] of [
      ['ip4', ip4],
      ['ip6', formatIp6(host.ip6)],
    ] as const) {
      const other = taken.get(text)
      if (other !== undefined)
        issues.push({
          path: ['nat64', 'hosts', index, field],
          message: `${text} is taken by nat64.hosts[${other}] already`,
        })
      taken.set(text, index)
    }
  }
  return issues
}

/** Lifetimes that must outlast the time to the next message, or be 0. */
const REFRESHED = [
  ['routerLifetimeS', 'RFC 4861 §6.2.1'],
  ['rdnssLifetimeS', 'RFC 8106 §5.1'],
  ['pref64LifetimeS', 'RFC 8781 §4.1'],
] as const

/** RFC 7757 §3.1: the IPv6 suffix has room for the IPv4 suffix; §3.2: no prefix is mapped twice (overlaps: longest match). */
const mapRules = ({ nat64, pref64 }: Site): SiteIssue[] => {
  const issues: SiteIssue[] = []
  const taken = new Map<string, string>()
  for (const [index, { prefix6, prefix4 }] of nat64.maps.entries()) {
    const path = ['nat64', 'maps', index]
    if (128 - prefix6.lenBits < 32 - prefix4.lenBits)
      issues.push({
        path: [...path, 'prefix6'],
        message: `${formatPrefix(prefix6)} has no room for the ${32 - prefix4.lenBits} bits behind ${formatPrefix(prefix4)}: at most /${96 + prefix4.lenBits} (RFC 7757 §3.1)`,
      })
    const inside = pref64.find((prefix) => overlaps(prefix, prefix6))
    if (inside !== undefined)
      issues.push({
        path: [...path, 'prefix6'],
        message: `${formatPrefix(prefix6)} overlaps pref64 ${formatPrefix(inside)}: they must be apart`,
      })
    const pool = nat64.pool4.find((prefix) => overlaps(prefix, prefix4))
    if (pool !== undefined)
      issues.push({
        path: [...path, 'prefix4'],
        message: `${formatPrefix(prefix4)} overlaps nat64.pool4 ${formatPrefix(pool)}: single hosts in the pool stand in nat64.hosts`,
      })
    for (const [field, text] of [
      ['prefix6', formatPrefix(prefix6)],
      ['prefix4', formatPrefix(prefix4)],
    ] as const) {
      const other = taken.get(text)
      if (other !== undefined)
        issues.push({ path: [...path, field], message: `${text} is mapped by ${other} already (RFC 7757 §3.1)` })
      taken.set(text, `nat64.maps[${index}]`)
    }
  }
  return issues
}

const lifetimeRules = ({ nat64 }: Site): SiteIssue[] =>
  nat64.keptLifetimeS < nat64.idleLifetimeS
    ? [
        {
          path: ['nat64', 'keptLifetimeS'],
          message: `${nat64.keptLifetimeS}: must be at least idleLifetimeS = ${nat64.idleLifetimeS}`,
        },
      ]
    : []

/** `at`: where the section stands. */
const raRules = ({ ra, lan }: Site, at: readonly (string | number)[]): SiteIssue[] => {
  const issues: SiteIssue[] = []
  const add = (field: string | (string | number)[], message: string): void => {
    issues.push({ path: [...at, ...(typeof field === 'string' ? [field] : field)], message })
  }
  // RFC 4861 §6.2.1: MinRtrAdvInterval MUST be no less than 3 seconds and no greater than 0.75 × MaxRtrAdvInterval.
  if (ra.minRtrAdvIntervalS > 0.75 * ra.maxRtrAdvIntervalS)
    add(
      'minRtrAdvIntervalS',
      `${ra.minRtrAdvIntervalS}: must be at most 0.75 × maxRtrAdvIntervalS = ${0.75 * ra.maxRtrAdvIntervalS} (RFC 4861 §6.2.1)`,
    )
  for (const [field, section] of REFRESHED)
    if (ra[field] !== 0 && ra[field] < ra.maxRtrAdvIntervalS)
      add(field, `${ra[field]}: must be 0 or at least maxRtrAdvIntervalS = ${ra.maxRtrAdvIntervalS} (${section})`)
  if (ra.preferredLifetimeS > ra.validLifetimeS)
    add(
      'preferredLifetimeS',
      `${ra.preferredLifetimeS}: must be at most validLifetimeS = ${ra.validLifetimeS} (RFC 4861 §4.6.2)`,
    )
  if (ra.validUntil !== undefined && (ra.preferredUntil ?? 0) > ra.validUntil)
    add('preferredUntil', 'must not be later than validUntil (RFC 4861 §4.6.2)')
  for (const [index, route] of ra.routes.entries())
    if (overlaps(route.prefix, lan.prefix) && route.prefix.lenBits >= lan.prefix.lenBits)
      add(
        ['routes', index, 'prefix'],
        `${formatPrefix(route.prefix)} is inside lan.prefix ${formatPrefix(lan.prefix)}: hosts reach that directly`,
      )
  for (const [index, known] of (ra.knownRouters ?? []).entries())
    if (known[0] !== 0xfe || ((known[1] ?? 0) & 0xc0) !== 0x80)
      add(
        ['knownRouters', index],
        `${formatIp6(known)}: must be a link-local address like fe80::1, which is what routers send from (RFC 4861 §6.1.2)`,
      )
  for (const [index, resolver] of ra.dnr.entries())
    if (resolver.dohPath === undefined && resolver.alpn.some((protocol) => protocol === 'h2' || protocol === 'h3'))
      add(
        ['dnr', index, 'dohPath'],
        'is missing: DNS over HTTPS (h2, h3) needs a path like /dns-query{?dns} (RFC 9461 §5)',
      )
  return issues
}

const dns64Rules = ({ dns64, pref64 }: Site): SiteIssue[] => {
  const issues: SiteIssue[] = []
  const known = pref64.map(formatPrefix)
  const ruled = new Set<string>()
  for (const [index, rule] of dns64.prefixes.entries()) {
    const text = formatPrefix(rule.pref64)
    const path = ['dns64', 'prefixes', index, 'pref64']
    if (!known.includes(text)) issues.push({ path, message: `${text} is not in pref64 (${known.join(', ')})` })
    if (ruled.has(text)) issues.push({ path, message: `${text} has a rule already: one for each prefix` })
    ruled.add(text)
  }
  const domains = new Set<string>()
  for (const [index, { name }] of dns64.domains.entries()) {
    if (domains.has(name))
      issues.push({
        path: ['dns64', 'domains', index, 'name'],
        message: `${name} has a rule already: one for each name`,
      })
    domains.add(name)
  }
  for (const [index, { name, type }] of dns64.records.entries())
    if (
      dns64.records.some(
        (other, at) => other.name === name && (type === 'CNAME' || other.type === 'CNAME') && at < index,
      )
    )
      // RFC 1034 §3.6.2: "If a CNAME RR is present at a node, no other data should be present".
      issues.push({
        path: ['dns64', 'records', index],
        message: `${name} has records beside a CNAME, which is alone at its name (RFC 1034 §3.6.2)`,
      })
  return issues
}

/** Names and addresses are one machine's each, and each machine gets a document that agrees with itself. */
const gatewayRules = (site: Site): SiteIssue[] => {
  const { gateways } = site
  const own = new Set(siteRules(site).map(({ message }) => message))
  return gateways.flatMap(({ name, router }, index) => {
    const path = ['gateways', index]
    const earlier = gateways.slice(0, index)
    const issues: SiteIssue[] = []
    if (earlier.some((other) => other.name === name))
      issues.push({
        path: [...path, 'name'],
        message: `"${name}" is there already: each gateway needs a name of its own`,
      })
    const rival = earlier.find((other) => equalIp6(other.router, router))
    if (rival !== undefined)
      issues.push({
        path: [...path, 'router'],
        message: `${formatIp6(router)} is the address of "${rival.name}" already: each gateway needs its own`,
      })
    const more = siteRules(gatewayView(site, name)).filter(({ message }) => !own.has(message))
    return [...issues, ...more.map(({ message }) => ({ path, message }))]
  })
}

const siteRules = (site: Site): SiteIssue[] => [
  ...lanRules(site),
  ...pref64Rules(site),
  ...poolRules(site),
  ...mapRules(site),
  ...lifetimeRules(site),
  ...lanViews(site).flatMap((view, index) => raRules(view, index === 0 ? ['ra'] : [...lanPath(index), 'ra'])),
  ...firewallRules(site),
  ...dns64Rules(site),
]

/** Facts of the document that do not agree with each other; empty when all do. */
export const conflicts = (site: Site): SiteIssue[] => [...siteRules(site), ...gatewayRules(site)]
