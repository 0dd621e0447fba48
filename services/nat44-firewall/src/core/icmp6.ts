import { accept, icmp6Type, ip6, is, type Rule, type Statement } from './nft.ts'
import { from, LINK_LOCAL } from './zones.ts'

/** ICMPv6 types: RFC 4443, 4861, 2710, 3810, 3122, 3971, 4286. */
export const ICMP6 = {
  DESTINATION_UNREACHABLE: 1,
  PACKET_TOO_BIG: 2,
  TIME_EXCEEDED: 3,
  PARAMETER_PROBLEM: 4,
  ECHO_REQUEST: 128,
  ECHO_REPLY: 129,
  MLD_QUERY: 130,
  MLD_REPORT: 131,
  MLD_DONE: 132,
  ROUTER_SOLICITATION: 133,
  ROUTER_ADVERTISEMENT: 134,
  NEIGHBOR_SOLICITATION: 135,
  NEIGHBOR_ADVERTISEMENT: 136,
  INVERSE_SOLICITATION: 141,
  INVERSE_ADVERTISEMENT: 142,
  MLD2_REPORT: 143,
  CERTIFICATION_SOLICITATION: 148,
  CERTIFICATION_ADVERTISEMENT: 149,
  MRD_ADVERTISEMENT: 151,
  MRD_SOLICITATION: 152,
  MRD_TERMINATION: 153,
} as const

/** The error messages (types below 128) that exist: RFC 4443 §2.1. */
export const ICMP6_ERRORS: readonly number[] = [
  ICMP6.DESTINATION_UNREACHABLE,
  ICMP6.PACKET_TOO_BIG,
  ICMP6.TIME_EXCEEDED,
  ICMP6.PARAMETER_PROBLEM,
]

/** ICMPv4 errors: destination unreachable, time exceeded, parameter problem (RFC 792). */
export const ICMP4_ERRORS: readonly number[] = [3, 11, 12]
export const ICMP4_ECHO_REQUEST = 8

/** RFC 4890 §4.4.1, address configuration and router selection, and SEND: always with hop limit 255 (RFC 4861 §6.1). */
const NEIGHBOR_DISCOVERY = [
  ICMP6.ROUTER_SOLICITATION,
  ICMP6.ROUTER_ADVERTISEMENT,
  ICMP6.NEIGHBOR_SOLICITATION,
  ICMP6.NEIGHBOR_ADVERTISEMENT,
  ICMP6.INVERSE_SOLICITATION,
  ICMP6.INVERSE_ADVERTISEMENT,
  ICMP6.CERTIFICATION_SOLICITATION,
  ICMP6.CERTIFICATION_ADVERTISEMENT,
]

/** Mobile IPv6, RFC 6275 §6.5 to §6.8: home agent address discovery, mobile prefixes. */
export const MOBILITY = [144, 145, 146, 147]

/** RFC 4890 §4.4.1, link-local multicast receiver notification and multicast router discovery: hop limit 1. */
const MULTICAST_LISTENERS = [
  ICMP6.MLD_QUERY,
  ICMP6.MLD_REPORT,
  ICMP6.MLD_DONE,
  ICMP6.MLD2_REPORT,
  ICMP6.MRD_ADVERTISEMENT,
  ICMP6.MRD_SOLICITATION,
  ICMP6.MRD_TERMINATION,
]

/** `::` too: a host joins its solicited-node group before it has an address (RFC 3590 §4). */
const LINK_LOCAL_OR_NONE: Statement = is(ip6.saddr, ['::', LINK_LOCAL])

/**
 * What keeps an IPv6 link working, for the links of an input chain (RFC 4890 §4.4.1). conntrack does not follow these
 * messages, so no state is asked. Redirects (137) are left out: a router takes none (RFC 4861 §8.2, RFC 4890 §4.4.4).
 */
export const linkRules = (zone: string, links: readonly string[]): readonly Rule[] => [
  {
    id: `${zone}-nd`,
    text: 'neighbour discovery, hop limit 255 (RFC 4890 4.4.1)',
    matches: [from(...links), is(icmp6Type, NEIGHBOR_DISCOVERY), is(ip6.hopLimit, [255])],
    verdict: accept,
  },
  {
    id: `${zone}-mld`,
    text: 'multicast listeners, hop limit 1 (RFC 4890 4.4.1)',
    matches: [from(...links), is(icmp6Type, MULTICAST_LISTENERS), is(ip6.hopLimit, [1]), LINK_LOCAL_OR_NONE],
    verdict: accept,
  },
]
