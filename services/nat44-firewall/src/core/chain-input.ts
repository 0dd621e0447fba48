import type { Prefix6 } from '@sixgate/addr'
import { lanLinkName, type Site } from '@sixgate/site'
import { lanPaths } from './chain-source.ts'
import { ICMP4_ECHO_REQUEST, ICMP6, linkRules } from './icmp6.ts'
import { lan4Of } from './lan4.ts'
import { LOOPBACK_RULE } from './loopback.ts'
import {
  accept,
  type Chain,
  ctState,
  drop,
  icmp4Type,
  icmp6Type,
  ip4,
  ip6,
  is,
  jump,
  l4proto,
  PRIORITY,
  port,
  type Rule,
  rejectProhibited,
  rejectTcp,
} from './nft.ts'
import { WAN_ACCEPT } from './port-forwards.ts'
import { NEVER4, NEVER6, NOT_GLOBAL4 } from './special-prefixes.ts'
import { type Facts, from, innerLinks, LINK_LOCAL, linksOf, notFrom, ownLinks, prefix, TUN_LINK } from './zones.ts'

const DNS_PORT = 53
const SSH_PORT = 22
const DHCP4 = { SERVER: 67, CLIENT: 68 } as const
const DHCP6 = { SERVER: 547, CLIENT: 546 } as const
/** Answers of flows that are known, and their errors. */
export const knownFlows = (chain: 'input' | 'forward'): readonly Rule[] => [
  {
    id: `${chain}-established`,
    text: 'known flows',
    matches: [ctState('established')],
    verdict: accept,
  },
  {
    id: `${chain}-related`,
    text: 'ICMP errors about known flows (RFC 5508 REQ-4, RFC 6092 REC-10)',
    matches: [ctState('related')],
    verdict: accept,
  },
]

/** What conntrack cannot place is neither translated nor answered. */
export const invalidPackets = (chain: 'input' | 'forward'): Rule => ({
  id: `${chain}-invalid`,
  text: 'belongs to no flow and starts none',
  matches: [ctState('invalid')],
  verdict: drop,
})

/**
 * Sources from the uplink that cannot be (RFC 6890, RFC 6092 REC-3). Only new flows come so far: answers and ICMP errors of
 * a provider's private routers are known flows.
 */
export const bogonRules = (
  zone: 'wan' | 'wan-forward',
  facts: Facts,
  sources6: readonly Prefix6[],
): readonly Rule[] => [
  {
    id: `${zone}-bogon4`,
    text: 'from the uplink, source cannot be there (RFC 6890)',
    matches: [
      from(...facts.uplinks),
      is(ip4.saddr, [...NEVER4, ...(facts.uplinkIsPublic ? NOT_GLOBAL4 : [])].map(prefix)),
    ],
    verdict: drop,
  },
  {
    id: `${zone}-bogon6`,
    text: 'from the uplink, source cannot be there (RFC 6890)',
    matches: [from(...facts.uplinks), is(ip6.saddr, sources6.map(prefix))],
    verdict: drop,
  },
]

const pingRules = (zone: 'lan' | 'wan', links: readonly string[]): readonly Rule[] => [
  {
    id: `${zone}-ping6`,
    text: 'echo request to the gateway (RFC 4890 4.4.1)',
    matches: [from(...links), is(icmp6Type, [ICMP6.ECHO_REQUEST])],
    verdict: accept,
  },
  {
    id: `${zone}-ping4`,
    text: 'echo request to the gateway',
    matches: [from(...links), is(icmp4Type, [ICMP4_ECHO_REQUEST])],
    verdict: accept,
  },
]

/** The console's page, for the first LAN alone: further ones are often for guests. */
const webPage = (site: Site): readonly Rule[] =>
  site.console.web
    ? [
        {
          id: 'lan-web',
          text: 'web page of the console',
          matches: [from(lanLinkName(site)), is(port('tcp', 'dport'), [site.console.port])],
          verdict: accept,
        },
      ]
    : []

/** Ports of the gateway that only the LAN reaches. */
const lanServices = (site: Site, facts: Facts): readonly Rule[] => [
  {
    id: 'lan-dns-udp',
    text: 'DNS of the gateway',
    matches: [from(facts.lan), is(port('udp', 'dport'), [DNS_PORT])],
    verdict: accept,
  },
  {
    id: 'lan-dns-tcp',
    text: 'DNS of the gateway',
    matches: [from(facts.lan), is(port('tcp', 'dport'), [DNS_PORT])],
    verdict: accept,
  },
  {
    id: 'lan-ssh',
    // Without it an owner without screen and keyboard could never come back.
    text: 'SSH of the gateway',
    matches: [from(facts.lan), is(port('tcp', 'dport'), [SSH_PORT])],
    verdict: accept,
  },
  ...webPage(site),
]

/** Ports that the document opens, to the uplink and so to the LAN too. */
const openPorts = (site: Site, facts: Facts): readonly Rule[] =>
  site.firewall.inbound.map(({ protocol, port: value }) => ({
    id: `open-${protocol}-${value}`,
    text: 'firewall.inbound of the site document',
    matches: [from(facts.lan, ...facts.uplinks), is(port(protocol, 'dport'), [value])],
    verdict: jump(WAN_ACCEPT),
  }))

/** What the uplink must let in so that the gateway has addresses there. */
const uplinkRules = (site: Site, facts: Facts, uplinks: readonly string[] = facts.uplinks): readonly Rule[] => [
  {
    id: 'wan-dhcp4',
    text: 'DHCP answers to the gateway',
    matches: [from(...uplinks), is(port('udp', 'sport'), [DHCP4.SERVER]), is(port('udp', 'dport'), [DHCP4.CLIENT])],
    verdict: accept,
  },
  {
    id: 'wan-dhcp6',
    text: 'DHCPv6 answers to the gateway, from the link',
    matches: [
      from(...uplinks),
      is(ip6.saddr, [LINK_LOCAL]),
      is(port('udp', 'sport'), [DHCP6.SERVER]),
      is(port('udp', 'dport'), [DHCP6.CLIENT]),
    ],
    verdict: accept,
  },
  // A neighbour on the uplink's link may well have a unique local address, a host behind it may not (RFC 6092 REC-7).
  ...bogonRules('wan', facts, NEVER6),
  ...openPorts(site, facts),
  ...(site.firewall.allowPingFromWan ? pingRules('wan', uplinks) : []),
  {
    id: 'wan-refused',
    text: 'to the gateway from the uplink, not asked for (RFC 6092 REC-8, REC-50)',
    matches: [from(...uplinks)],
    verdict: drop,
  },
]

/** Packets to the gateway itself. */
export const input = (site: Site, facts: Facts): Chain => ({
  name: 'input',
  base: { type: 'filter', hook: 'input', prio: PRIORITY.FILTER, policy: 'drop' },
  rules: [
    {
      id: 'input-lan-paths',
      text: 'from a LAN, known flows too: by its own link only',
      matches: [from(innerLinks(site, facts))],
      verdict: jump(lanPaths(site).name),
    },
    ...knownFlows('input'),
    {
      id: LOOPBACK_RULE,
      text: 'links that are none of ours: left to the host',
      matches: [notFrom(...ownLinks(facts))],
      verdict: accept,
    },
    ...(linksOf(facts.lan).every((link) => lan4Of(site, link).length === 0)
      ? []
      : [
          {
            id: 'lan4-dhcp',
            text: "IPv4 on the LAN's link: to a DHCP server of the owner",
            matches: [
              from(facts.lan),
              is(port('udp', 'sport'), [DHCP4.CLIENT]),
              is(port('udp', 'dport'), [DHCP4.SERVER]),
            ],
            verdict: accept,
          },
        ]),
    {
      id: 'input-lan-sources',
      text: 'who on the LAN may speak',
      matches: [from(facts.lan)],
      verdict: jump('lan_sources'),
    },
    // Before the invalid ones: conntrack calls what it does not know so (inverse ND, SEND, multicast router discovery).
    ...linkRules('lan', linksOf(facts.lan)),
    ...(facts.uplinks.length === 0 ? [] : linkRules('wan', facts.uplinks)),
    invalidPackets('input'),
    ...pingRules('lan', [...linksOf(facts.lan), TUN_LINK]),
    ...lanServices(site, facts),
    ...(facts.uplinks.length === 0 ? openPorts(site, facts) : uplinkRules(site, facts)),
    {
      id: 'lan-multicast',
      text: 'multicast that nobody here listens to',
      matches: [from(facts.lan), is(ip6.daddr, [{ prefix: { addr: 'ff00::', len: 8 } }])],
      verdict: drop,
    },
    {
      id: 'lan-refused-tcp',
      text: 'to a TCP port of the gateway that is not open; answered, so that nobody waits',
      matches: [from(facts.lan, TUN_LINK), is(l4proto, ['tcp'])],
      verdict: rejectTcp,
    },
    {
      id: 'lan-refused',
      text: 'to a service of the gateway that is not open; answered',
      matches: [from(facts.lan, TUN_LINK)],
      verdict: rejectProhibited,
    },
  ],
})
