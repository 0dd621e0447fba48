import type { Site } from '@sixgate/site'
import {
  accept,
  type Chain,
  ctConfirmed,
  drop,
  eachMoreThan,
  ip6,
  leave,
  moreThan,
  type Rule,
  type Statement,
  tcpSyn,
} from './nft.ts'
import { WAN_ACCEPT } from './port-forwards.ts'
import { type Facts, from } from './zones.ts'

/** So many times the rate of one second may come at once. */
const BURST = 2

/** A flow stays new until it is answered: one that goes one way only (RTP, syslog) is new to conntrack for ever. */
const MORE_OF_NEW = 'further packets of a flow that has no answer yet'

const floods = (site: Site, { uplinks }: Facts): readonly Rule[] => {
  const { synFromWanPerSecond: syn, newFromWanPerSecond: any } = site.firewall.limits
  const more: Rule = { id: 'wan-accepted-more', text: MORE_OF_NEW, matches: [ctConfirmed], verdict: accept }
  if (uplinks.length === 0) return [more]
  const flood = (id: string, what: string, rate: number, ...matches: readonly Statement[]): readonly Rule[] =>
    rate === 0
      ? []
      : [
          {
            id,
            text: `firewall.limits: ${what} from the uplink beyond ${rate}/s`,
            matches: [from(...uplinks), ...matches, moreThan(rate, BURST * rate)],
            verdict: drop,
          },
        ]
  return [...flood('wan-syn-flood', 'TCP flows', syn, tcpSyn), more, ...flood('wan-new-flood', 'flows', any)]
}

/**
 * Jumped to by flows from the uplink that are let in, so that floods of what is refused anyway use up nobody's share. What is too
 * much is dropped without an answer, and TCP tries again.
 */
export const wanAccept = (site: Site, facts: Facts): Chain => ({
  name: WAN_ACCEPT,
  base: undefined,
  rules: [
    ...floods(site, facts),
    { id: 'wan-accepted', text: 'new flows that are let in', matches: [], verdict: accept },
  ],
})

/** For the chain that new flows of the LAN pass: one host with a worm must not use up what the kernel can follow. */
export const hostLimit = (site: Site): readonly Rule[] => {
  const { newPerHostPerSecond: rate } = site.firewall.limits
  if (rate === 0) return []
  return [
    { id: 'lan-new-more', text: MORE_OF_NEW, matches: [ctConfirmed], verdict: leave },
    {
      id: 'lan-new-flood',
      text: `firewall.limits: flows of one LAN host beyond ${rate}/s`,
      matches: [eachMoreThan('lan_new', ip6.saddr, rate, BURST * rate)],
      verdict: drop,
    },
  ]
}
