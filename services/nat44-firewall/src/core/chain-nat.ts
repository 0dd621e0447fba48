import { lanPrefixes, type Site } from '@sixgate/site'
import { lan4Leaks, lan4Masquerade } from './lan4.ts'
import {
  accept,
  type Chain,
  clampMss,
  drop,
  ip4,
  ip6,
  is,
  jump,
  masquerade,
  PRIORITY,
  type Rule,
  tcpSyn,
} from './nft.ts'
import { forwardHairpin } from './port-forwards.ts'
import { type Facts, from, inside4, lan4Links, LOOPBACK, isGlobal, prefix, TUN_LINK, to } from './zones.ts'

/** IPv6 header (RFC 8200 §3) and TCP header without options. */
const IPV6_AND_TCP_BYTES = 60

/**
 * MSS options of SYNs, both ways. Every link a flow passes is counted with the header of its own side by `rt mtu` (route
 * there and route back). The IPv4 side is held to what fits after translation too, where the header grows by 20 bytes
 * (RFC 7915 §4), so that it is right even when a fast path skips the IPv6 leg.
 */
export const mss = (site: Site, facts: Facts): readonly Chain[] => {
  const translatedMss = Math.min(facts.lanMtuBytes, site.nat64.mtu) - IPV6_AND_TCP_BYTES
  const uplink: readonly Rule[] =
    facts.uplinks.length === 0
      ? []
      : [
          {
            id: 'mss-translated-out',
            text: 'IPv4 side: room for the longer IPv6 header',
            matches: [from(TUN_LINK), to(...facts.uplinks)],
            verdict: clampMss(translatedMss),
          },
          {
            id: 'mss-translated-in',
            text: 'IPv4 side: room for the longer IPv6 header',
            matches: [from(...facts.uplinks), to(TUN_LINK)],
            verdict: clampMss(translatedMss),
          },
        ]
  const inner = [...new Set([facts.lan, TUN_LINK, ...lan4Links(site)])]
  const clamp: Chain = {
    name: 'mss_syn',
    base: undefined,
    rules: [
      ...uplink,
      {
        id: 'mss-out',
        text: 'MSS to the smallest MTU on the way',
        matches: [from(...inner)],
        verdict: clampMss(undefined),
      },
      {
        id: 'mss-in',
        text: 'MSS to the smallest MTU on the way',
        matches: [to(...inner)],
        verdict: clampMss(undefined),
      },
    ],
  }
  const chain: Chain = {
    name: 'mss',
    base: { type: 'filter', hook: 'forward', prio: PRIORITY.MANGLE, policy: 'accept' },
    rules: [{ id: 'mss-syn', text: 'first segments of TCP flows', matches: [tcpSyn], verdict: jump(clamp.name) }],
  }
  return site.firewall.mssClamp ? [clamp, chain] : []
}

/** NAT44: pool4, and IPv4 LANs, become the address of the uplink. Nothing else is rewritten. */
export const nat = (site: Site, facts: Facts): Chain => ({
  name: 'nat',
  base: { type: 'nat', hook: 'postrouting', prio: PRIORITY.SRCNAT, policy: 'accept' },
  rules:
    facts.uplinks.length === 0
      ? []
      : [
          ...forwardHairpin(site),
          {
            id: 'masquerade',
            text: 'pool4 becomes the uplink address',
            matches: [to(...facts.uplinks), is(ip4.saddr, inside4(site).map(prefix))],
            verdict: masquerade,
          },
          ...lan4Masquerade(site, facts),
        ],
})

/** The last look at a packet, after NAT: inner addresses stay inside, whatever went wrong before. */
export const departures = (site: Site, facts: Facts): Chain => {
  const pool4 = inside4(site).map(prefix)
  const pref64 = site.pref64.map(prefix)
  const locals = lanPrefixes(site)
    .filter((one) => !isGlobal(one))
    .map(prefix)
  const ula: readonly Rule[] =
    locals.length === 0
      ? []
      : [
          {
            id: 'leak-lan-source',
            text: 'LAN prefix is not global and stays inside (RFC 4193 4.3)',
            matches: [is(ip6.saddr, locals)],
            verdict: drop,
          },
        ]
  return {
    name: 'departures',
    base: { type: 'filter', hook: 'postrouting', prio: PRIORITY.LAST, policy: 'accept' },
    rules: [
      { id: 'departures-lo', text: 'the gateway to itself', matches: [to(LOOPBACK)], verdict: accept },
      { id: 'departures-lan', text: 'to the LAN', matches: [to(facts.lan)], verdict: accept },
      { id: 'departures-nat64', text: 'to the translator', matches: [to(TUN_LINK)], verdict: accept },
      {
        id: 'leak-pool4-source',
        text: 'pool4 that was not masqueraded',
        matches: [is(ip4.saddr, pool4)],
        verdict: drop,
      },
      {
        id: 'leak-pool4-destination',
        text: 'to pool4, but not by the translator',
        matches: [is(ip4.daddr, pool4)],
        verdict: drop,
      },
      {
        id: 'leak-pref64-destination',
        text: 'to the NAT64 prefix, but not by the translator',
        matches: [is(ip6.daddr, pref64)],
        verdict: drop,
      },
      {
        id: 'leak-pref64-source',
        text: 'source in the NAT64 prefix, but not to the LAN',
        matches: [is(ip6.saddr, pref64)],
        verdict: drop,
      },
      ...lan4Leaks(site, facts),
      ...ula,
    ],
  }
}
