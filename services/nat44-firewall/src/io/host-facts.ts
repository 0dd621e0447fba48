import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { addresses, link, links, routes, type Sysctls } from '@sixgate/host'
import { lanLinkName, lanLinkNames, lanViews, type Site } from '@sixgate/site'
import type { ConntrackUse } from '../core/conntrack.ts'
import { IP_FORWARD, type SysctlState } from '../core/forwarding.ts'
import { utcOffsetS } from '../core/schedule.ts'
import { isPublic4 } from '../core/special-prefixes.ts'
import { findUplinks, type UplinkState } from '../core/uplinks.ts'
import { type Facts, TUN_LINK } from '../core/zones.ts'

/** Routes that the kernel made from a Router Advertisement, linux/rtnetlink.h. */
const RTPROT_RA = 9
const RTN_UNICAST = 1
/** What IPv6 hosts assume on a link that does not exist yet: Ethernet. */
const ETHERNET_MTU_BYTES = 1500

interface DefaultRouteLink {
  readonly name: string
  readonly protocol: number
}

/** Links of the default routes of a family, the preferred one first. Throws NetlinkError. */
const defaultRouteLinks = (family: 4 | 6): readonly DefaultRouteLink[] =>
  routes({ family })
    .filter((route) => route.dst.lenBits === 0 && route.type === RTN_UNICAST)
    .toSorted((a, b) => a.metric - b.metric)
    .flatMap((route) =>
      route.nextHops.flatMap(({ ifindex }) => {
        const name = link(ifindex)?.name
        return name === undefined ? [] : [{ name, protocol: route.protocol }]
      }),
    )

const unique = (found: readonly DefaultRouteLink[]): readonly string[] => [...new Set(found.map(({ name }) => name))]

/** What this machine says about its uplinks. Throws NetlinkError. */
export const readUplinkState = (remembered: readonly string[]): UplinkState => ({
  links: links().map(({ name }) => name),
  defaultRoutes4: unique(defaultRouteLinks(4)),
  defaultRoutes6: unique(defaultRouteLinks(6)),
  remembered,
})

/** Whether the uplinks have IPv4 addresses, all of them public. Throws NetlinkError. */
const uplinksArePublic = (uplinks: readonly string[]): boolean => {
  const found = uplinks.flatMap((name) => addresses(4, link(name)?.index ?? -1))
  return found.length > 0 && found.every((address) => address.family === 4 && isPublic4(address.ip))
}

export interface HostFacts {
  readonly facts: Omit<Facts, 'flowtableLinks'>
  readonly problem: { readonly code: string; readonly message: string } | undefined
}

/** What a host of one LAN may send at most. */
const lanMtuOf = (view: Site): number => {
  const linkMtu = link(lanLinkName(view))?.mtu ?? ETHERNET_MTU_BYTES
  return view.ra.linkMtu === 0 ? linkMtu : Math.min(linkMtu, view.ra.linkMtu)
}

/** Facts that somebody else has found out. */
export type KnownFacts = Pick<Facts, 'routedBefore' | 'helpers' | 'oldPrefixes'>

/** Everything the ruleset needs to know beside the document. Throws NetlinkError. */
export const readFacts = (site: Site, remembered: readonly string[], known: KnownFacts): HostFacts => {
  const lan = lanLinkNames(site)
  const { names, problem } = findUplinks(site, lan, readUplinkState(remembered))
  const lanMtuBytes = Math.min(...lanViews(site).map(lanMtuOf))
  const uplinkIsPublic = uplinksArePublic(names)
  const offsetS = utcOffsetS(site.firewall.timezone, Date.now())
  return {
    facts: { lan, uplinks: names, uplinkIsPublic, lanMtuBytes, utcOffsetS: offsetS, ...known },
    problem,
  }
}

/** Names in a directory of /proc/sys/net; empty when the kernel has no such family. */
const namesIn = (directory: string): readonly string[] => {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

/** The state that `planForwarding` starts from. Throws HostError or NetlinkError. */
export const readSysctlState = (sysctls: Sysctls, uplinks: readonly string[]): SysctlState => {
  const conf4 = namesIn(join(sysctls.root, 'ipv4/conf'))
  const conf6 = namesIn(join(sysctls.root, 'ipv6/conf'))
  const routesByRa = unique(defaultRouteLinks(6).filter(({ protocol }) => protocol === RTPROT_RA))
  const acceptRa = new Map<string, string>()
  for (const name of new Set([...uplinks, ...routesByRa])) {
    const value = sysctls.read(`ipv6/conf/${name}/accept_ra`)
    if (value !== undefined) acceptRa.set(name, value)
  }
  const ipForward = sysctls.read(IP_FORWARD)
  return { conf4, conf6, acceptRa, ipForward, routesByRa: routesByRa.filter((name) => name !== TUN_LINK) }
}

/** Names of the sysctls of conntrack; empty while no rule has asked for it. */
export const conntrackNames = (sysctls: Sysctls): readonly string[] => namesIn(join(sysctls.root, 'netfilter'))

/** How many flows the kernel follows; zeros while it follows none. Throws HostError. */
export const readConntrackUse = (sysctls: Sysctls): ConntrackUse => ({
  entries: Number(sysctls.read('netfilter/nf_conntrack_count') ?? 0),
  max: Number(sysctls.read('netfilter/nf_conntrack_max') ?? 0),
})
