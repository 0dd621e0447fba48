import { formatPrefix, overlaps, type Prefix4, type Prefix6 } from '@sixgate/addr'
import { lanLinkName, lanViews, type Site } from '@sixgate/site'
import { TUN_LINK } from '../zones.ts'
import type { Check } from '@sixgate/obs/checks'
import type { HostReport } from './host-report.ts'

const named = (report: HostReport, name: string) => report.links.find((link) => link.name === name)

/** A site with one of its LANs, and what the document calls that one. */
interface OneLan {
  readonly field: string
  readonly site: Site
}

const eachLan = (site: Site): readonly OneLan[] =>
  lanViews(site).map((view, index) => ({ field: index === 0 ? 'lan' : `lans[${index - 1}]`, site: view }))

const WORST_FIRST = ['bad', 'note', 'ok'] as const

/** One line for all LANs: the worst of what there is to say of each, or all that is well. */
const ofAll = (checks: readonly Check[]): Check => {
  const worst = WORST_FIRST.flatMap((state) => checks.filter((check) => check.state === state))[0]
  if (worst === undefined) throw new RangeError('a site has at least one LAN')
  return worst.state === 'ok' ? { ...worst, found: [...new Set(checks.map(({ found }) => found))].join('; ') } : worst
}

/** A LAN's port and its VLAN. */
const lan = ({ field, site }: OneLan, report: HostReport): Check => {
  const port = named(report, site.lan.interface)
  const there = report.links.map(({ name }) => name).filter((name) => name !== 'lo' && name !== TUN_LINK)
  if (port === undefined)
    return {
      id: 'lan',
      state: 'bad',
      found: `${field}.interface "${site.lan.interface}" is not here; there are ${there.join(', ') || 'none'}`,
      fix:
        there[0] === undefined
          ? 'ip link   # shows what the kernel has found: plug the interface in'
          : `sed -i 's/interface: ${site.lan.interface}/interface: ${there[0]}/' deploy/site.yaml   # or plug it in`,
    }
  if (site.lan.vlan !== undefined && report.has8021q === false && named(report, lanLinkName(site)) === undefined)
    return {
      id: 'lan',
      state: 'bad',
      found: `${field}.vlan is ${site.lan.vlan}, but this kernel has no 802.1q`,
      fix: 'sudo modprobe 8021q   # not found: install the kernel of your distribution, or use a port without VLAN',
    }
  return port.isUp
    ? { id: 'lan', state: 'ok', found: `${lanLinkName(site)} on ${port.name}` }
    : {
        id: 'lan',
        state: 'note',
        found: `${port.name} is switched off; ra-advertiser switches on what it makes itself`,
        fix: `sudo ip link set ${port.name} up`,
      }
}

type NamedPrefix = readonly [field: string, prefix: Prefix4 | Prefix6]

/** What the site has for itself, and no network behind the uplink may have too. */
const ownPrefixes = (site: Site): readonly NamedPrefix[] => {
  const { nat64, pref64, firewall } = site
  return [
    ...eachLan(site).map((one) => [`${one.field}.prefix`, one.site.lan.prefix] as const),
    ...nat64.pool4.map((pool) => ['nat64.pool4', pool] as const),
    ...nat64.maps.map(({ prefix4 }) => ['nat64.maps', prefix4] as const),
    ...pref64.map((p64) => ['pref64', p64] as const),
    ...firewall.lan4.map((other) => ['firewall.lan4', other.prefix] as const),
  ]
}

/** Another block of addresses that nobody routes: RFC 2544, RFC 6598. */
const OTHER_POOL = '198.19.0.0/16'

const prefixes = (site: Site, report: HostReport): Check => {
  for (const name of report.uplinks)
    for (const network of named(report, name)?.networks ?? [])
      for (const [field, own] of ownPrefixes(site))
        if (overlaps(network, own))
          return {
            id: 'prefixes',
            state: 'bad',
            found: `${field} ${formatPrefix(own)} overlaps ${formatPrefix(network)} of the uplink ${name}`,
            fix:
              field === 'nat64.pool4'
                ? `sed -i 's#${formatPrefix(own)}#${OTHER_POOL}#' deploy/site.yaml`
                : `edit ${field} in deploy/site.yaml: any other prefix`,
          }
  return { id: 'prefixes', state: 'ok', found: 'no prefix of the site is one of the uplink' }
}

/** RFC 8200 §5. */
const IPV6_MIN_MTU_BYTES = 1280

const mtu = ({ field, site }: OneLan, report: HostReport): Check => {
  const told = `${field === 'lan' ? '' : `${field}.`}ra.linkMtu`
  const link = named(report, lanLinkName(site)) ?? named(report, site.lan.interface)
  if (link === undefined) return { id: 'mtu', state: 'note', found: 'the LAN link is not here yet' }
  const text = `${link.name} ${link.mtuBytes}`
  if (link.mtuBytes < IPV6_MIN_MTU_BYTES)
    return {
      id: 'mtu',
      state: 'bad',
      found: `${text}: IPv6 needs 1280 (RFC 8200 §5)`,
      fix: `sudo ip link set ${link.name} mtu 1500`,
    }
  if (site.ra.linkMtu > link.mtuBytes)
    return {
      id: 'mtu',
      state: 'bad',
      found: `${text}, but ${told} tells hosts ${site.ra.linkMtu}`,
      fix: `sudo ip link set ${link.name} mtu ${site.ra.linkMtu}   # or lower ${told}`,
    }
  return { id: 'mtu', state: 'ok', found: text }
}

const mtus = (site: Site, report: HostReport): Check => {
  const check = ofAll(eachLan(site).map((one) => mtu(one, report)))
  if (check.state !== 'ok') return check
  const uplinks = report.uplinks.map((name) => `${name} ${named(report, name)?.mtuBytes ?? 'unknown'}`)
  return { ...check, found: [check.found, ...uplinks].join(', ') }
}

/** Checks that need the document. */
export const documentChecks = (site: Site, report: HostReport): readonly Check[] => [
  ofAll(eachLan(site).map((one) => lan(one, report))),
  prefixes(site, report),
  mtus(site, report),
]
