import type { Site } from '@sixgate/site'
import { forward } from './chain-forward.ts'
import { input } from './chain-input.ts'
import { departures, mss, nat } from './chain-nat.ts'
import { arrivals, lanSources } from './chain-source.ts'
import type { Ruleset } from './nft.ts'
import type { Facts } from './zones.ts'

/** The whole table `inet sixgate` for a document on a machine. Pure: the same input gives the same rules. */
export const buildRuleset = (site: Site, facts: Facts): Ruleset => ({
  chains: [
    lanSources(site),
    ...arrivals(site, facts),
    input(site, facts),
    ...mss(site, facts),
    forward(site, facts),
    nat(site, facts),
    departures(site, facts),
  ],
})
