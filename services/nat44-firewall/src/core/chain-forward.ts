import { embedIp4, type Pref64, type Prefix4, type Prefix6, prefix6Of } from '@sixgate/addr'
import type { Site } from '@sixgate/site'
import { blockRules } from './blocks.ts'
import { invalidPackets, knownFlows } from './chain-input.ts'
import { lanPaths, otherPaths } from './chain-source.ts'
import { fastRules } from './flowtable.ts'
import { lan4ToWan } from './lan4.ts'
import { statelessRules } from './native-rules.ts'
import {
  accept,
  type Chain,
  drop,
  iif,
  ip4,
  ip6,
  is,
  jump,
  l4proto,
  nfproto,
  PRIORITY,
  type Rule,
  rejectProhibited,
  rejectTcp,
  routingType,
  reject6,
} from './nft.ts'
import { forwardLeg6 } from './port-forwards.ts'
import { uplinkRules } from './uplink-rules.ts'
import type { UserRules } from './user-rules.ts'
import {
  type Facts,
  from,
  innerLinks,
  inside4,
  linksOf,
  notFrom,
  notTo,
  ownLinks,
  prefix,
  TUN_LINK,
  to,
} from './zones.ts'

/** Docker's bridges, as nft patterns: their packets are ruled by Docker's own chains. */
const DOCKER_BRIDGES = ['docker*', 'br-*']

/** The part of `pref64` that stands for `pool`: what a hairpinned packet comes from (RFC 6146 §3.8, RFC 7757 §4). */
export const embedPrefix = (pref64: Pref64, pool: Prefix4): Prefix6 => {
  const plain = pref64.lenBits + pool.lenBits
  // The u-octet (bits 64 to 71) is stepped over once the IPv4 bits reach it (RFC 6052 §2.2).
  const lenBits = pref64.lenBits <= 64 && plain > 64 ? plain + 8 : plain
  return prefix6Of(embedIp4(pref64, pool.addr), lenBits)
}

/** Packets between links that are none of ours. A host that did not route before does not start to. */
const otherRules = (facts: Facts): readonly Rule[] => {
  const own = [...linksOf(facts.lan), TUN_LINK]
  const outside = [notFrom(...ownLinks(facts)), notTo(...own)]
  const perFamily = (family: 'ipv4' | 'ipv6', routed: boolean): readonly Rule[] =>
    routed
      ? [
          {
            id: `other-forward-${family}`,
            text: 'between links that are none of ours: left to the host',
            matches: [is(nfproto, [family]), ...outside],
            verdict: accept,
          },
        ]
      : [
          {
            id: `other-from-docker-${family}`,
            text: "from Docker's bridges: left to Docker's rules",
            matches: [is(nfproto, [family]), is(iif, DOCKER_BRIDGES), notTo(...own)],
            verdict: accept,
          },
        ]
  return [...perFamily('ipv4', facts.routedBefore.ip4), ...perFamily('ipv6', facts.routedBefore.ip6)]
}

/** LAN → translator and back. */
const translatorRules = (site: Site, facts: Facts): readonly Rule[] => {
  const pool4 = inside4(site).map(prefix)
  const pref64 = site.pref64.map(prefix)
  const hairpinned = site.pref64.flatMap((p64) => inside4(site).map((pool) => prefix(embedPrefix(p64, pool))))
  return [
    {
      id: 'lan-to-nat64',
      text: 'LAN to the IPv4 world, to be translated',
      matches: [from(facts.lan), to(TUN_LINK), is(ip6.daddr, pref64)],
      verdict: accept,
    },
    {
      id: 'lan-to-pref64-unrouted',
      text: 'NAT64 prefix without a translator: told at once, never sent to the uplink',
      matches: [from(facts.lan), is(ip6.daddr, pref64)],
      verdict: reject6('no-route'),
    },
    {
      id: 'nat64-hairpin4',
      text: 'between two LAN hosts by their pool4 addresses (RFC 6146 3.8)',
      matches: [from(TUN_LINK), to(TUN_LINK), is(ip4.saddr, pool4), is(ip4.daddr, pool4)],
      verdict: accept,
    },
    {
      id: 'nat64-hairpin6',
      text: 'hairpinned, to the LAN host',
      matches: [from(TUN_LINK), to(facts.lan), is(ip6.saddr, hairpinned)],
      verdict: accept,
    },
  ]
}

/** Packets through the gateway. */
export const forward = (site: Site, facts: Facts, user: UserRules): Chain => ({
  name: 'forward',
  base: { type: 'filter', hook: 'forward', prio: PRIORITY.FILTER, policy: 'drop' },
  rules: [
    {
      id: 'forward-rh0',
      text: 'routing header type 0 (RFC 5095, RFC 6092 REC-4)',
      matches: [is(routingType, [0])],
      verdict: drop,
    },
    ...blockRules(site, facts),
    // From one LAN to another is refused below: a LAN of guests is one that is apart.
    ...linksOf(facts.lan).map(
      (link, index): Rule => ({
        id: index === 0 ? 'lan-to-lan' : `lan-to-lan-${index + 1}`,
        text: 'within the LAN: carried by a bridge, or sent back on its link',
        matches: [from(link), to(link)],
        verdict: accept,
      }),
    ),
    {
      id: 'forward-lan-paths',
      text: 'from a LAN, known flows too: by its own link only',
      matches: [from(innerLinks(site, facts))],
      verdict: jump(lanPaths(site).name),
    },
    ...otherPaths(site, facts),
    ...fastRules(site, facts, user),
    ...knownFlows('forward'),
    ...lan4ToWan(site, facts),
    ...otherRules(facts),
    {
      id: 'forward-lan-sources',
      text: 'who on the LAN may speak',
      matches: [from(facts.lan)],
      verdict: jump('lan_sources'),
    },
    ...statelessRules(site, facts),
    invalidPackets('forward'),
    ...translatorRules(site, facts),
    ...(facts.uplinks.length === 0 ? [] : forwardLeg6(site, facts)),
    ...(facts.uplinks.length === 0 ? [] : uplinkRules(site, facts)),
    {
      id: 'lan-forward-refused-tcp',
      text: 'from the LAN to a place that is not open; answered',
      matches: [from(facts.lan, TUN_LINK), is(l4proto, ['tcp'])],
      verdict: rejectTcp,
    },
    {
      id: 'lan-forward-refused',
      text: 'from the LAN to a place that is not open; answered',
      matches: [from(facts.lan, TUN_LINK)],
      verdict: rejectProhibited,
    },
    {
      id: 'forward-refused',
      text: 'anything else',
      matches: [],
      verdict: drop,
    },
  ],
})
