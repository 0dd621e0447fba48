import { overlaps, type Prefix6 } from '@sixgate/addr'
import { lanPrefixes, type Site } from '@sixgate/site'
import { bogonRules } from './chain-input.ts'
import { ICMP6, MOBILITY } from './icmp6.ts'
import {
  accept,
  icmp6Type,
  ip6,
  ip6NextHeader,
  is,
  isNot,
  jump,
  nextHeaderOf,
  l4proto,
  nfproto,
  port,
  type Rule,
  reject6,
} from './nft.ts'
import { unsolicitedRules } from './chain-unsolicited.ts'
import { forwardNative, WAN_ACCEPT } from './port-forwards.ts'
import { DOCUMENTATION6, NEVER6, UNIQUE_LOCAL } from './special-prefixes.ts'
import { type Facts, from, isGlobal, lanSpeakers, prefix, to } from './zones.ts'

/** RFC 6092 §3.2.4, §3.2.5: what no default may prohibit: ESP, mobility headers, HIP. */
const UNPROHIBITED = [50, 135, 139]
const AH = 51
const IKE_PORT = 500

/** LAN prefixes that may be seen outside. */
const globals = (site: Site) => lanPrefixes(site).filter(isGlobal).map(prefix)

/** Extension headers that may stand before AH (RFC 8200 §4.1); the fragment header is gone by then, conntrack reassembles. */
const BEFORE_AH = ['hbh', 'dst', 'rt'] as const

/** What no packet in the internet bears (RFC 6092 REC-3, REC-7). A site that plays at being one uses addresses of documentation itself. */
const noneOutside = (site: Site): readonly Prefix6[] => {
  const plays = lanPrefixes(site).some((lan) => DOCUMENTATION6.some((documentation) => overlaps(documentation, lan)))
  return [...NEVER6, ...UNIQUE_LOCAL, ...(plays ? [] : DOCUMENTATION6)]
}

/** Whether LAN hosts can be reached from outside without translation. */
export const isReachable6 = (site: Site, facts: Facts): boolean => facts.uplinks.length > 0 && globals(site).length > 0

/**
 * What is let through before the invalid packets, because conntrack does not know it: messages of Mobile IPv6 about home agents
 * (RFC 4890 §4.3.2), and AH, behind which it judges what only the two ends can.
 */
export const statelessRules = (site: Site, facts: Facts): readonly Rule[] => {
  if (!isReachable6(site, facts)) return []
  const messages = is(icmp6Type, MOBILITY)
  const text = 'Mobile IPv6: home agents and prefixes (RFC 4890 4.3.2)'
  const toHosts = [
    from(...facts.uplinks),
    to(facts.lan),
    isNot(ip6.saddr, noneOutside(site).map(prefix)),
    is(ip6.daddr, globals(site)),
  ]
  return [
    {
      id: 'lan-to-wan-mobility',
      text,
      matches: [from(facts.lan), to(...facts.uplinks), is(ip6.saddr, globals(site)), messages],
      verdict: accept,
    },
    {
      id: 'wan-to-lan-mobility',
      text,
      matches: [...toHosts, messages],
      verdict: jump(WAN_ACCEPT),
    },
    {
      id: 'wan-to-lan-ah',
      text: 'AH to a LAN host, whatever it protects (RFC 6092 REC-21)',
      matches: [...toHosts, is(ip6NextHeader, [AH])],
      verdict: jump(WAN_ACCEPT),
    },
    ...BEFORE_AH.map(
      (header): Rule => ({
        id: `wan-to-lan-ah-${header}`,
        text: `the same behind a header of the kind ${header}`,
        matches: [...toHosts, is(nextHeaderOf(header), [AH])],
        verdict: jump(WAN_ACCEPT),
      }),
    ),
  ]
}

/** What comes in by IPv6 unasked (RFC 6092 §3.2, RFC 4890 §4.3). */
const inbound = (site: Site, facts: Facts): readonly Rule[] => {
  const toHosts = [from(...facts.uplinks), to(facts.lan), is(ip6.daddr, globals(site))]
  const transparent: readonly Rule[] =
    site.firewall.ipv6Inbound === 'accept'
      ? [
          {
            id: 'wan-to-lan-all',
            text: 'firewall.ipv6Inbound accept: hosts guard themselves (RFC 6092 REC-49)',
            matches: toHosts,
            verdict: jump(WAN_ACCEPT),
          },
        ]
      : []
  return [
    {
      id: 'wan-to-lan-ipsec',
      text: 'ESP, mobility, HIP to a LAN host (RFC 6092 3.2.4, 3.2.5)',
      matches: [...toHosts, is(l4proto, UNPROHIBITED)],
      verdict: jump(WAN_ACCEPT),
    },
    {
      id: 'wan-to-lan-ike',
      text: 'IKE to a LAN host (RFC 6092 REC-24)',
      matches: [...toHosts, is(port('udp', 'dport'), [IKE_PORT])],
      verdict: jump(WAN_ACCEPT),
    },
    {
      id: 'wan-to-lan-ping6',
      text: 'echo request to a LAN host (RFC 4890 4.3.1)',
      matches: [...toHosts, is(icmp6Type, [ICMP6.ECHO_REQUEST])],
      verdict: accept,
    },
    ...forwardNative(site, facts),
    ...transparent,
  ]
}

/** IPv6 between the LAN and the uplink, without translation. */
export const nativeRules = (site: Site, facts: Facts): readonly Rule[] =>
  globals(site).length > 0
    ? [
        {
          id: 'lan-to-wan-local',
          text: 'LAN to an address that is known in a site only (RFC 6092 REC-3, REC-7)',
          matches: [from(facts.lan), to(...facts.uplinks), is(ip6.daddr, noneOutside(site).map(prefix))],
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
        ...bogonRules('wan-forward', facts, noneOutside(site)),
        ...inbound(site, facts),
        ...unsolicitedRules(facts, globals(site)),
      ]
    : [
        ...bogonRules('wan-forward', facts, [...NEVER6, ...UNIQUE_LOCAL]),
        {
          id: 'lan-to-wan-ula',
          text: 'LAN prefix is not global: no reply would come back (RFC 4193 4.3); told at once',
          matches: [from(facts.lan), to(...facts.uplinks), is(nfproto, ['ipv6'])],
          verdict: reject6('policy-fail'),
        },
      ]
