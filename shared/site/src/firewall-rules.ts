import { contains6, equalIp6, formatIp6, formatPrefix, overlaps } from '@sixgate/addr'
import type { SiteIssue } from './error.ts'
import { formatPortRange, type PortRange } from './firewall-section.ts'
import { lanPrefixes } from './lans.ts'
import { staticIp4 } from './reserved-hosts.ts'
import type { Site } from './schema.ts'

/** The link that nat64 makes. */
const TUN_LINK = 'nat64'

const share = (a: PortRange, b: PortRange): boolean => a.first <= b.last && b.first <= a.last

/** Where a forward may lead, and that no port leads to two places. */
const forwardRules = (site: Site): SiteIssue[] => {
  const { lan, firewall } = site
  const issues: SiteIssue[] = []
  for (const [index, { to, port, protocol }] of firewall.forwards.entries()) {
    const path = ['firewall', 'forwards', index]
    if ([lan, ...site.lans].some(({ router }) => equalIp6(router, to)))
      issues.push({
        path: [...path, 'to'],
        message: `${formatIp6(to)} is the gateway itself: its own ports are opened by firewall.inbound`,
      })
    else if (!lanPrefixes(site).some((prefix) => contains6(prefix, to)) && staticIp4(site, to) === undefined)
      issues.push({
        path: [...path, 'to'],
        message: `${formatIp6(to)} is outside lan.prefix ${lanPrefixes(site).map(formatPrefix).join(', ')}, and no nat64.maps has it`,
      })
    const twin = firewall.forwards
      .slice(0, index)
      .findIndex((other) => other.protocol === protocol && share(other.port, port))
    if (twin !== -1)
      issues.push({
        path: [...path, 'port'],
        message: `${protocol} ${formatPortRange(port)} leads to forwards[${twin}] already`,
      })
    const own = firewall.inbound.findIndex(
      (other) => other.protocol === protocol && share({ first: other.port, last: other.port }, port),
    )
    if (own !== -1)
      issues.push({
        path: [...path, 'port'],
        message: `${protocol} ${formatPortRange(port)} is opened for the gateway itself by inbound[${own}]: one of the two can have it`,
      })
  }
  return issues
}

const lan4Rules = ({ nat64, wan, firewall }: Site): SiteIssue[] =>
  firewall.lan4.flatMap(({ interface: link, prefix }, index) => {
    const path = ['firewall', 'lan4', index]
    const issues: SiteIssue[] = []
    if (link === wan.interface || link === TUN_LINK)
      issues.push({
        path: [...path, 'interface'],
        message: `"${link}" is no LAN: ${link === TUN_LINK ? 'nat64 makes it' : 'it is wan.interface'}`,
      })
    const others = [
      ...nat64.pool4.map((other) => ['nat64.pool4', other] as const),
      ...nat64.maps.map(({ prefix4 }) => ['nat64.maps', prefix4] as const),
      ...firewall.lan4.slice(0, index).map((other) => ['firewall.lan4', other.prefix] as const),
    ]
    const [name, other] = others.find(([, candidate]) => overlaps(candidate, prefix)) ?? []
    if (other !== undefined)
      issues.push({
        path: [...path, 'prefix'],
        message: `${formatPrefix(prefix)} overlaps ${formatPrefix(other)} of ${name}: they must be apart`,
      })
    return issues
  })

/** Facts of the firewall section that do not agree with each other or with the rest. */
export const firewallRules = (site: Site): SiteIssue[] => [...forwardRules(site), ...lan4Rules(site)]
