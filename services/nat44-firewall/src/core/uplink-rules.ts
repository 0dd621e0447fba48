import type { Site } from '@sixgate/site'
import { nativeRules } from './native-rules.ts'
import { accept, ctDnat, ctOriginalPort, drop, ip4, is, jump, l4proto, type Rule, rejectProhibited } from './nft.ts'
import { forwardLeg4, WAN_ACCEPT } from './port-forwards.ts'
import { NEVER4, NOT_GLOBAL4 } from './special-prefixes.ts'
import { type Facts, from, inside4, notTo, prefix, TUN_LINK, to } from './zones.ts'

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
export const uplinkRules = (site: Site, facts: Facts): readonly Rule[] => [
  ...translatedRefusals(site, facts),
  {
    id: 'nat64-to-wan',
    text: 'translated, to the IPv4 world',
    matches: [from(TUN_LINK), to(...facts.uplinks), is(ip4.saddr, inside4(site).map(prefix))],
    verdict: accept,
  },
  ...nativeRules(site, facts),
  ...forwardLeg4(site, facts),
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
      verdict: jump(WAN_ACCEPT),
    }),
  ),
  {
    id: 'wan-forward-refused',
    text: 'from the uplink, not asked for (RFC 6092 3.2, RFC 4787 REQ-8)',
    matches: [from(...facts.uplinks)],
    verdict: drop,
  },
]
