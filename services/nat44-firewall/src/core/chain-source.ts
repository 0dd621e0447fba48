import type { Prefix4 } from '@sixgate/addr'
import { lanLinkName, lanPrefixes, lanViews, type Site } from '@sixgate/site'
import { ICMP4_ECHO_REQUEST, ICMP4_ERRORS, ICMP6, ICMP6_ERRORS } from './icmp6.ts'
import { lan4Of } from './lan4.ts'
import { hostLimit } from './limits.ts'
import {
  accept,
  type Chain,
  drop,
  goto,
  icmp4Type,
  icmp6Type,
  ip4,
  ip6,
  is,
  isNot,
  leave,
  moreThan,
  nfproto,
  noWayBack,
  port,
  PRIORITY,
  type Rule,
  reject6,
} from './nft.ts'
import type { Json } from './table.ts'
import {
  type Facts,
  from,
  innerLinks,
  inside4,
  lanSpeakers,
  LINK_LOCAL,
  linksOf,
  LOOPBACK,
  notFrom,
  prefix,
  to,
  TUN_LINK,
} from './zones.ts'

/** Echo requests from the uplink: enough for people and monitoring, nothing for a flood (RFC 4890 §4.3.1, §4.4.1). */
const PING_PER_SECOND = 50
const DHCP_SERVER = 67
const DHCP_CLIENT = 68

/** Looked at before conntrack, which takes the echo requests of one ping for one flow. */
const pingFloods = (uplinks: readonly string[]): readonly Rule[] => {
  if (uplinks.length === 0) return []
  const flood = moreThan(PING_PER_SECOND, PING_PER_SECOND)
  const text = `echo requests from the uplink beyond ${PING_PER_SECOND}/s`
  return [
    {
      id: 'wan-ping-flood6',
      text,
      matches: [from(...uplinks), is(icmp6Type, [ICMP6.ECHO_REQUEST]), flood],
      verdict: drop,
    },
    {
      id: 'wan-ping-flood4',
      text,
      matches: [from(...uplinks), is(icmp4Type, [ICMP4_ECHO_REQUEST]), flood],
      verdict: drop,
    },
  ]
}

/**
 * Sources that would not be answered by the link they came from (RFC 3704 §2.2): addresses of the LAN, of Docker's networks, of
 * any other link. What has no address yet is exempt: DHCP answers, and packets without source.
 */
const reversePath = (site: Site, { uplinks }: Facts): readonly Rule[] => {
  if (uplinks.length === 0 || !site.firewall.reversePath) return []
  const fromUplinks = from(...uplinks)
  return [
    {
      id: 'wan-dhcp-arrival',
      text: 'DHCP answers: they may come before there is an address',
      matches: [fromUplinks, is(port('udp', 'sport'), [DHCP_SERVER]), is(port('udp', 'dport'), [DHCP_CLIENT])],
      verdict: accept,
    },
    {
      id: 'wan-unspecified4',
      text: 'no source yet',
      matches: [fromUplinks, is(ip4.saddr, ['0.0.0.0'])],
      verdict: accept,
    },
    {
      id: 'wan-unspecified6',
      text: 'no source yet: duplicate address detection (RFC 4862 5.4)',
      matches: [fromUplinks, is(ip6.saddr, ['::'])],
      verdict: accept,
    },
    {
      id: 'wan-reverse-path',
      text: 'from the uplink, source belongs to another link (RFC 3704)',
      matches: [fromUplinks, noWayBack],
      verdict: drop,
    },
  ]
}

/** What the translator may send: RFC 6052 §5.2, RFC 6146 §5.1. */
const fromTranslator = (site: Site): Chain => ({
  name: 'arrivals_nat64',
  base: undefined,
  rules: [
    {
      id: 'nat64-loop',
      text: 'from the translator to the NAT64 prefix',
      matches: [is(ip6.daddr, site.pref64.map(prefix))],
      verdict: drop,
    },
    {
      id: 'nat64-source6',
      text: 'translated for the LAN',
      matches: [is(ip6.saddr, site.pref64.map(prefix))],
      verdict: accept,
    },
    {
      id: 'nat64-source4',
      text: 'translated for the IPv4 side',
      matches: [is(ip4.saddr, inside4(site).map(prefix))],
      verdict: accept,
    },
    {
      id: 'nat64-error6',
      text: 'ICMPv6 errors that the translator makes itself',
      matches: [is(icmp6Type, ICMP6_ERRORS)],
      verdict: accept,
    },
    {
      id: 'nat64-error4',
      text: 'ICMP errors that the translator makes itself (RFC 6791)',
      matches: [is(icmp4Type, ICMP4_ERRORS)],
      verdict: accept,
    },
    {
      id: 'nat64-foreign-source',
      text: 'from the translator with an address that is not its own',
      matches: [],
      verdict: drop,
    },
  ],
})

/**
 * Where an address may come from, before conntrack sees the packet (RFC 2827, RFC 6092 REC-6). Packets of the gateway to
 * itself pass `lo` and are exempt. The LAN's own sources are looked at later (`lanSources`), because frames that a bridge
 * only carries on come through here too when br_netfilter is loaded.
 */
export const arrivals = (site: Site, facts: Facts): readonly Chain[] => {
  const pref64 = site.pref64.map(prefix)
  const pool4 = inside4(site).map(prefix)
  const translator = fromTranslator(site)
  return [
    translator,
    {
      name: 'arrivals',
      base: { type: 'filter', hook: 'prerouting', prio: PRIORITY.RAW, policy: 'accept' },
      rules: [
        // Single comparisons, no verdict map: see `updateTable`.
        { id: 'arrivals-lo', text: 'the gateway to itself', matches: [from(LOOPBACK)], verdict: accept },
        { id: 'arrivals-lan', text: 'the LAN: looked at later', matches: [from(facts.lan)], verdict: accept },
        { id: 'arrivals-nat64', text: 'the translator', matches: [from(TUN_LINK)], verdict: goto(translator.name) },
        {
          id: 'pref64-not-from-lan',
          text: 'to the NAT64 prefix, but not from the LAN',
          matches: [is(ip6.daddr, pref64)],
          verdict: drop,
        },
        {
          id: 'pref64-source',
          text: 'source in the NAT64 prefix, but not from the translator',
          matches: [is(ip6.saddr, pref64)],
          verdict: drop,
        },
        {
          id: 'pool4-source',
          text: 'source in pool4, but not from the translator',
          matches: [is(ip4.saddr, pool4)],
          verdict: drop,
        },
        {
          id: 'pool4-from-outside',
          text: 'straight to a pool4 address; replies come to the uplink address',
          matches: [is(ip4.daddr, pool4)],
          verdict: drop,
        },
        {
          id: 'lan-source-outside',
          text: 'source in the LAN prefix, but not from the LAN',
          matches: [is(ip6.saddr, lanPrefixes(site).map(prefix))],
          verdict: drop,
        },
        ...reversePath(site, facts),
        ...pingFloods(facts.uplinks),
      ],
    },
  ]
}

const lanIp4 = (prefixes: readonly Prefix4[]): Rule =>
  prefixes.length === 0
    ? { id: 'lan-ip4', text: 'IPv4 on the IPv6-only LAN', matches: [is(nfproto, ['ipv4'])], verdict: drop }
    : {
        id: 'lan-ip4',
        text: 'IPv4 source that is in no prefix of firewall.lan4',
        matches: [isNot(ip4.saddr, prefixes.map(prefix))],
        verdict: drop,
      }

/** Of hosts that have no address of a network yet, or speak to neighbours alone. */
const UNPLACED: readonly Json[] = ['::', LINK_LOCAL]

/** Of a document with one LAN. */
const ownSources = (view: Site): readonly Json[] => [...UNPLACED, ...lanSpeakers({ ...view, lans: [] }).map(prefix)]

/** Each LAN has its own prefix: the host of another one may not speak for it. */
const lanSpoofs = (site: Site): readonly Rule[] =>
  lanViews(site).map((view, index): Rule => {
    const link = lanLinkName(view)
    return {
      id: index === 0 ? 'lan-spoof' : `lan-spoof-${index + 1}`,
      text: 'source is neither in the LAN prefix nor link-local',
      matches: [...(site.lans.length === 0 ? [] : [from(link)]), isNot(ip6.saddr, ownSources(view))],
      verdict: drop,
    }
  })

/**
 * Jumped to by all that comes from a LAN, known flows too: conntrack tells flows by addresses and ports alone, so that a host of
 * another LAN could speak for one end of a flow, or for a server that the gateway asked. Who has the prefix of the LAN may go on;
 * whatever else speaks there must be reached there (RFC 2827, RFC 3704 §2.2): networks behind a router of the LAN, say.
 */
export const lanPaths = (site: Site): Chain => ({
  name: 'lan_paths',
  base: undefined,
  rules: [
    {
      id: 'lan-unplaced',
      text: 'a neighbour by its link-local address, or without one yet',
      matches: [is(ip6.saddr, UNPLACED)],
      verdict: leave,
    },
    ...lanViews(site).map(
      (view, index): Rule => ({
        id: index === 0 ? 'lan-own-source' : `lan-own-source-${index + 1}`,
        text: 'source in the LAN prefix',
        // Not what nat64.sources lists: on which LAN such a network is, the routes know.
        matches: [from(lanLinkName(view)), is(ip6.saddr, [prefix(view.lan.prefix)])],
        verdict: leave,
      }),
    ),
    {
      id: 'lan-reverse-path',
      text: 'from a LAN, source belongs to another link (RFC 2827, 3704)',
      matches: [noWayBack],
      verdict: drop,
    },
  ],
})

/**
 * The same for links that are none of ours, where the packet is for the LAN or the translator: nothing but the answers of flows
 * that an owner's rule let out gets there, and those come by the way they went.
 */
export const otherPaths = (site: Site, facts: Facts): readonly Rule[] =>
  site.firewall.reversePath
    ? [
        {
          id: 'other-reverse-path',
          text: 'from another link into the site, source belongs elsewhere (RFC 3704)',
          matches: [notFrom(innerLinks(site, facts), TUN_LINK, facts.uplinks), to(facts.lan, TUN_LINK), noWayBack],
          verdict: drop,
        },
      ]
    : []

/**
 * Jumped to by new flows of the LAN that the gateway takes or forwards: only the LAN prefix and link-local may speak
 * (RFC 6092 REC-5).
 */
export const lanSources = (site: Site, facts: Facts): Chain => ({
  name: 'lan_sources',
  base: undefined,
  rules: [
    ...(facts.oldPrefixes.length === 0
      ? []
      : [
          {
            id: 'lan-old-nd',
            text: 'neighbour discovery of such hosts, so that they can be told',
            matches: [
              is(ip6.saddr, facts.oldPrefixes.map(prefix)),
              is(icmp6Type, [ICMP6.NEIGHBOR_SOLICITATION, ICMP6.NEIGHBOR_ADVERTISEMENT]),
              is(ip6.hopLimit, [255]),
            ],
            verdict: accept,
          },
          {
            id: 'lan-old-prefix',
            text: 'source in a LAN prefix that is no longer valid; told (RFC 7084 L-14)',
            matches: [is(ip6.saddr, facts.oldPrefixes.map(prefix))],
            verdict: reject6('policy-fail'),
          },
        ]),
    ...lanSpoofs(site),
    lanIp4(linksOf(facts.lan).flatMap((link) => lan4Of(site, link))),
    ...hostLimit(site),
  ],
})
