import { formatIp4, formatIp6, type Ip4, prefix4Of, prefix6Of } from '@sixgate/addr'
import { formatPortRange, type Site, staticIp4 } from '@sixgate/site'
import {
  accept,
  type Chain,
  ctDnat,
  ctOriginalPort,
  dnat4,
  ip4,
  ip6,
  is,
  jump,
  l4proto,
  nfproto,
  PRIORITY,
  port,
  type Rule,
  range,
  snat4ToOriginalDestination,
  toThisHost,
} from './nft.ts'
import { type Facts, from, inside4, lan4Links, prefix, TUN_LINK, to } from './zones.ts'

/** Chain that counts and limits what is let in from the uplink, see limits.ts. */
export const WAN_ACCEPT = 'wan_accept'

type Forward = Site['firewall']['forwards'][number]

interface Target extends Forward {
  /** `tcp-8443` or `udp-5000-5010`. */
  readonly id: string
  /** The host's own, by nat64.hosts or nat64.maps. */
  readonly pool: Ip4
}

/** A target without pool address cannot be: parsing the document has reserved one. */
const targets = (site: Site): readonly Target[] =>
  site.firewall.forwards.flatMap((forward) => {
    const pool = staticIp4(site, forward.to)
    const id = `${forward.protocol}-${formatPortRange(forward.port)}`
    return pool === undefined ? [] : [{ ...forward, id, pool }]
  })

const isSinglePort = ({ port: { first, last } }: Forward): boolean => first === last

/** Ports at the host itself. */
const hostPorts = ({ port: { first, last }, toPort }: Forward) => range(toPort, toPort + last - first)

/**
 * Where a flow to the uplink's address is sent on to the host's pool address: from the uplink, from the translator (a LAN host
 * that names the uplink's address: hairpin, RFC 4787 REQ-9), and from IPv4 LANs.
 */
export const forwardDnat = (site: Site, facts: Facts): readonly Rule[] =>
  targets(site).map((target) => ({
    id: `forward-${target.id}`,
    text: `firewall.forwards, to ${formatIp6(target.to)} by its pool address`,
    matches: [
      from(...facts.uplinks, TUN_LINK, ...lan4Links(site)),
      is(nfproto, ['ipv4']),
      toThisHost,
      is(port(target.protocol, 'dport'), [range(target.port.first, target.port.last)]),
    ],
    verdict: dnat4(formatIp4(target.pool), isSinglePort(target) ? target.toPort : undefined),
  }))

/** The way to the translator, with the destination rewritten. Between translator and translator the hairpin rules do. */
export const forwardLeg4 = (site: Site, facts: Facts): readonly Rule[] =>
  targets(site).map((target) => ({
    id: `forward4-${target.id}`,
    text: 'port forward, to the translator',
    matches: [
      from(...facts.uplinks, ...lan4Links(site)),
      to(TUN_LINK),
      ctDnat,
      is(ip4.daddr, [prefix(prefix4Of(target.pool, 32))]),
      is(l4proto, [target.protocol]),
      ctOriginalPort(range(target.port.first, target.port.last)),
    ],
    verdict: jump(WAN_ACCEPT),
  }))

/**
 * A LAN host that named the uplink's address appears with that address (RFC 4787 REQ-9: "External source IP address and port"),
 * so that the answers come back here, where both ends are put right again; between pool addresses the translator would take
 * them back by itself.
 */
export const forwardHairpin = (site: Site): readonly Rule[] =>
  targets(site).map((target) => ({
    id: `forward-hairpin-${target.id}`,
    text: 'port forward from within the LAN: comes from the uplink address (RFC 4787 REQ-9)',
    matches: [
      to(TUN_LINK),
      ctDnat,
      is(ip4.saddr, inside4(site).map(prefix)),
      is(ip4.daddr, [prefix(prefix4Of(target.pool, 32))]),
      // Each counts its own, where several ports lead to one host.
      is(l4proto, [target.protocol]),
      ctOriginalPort(range(target.port.first, target.port.last)),
    ],
    verdict: snat4ToOriginalDestination,
  }))

/** The way from the translator to the host. Whether the flow may come was said on its IPv4 leg. */
export const forwardLeg6 = (site: Site, facts: Facts): readonly Rule[] =>
  targets(site).map((target) => ({
    id: `forward6-${target.id}`,
    text: 'port forward, translated, to the host',
    matches: [
      from(TUN_LINK),
      to(facts.lan),
      is(ip6.saddr, site.pref64.map(prefix)),
      is(ip6.daddr, [prefix(prefix6Of(target.to, 128))]),
      is(port(target.protocol, 'dport'), [hostPorts(target)]),
    ],
    verdict: accept,
  }))

/** The host's own IPv6 address, where the document says so. */
export const forwardNative = (site: Site, facts: Facts): readonly Rule[] =>
  targets(site)
    .filter(({ ipv6 }) => ipv6)
    .map((target) => ({
      id: `forward-native-${target.id}`,
      text: 'port forward, by IPv6 itself',
      matches: [
        from(...facts.uplinks),
        to(facts.lan),
        is(ip6.daddr, [prefix(prefix6Of(target.to, 128))]),
        is(port(target.protocol, 'dport'), [hostPorts(target)]),
      ],
      verdict: jump(WAN_ACCEPT),
    }))

/** Where destinations are rewritten; empty while nothing is. */
export const dnat = (site: Site, facts: Facts): Chain => ({
  name: 'dnat',
  base: { type: 'nat', hook: 'prerouting', prio: PRIORITY.DSTNAT, policy: 'accept' },
  rules: facts.uplinks.length === 0 ? [] : forwardDnat(site, facts),
})
