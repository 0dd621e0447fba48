import { embedIp4, type Pref64, type Prefix4, type Prefix6, prefix6Of } from '@sixgate/addr'
import { lanPrefixes, type Site } from '@sixgate/site'
import { bogonRules, invalidPackets, knownFlows } from './chain-input.ts'
import { ICMP6 } from './icmp6.ts'
import {
  accept,
  type Chain,
  ctDnat,
  ctOriginalPort,
  drop,
  icmp6Type,
  iif,
  ip4,
  ip6,
  is,
  jump,
  l4proto,
  nfproto,
  PRIORITY,
  port,
  type Rule,
  rejectProhibited,
  rejectTcp,
  routingType,
  reject6,
} from './nft.ts'
import { NEVER4, NEVER6, NOT_GLOBAL4, UNIQUE_LOCAL } from './special-prefixes.ts'
import {
  type Facts,
  from,
  inside4,
  lanSpeakers,
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

/** RFC 6092 §3.2.4, §3.2.5: what no default may prohibit. AH is left out: nft looks behind it, at what it protects. */
const UNPROHIBITED = [50, 135, 139]
const IKE_PORT = 500

/** RFC 4291 §2.4 as handed out so far: 2000::/3. Others (ULA) never pass the uplink (RFC 4193 §4.3). */
export const isGlobal = ({ addr }: Prefix6): boolean => ((addr[0] ?? 0) & 0xe0) === 0x20

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

/** IPv4 destinations that the translator's packets have no business with on the uplink; answered. */
const translatedRefusals = (site: Site, facts: Facts): readonly Rule[] => {
  const toUplink = [from(TUN_LINK), to(...facts.uplinks)]
  const never: Rule = {
    id: 'nat64-to-never',
    text: 'translated, to an address that is no host (RFC 6890)',
    matches: [...toUplink, is(ip4.daddr, NEVER4.map(prefix))],
    verdict: rejectProhibited,
  }
  // Behind another NAT the uplink's network is private itself; and the owner may have said that everything may pass.
  if (!facts.uplinkIsPublic || site.nat64.wellKnownPrefix === 'off') return [never]
  return [
    never,
    {
      id: 'nat64-to-private',
      text: 'translated, to a private address, but the uplink is the internet (RFC 6890)',
      matches: [...toUplink, is(ip4.daddr, NOT_GLOBAL4.map(prefix))],
      verdict: rejectProhibited,
    },
  ]
}

/** LAN and translator → uplink, and what may come in. */
const uplinkRules = (site: Site, facts: Facts): readonly Rule[] => {
  const globals = lanPrefixes(site).filter(isGlobal).map(prefix)
  const native: readonly Rule[] =
    globals.length > 0
      ? [
          {
            id: 'lan-to-wan-local',
            text: 'LAN to an address that is known in a site only (RFC 6092 REC-3, REC-7)',
            matches: [from(facts.lan), to(...facts.uplinks), is(ip6.daddr, [...NEVER6, ...UNIQUE_LOCAL].map(prefix))],
            verdict: reject6('no-route'),
          },
          {
            id: 'lan-to-wan',
            text: 'LAN to the IPv6 world (RFC 6092 3.2)',
            matches: [
              from(facts.lan),
              to(...facts.uplinks),
              is(ip6.saddr, lanSpeakers(site).filter(isGlobal).map(prefix)),
            ],
            verdict: accept,
          },
          ...bogonRules('wan-forward', facts),
          {
            id: 'wan-to-lan-ipsec',
            text: 'ESP, mobility, HIP to a LAN host (RFC 6092 3.2.4, 3.2.5)',
            matches: [from(...facts.uplinks), to(facts.lan), is(ip6.daddr, globals), is(l4proto, UNPROHIBITED)],
            verdict: accept,
          },
          {
            id: 'wan-to-lan-ike',
            text: 'IKE to a LAN host (RFC 6092 REC-24)',
            matches: [
              from(...facts.uplinks),
              to(facts.lan),
              is(ip6.daddr, globals),
              is(port('udp', 'dport'), [IKE_PORT]),
            ],
            verdict: accept,
          },
          {
            id: 'wan-to-lan-ping6',
            text: 'echo request to a LAN host (RFC 4890 4.3.1)',
            matches: [
              from(...facts.uplinks),
              to(facts.lan),
              is(ip6.daddr, globals),
              is(icmp6Type, [ICMP6.ECHO_REQUEST]),
            ],
            verdict: accept,
          },
        ]
      : [
          ...bogonRules('wan-forward', facts),
          {
            id: 'lan-to-wan-ula',
            text: 'LAN prefix is not global: no reply would come back (RFC 4193 4.3); told at once',
            matches: [from(facts.lan), to(...facts.uplinks), is(nfproto, ['ipv6'])],
            verdict: reject6('policy-fail'),
          },
        ]
  return [
    ...translatedRefusals(site, facts),
    {
      id: 'nat64-to-wan',
      text: 'translated, to the IPv4 world',
      matches: [from(TUN_LINK), to(...facts.uplinks), is(ip4.saddr, inside4(site).map(prefix))],
      verdict: accept,
    },
    ...native,
    ...site.firewall.inbound.map(
      ({ protocol, port }): Rule => ({
        id: `published-${protocol}-${port}`,
        text: 'port that a container publishes and firewall.inbound opens',
        matches: [
          from(...facts.uplinks),
          notTo(facts.lan, TUN_LINK),
          ctDnat,
          is(l4proto, [protocol]),
          ctOriginalPort(port),
        ],
        verdict: accept,
      }),
    ),
    {
      id: 'wan-forward-refused',
      text: 'from the uplink, not asked for (RFC 6092 3.2, RFC 4787 REQ-8)',
      matches: [from(...facts.uplinks)],
      verdict: drop,
    },
  ]
}

/** Packets through the gateway. */
export const forward = (site: Site, facts: Facts): Chain => ({
  name: 'forward',
  base: { type: 'filter', hook: 'forward', prio: PRIORITY.FILTER, policy: 'drop' },
  rules: [
    {
      id: 'forward-rh0',
      text: 'routing header type 0 (RFC 5095, RFC 6092 REC-4)',
      matches: [is(routingType, [0])],
      verdict: drop,
    },
    ...knownFlows('forward'),
    ...otherRules(facts),
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
      id: 'forward-lan-sources',
      text: 'who on the LAN may speak',
      matches: [from(facts.lan)],
      verdict: jump('lan_sources'),
    },
    invalidPackets('forward'),
    ...translatorRules(site, facts),
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
