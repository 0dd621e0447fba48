import type { Site } from '@sixgate/site'
import {
  type Chain,
  ctAssured,
  ctState,
  type Flowtable,
  flowAdd,
  is,
  jump,
  l4proto,
  type Rule,
  tcpMiddle,
} from './nft.ts'
import { hasUserChain, type UserChain, type UserRules } from './user-rules.ts'
import { type Facts, from, innerLinks, lan4Links, linksOf, TUN_LINK, to, type Zone } from './zones.ts'

/**
 * Kernels before 7.1 (and stable ones before the fix "flowtable: ensure sufficient headroom in xmit path" was put into them) write the
 * Ethernet header of a flowtable's packet without looking for room, and panic when there is none. nat64's eBPF program takes 20 octets of
 * that room when it makes an IPv4 packet an IPv6 one, and where a VLAN and PPPoE come together that was seen: so what that program may
 * give back goes to the LAN by the chains. A packet that TypeScript wrote has room.
 */
const mayLackRoom = ({ nat64 }: Site): boolean => nat64.fastPath !== 'off'

/** By another name it is another flowtable: flows that must not be in it any more go with the old one. */
const nameFor = (site: Site): string => (mayLackRoom(site) ? 'fast' : 'fast_all')

/** Chains of the owner that are promised packets of known flows too. */
const SEES_KNOWN_FLOWS: readonly UserChain[] = ['user_arrivals', 'user_forward', 'user_departures']

/** Every link between which the site forwards: those on which the kernel is asked for a flowtable. */
export const flowtableCandidates = (site: Site, lan: Zone, uplinks: readonly string[]): readonly string[] =>
  site.firewall.flowtable === 'off'
    ? []
    : [...new Set([...linksOf(lan), ...lan4Links(site), TUN_LINK, ...uplinks])].toSorted()

/** From where to where flows may skip the chains. */
interface Leg {
  readonly id: string
  readonly text: string
  readonly from: readonly string[]
  readonly to: readonly string[]
}

/**
 * Nothing that some rule still has to see may skip the chains. Limits look at the beginning of flows only, conntrack's helpers
 * keep their control channels out of flowtables by themselves, and the translator's own gateways sit behind the TUN, which both
 * legs of a translated flow pass as ever. But a block cuts known flows too: while there is one, packets of the LAN pass the
 * chains, and only the leg between translator and uplink is short. So it is while the eBPF program may translate. A packet from one LAN back to the same link, or from the
 * translator back to it, is none of these legs.
 */
const legs = (site: Site, facts: Facts, user: UserRules): readonly Leg[] => {
  if (SEES_KNOWN_FLOWS.some((chain) => hasUserChain(user, chain))) return []
  const present = (links: readonly string[]): readonly string[] =>
    links.filter((link) => facts.flowtableLinks.includes(link))
  const lans = present(innerLinks(site, facts))
  const tun = present([TUN_LINK])
  const uplinks = present(facts.uplinks)
  const outer = mayLackRoom(site) ? uplinks : [...tun, ...uplinks]
  const all: readonly Leg[] = [
    { id: 'fast-nat64-out', text: 'translated flows to the uplink', from: tun, to: uplinks },
    { id: 'fast-nat64-in', text: 'translated flows from the uplink', from: uplinks, to: tun },
    { id: 'fast-lan-out', text: 'flows of the LAN', from: lans, to: outer },
    { id: 'fast-lan-in', text: 'flows to the LAN', from: outer, to: lans },
  ]
  const passable = all.filter((leg) => leg.from.length > 0 && leg.to.length > 0)
  return site.firewall.blocks.length === 0 ? passable : passable.filter(({ id }) => id.startsWith('fast-nat64'))
}

/** The flowtable with the links of all legs; undefined: the kernel takes none, or nothing may skip the chains. */
export const flowtable = (site: Site, facts: Facts, user: UserRules): Flowtable | undefined => {
  const links = legs(site, facts, user).flatMap((leg) => [...leg.from, ...leg.to])
  return links.length === 0 ? undefined : { name: nameFor(site), devices: [...new Set(links)].toSorted() }
}

/** Jumped to by known flows on one of the legs. Both rules let the packet go on to the rule that accepts it. */
export const fastChains = (site: Site, facts: Facts, user: UserRules): readonly Chain[] => {
  const table = flowtable(site, facts, user)
  if (table === undefined) return []
  return [
    {
      name: 'fast',
      base: undefined,
      rules: [
        {
          id: 'fast-tcp',
          text: 'from here on past the chains: TCP, its beginning and end excepted',
          // An MSS option that comes late would not be clamped.
          matches: [is(l4proto, ['tcp']), tcpMiddle, ctAssured],
          verdict: flowAdd(table),
        },
        {
          id: 'fast-udp',
          text: 'from here on past the chains: UDP that lasts',
          // A question and its answer are over before they would gain anything.
          matches: [is(l4proto, ['udp']), ctAssured],
          verdict: flowAdd(table),
        },
      ],
    },
  ]
}

/** For the chain `forward`, before the rule that accepts known flows and behind the ones that cut them. */
export const fastRules = (site: Site, facts: Facts, user: UserRules): readonly Rule[] =>
  legs(site, facts, user).map((leg) => ({
    id: leg.id,
    text: leg.text,
    matches: [from(leg.from), to(leg.to), ctState('established')],
    verdict: jump('fast'),
  }))
