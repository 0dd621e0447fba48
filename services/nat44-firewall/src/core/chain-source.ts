import type { Site } from '@sixgate/site'
import { ICMP4_ERRORS, ICMP6_ERRORS } from './icmp6.ts'
import { accept, type Chain, drop, icmp4Type, icmp6Type, ip4, ip6, is, isNot, nfproto, PRIORITY } from './nft.ts'
import { type Facts, from, notFrom, prefix, TUN_LINK } from './zones.ts'

const LOOPBACK = 'lo'

/**
 * Where an address may come from, before conntrack sees the packet (RFC 2827, RFC 6092 REC-5 to REC-7). Packets of the
 * gateway to itself pass `lo` and are exempt. The LAN's own sources are looked at later (`lanSources`), because frames
 * that a bridge only carries on come through here too when br_netfilter is loaded.
 */
export const arrivals = (site: Site, facts: Facts): Chain => {
  const pref64 = site.pref64.map(prefix)
  const pool4 = site.nat64.pool4.map(prefix)
  return {
    name: 'arrivals',
    base: { type: 'filter', hook: 'prerouting', prio: PRIORITY.RAW, policy: 'accept' },
    rules: [
      {
        id: 'pref64-not-from-lan',
        text: 'to the NAT64 prefix, but not from the LAN: loop or misuse',
        matches: [notFrom(facts.lan, LOOPBACK), is(ip6.daddr, pref64)],
        verdict: drop,
      },
      {
        id: 'pref64-source',
        text: 'source in the NAT64 prefix, but not from the translator',
        matches: [notFrom(TUN_LINK, LOOPBACK), is(ip6.saddr, pref64)],
        verdict: drop,
      },
      {
        id: 'pool4-source',
        text: 'source in pool4, but not from the translator',
        matches: [notFrom(TUN_LINK, LOOPBACK), is(ip4.saddr, pool4)],
        verdict: drop,
      },
      {
        id: 'pool4-from-outside',
        text: 'straight to a pool4 address; replies come to the uplink address',
        matches: [notFrom(TUN_LINK, LOOPBACK), is(ip4.daddr, pool4)],
        verdict: drop,
      },
      {
        id: 'lan-source-outside',
        text: 'source in the LAN prefix, but not from the LAN',
        // The translator may speak with the gateway's own LAN address when it reports an error.
        matches: [notFrom(facts.lan, TUN_LINK, LOOPBACK), is(ip6.saddr, [prefix(site.lan.prefix)])],
        verdict: drop,
      },
      {
        id: 'nat64-source6',
        text: 'translated for the LAN',
        matches: [from(TUN_LINK), is(ip6.saddr, pref64)],
        verdict: accept,
      },
      {
        id: 'nat64-source4',
        text: 'translated for the IPv4 side',
        matches: [from(TUN_LINK), is(ip4.saddr, pool4)],
        verdict: accept,
      },
      {
        id: 'nat64-error6',
        text: 'ICMPv6 errors that the translator makes itself',
        matches: [from(TUN_LINK), is(icmp6Type, ICMP6_ERRORS)],
        verdict: accept,
      },
      {
        id: 'nat64-error4',
        text: 'ICMP errors that the translator makes itself (RFC 6791)',
        matches: [from(TUN_LINK), is(icmp4Type, ICMP4_ERRORS)],
        verdict: accept,
      },
      {
        id: 'nat64-foreign-source',
        text: 'from the translator with an address that is not its own',
        matches: [from(TUN_LINK)],
        verdict: drop,
      },
    ],
  }
}

/** Jumped to by packets of the LAN that the gateway takes or forwards: only the LAN prefix and link-local may speak. */
export const lanSources = (site: Site): Chain => ({
  name: 'lan_sources',
  base: undefined,
  rules: [
    {
      id: 'lan-spoof',
      text: 'source is neither in the LAN prefix nor link-local',
      matches: [isNot(ip6.saddr, ['::', { prefix: { addr: 'fe80::', len: 10 } }, prefix(site.lan.prefix)])],
      verdict: drop,
    },
    {
      id: 'lan-ip4',
      text: 'IPv4 on the IPv6-only LAN',
      matches: [is(nfproto, ['ipv4'])],
      verdict: drop,
    },
  ],
})
