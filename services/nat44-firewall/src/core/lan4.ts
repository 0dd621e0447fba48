import type { Prefix4 } from '@sixgate/addr'
import type { Site } from '@sixgate/site'
import { accept, drop, ip4, is, isNot, masquerade, nfproto, type Rule } from './nft.ts'
import { type Facts, from, lan4Links, prefix, to } from './zones.ts'

/** Prefixes of the IPv4 LANs on one link. */
export const lan4Of = (site: Site, link: string): readonly Prefix4[] =>
  site.firewall.lan4.filter((lan) => lan.interface === link).map((lan) => lan.prefix)

const all4 = (site: Site): readonly Prefix4[] => site.firewall.lan4.map((lan) => lan.prefix)

/** IPv4 LANs → uplink, each with its own addresses only. On the LAN's own link `lan_sources` has looked at them. */
export const lan4ToWan = (site: Site, facts: Facts): readonly Rule[] =>
  lan4Links(site).flatMap((link, index) => [
    {
      id: `lan4-spoof-${index + 1}`,
      text: 'IPv4 LAN, source is not in its prefix',
      matches: [from(link), is(nfproto, ['ipv4']), isNot(ip4.saddr, lan4Of(site, link).map(prefix))],
      verdict: drop,
    },
    ...(facts.uplinks.length === 0
      ? []
      : [
          {
            id: `lan4-to-wan-${index + 1}`,
            text: 'IPv4 LAN to the IPv4 world',
            matches: [from(link), to(...facts.uplinks), is(nfproto, ['ipv4'])],
            verdict: accept,
          },
        ]),
  ])

export const lan4Masquerade = (site: Site, facts: Facts): readonly Rule[] =>
  site.firewall.lan4.length === 0 || facts.uplinks.length === 0
    ? []
    : [
        {
          id: 'masquerade-lan4',
          text: 'IPv4 LANs become the uplink address',
          matches: [to(...facts.uplinks), is(ip4.saddr, all4(site).map(prefix))],
          verdict: masquerade,
        },
      ]

export const lan4Leaks = (site: Site, facts: Facts): readonly Rule[] =>
  site.firewall.lan4.length === 0 || facts.uplinks.length === 0
    ? []
    : [
        {
          id: 'leak-lan4-source',
          text: 'IPv4 LAN that was not masqueraded',
          matches: [to(...facts.uplinks), is(ip4.saddr, all4(site).map(prefix))],
          verdict: drop,
        },
      ]
