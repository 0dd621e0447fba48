import type { Prefix6 } from '@sixgate/addr'
import type { Site } from './schema.ts'

/** The link that carries a LAN: `eth0`, or `eth0.2` with a VLAN. */
export const lanLinkName = ({ lan }: { readonly lan: Pick<Site['lan'], 'interface' | 'vlan'> }): string =>
  lan.vlan === undefined ? lan.interface : `${lan.interface}.${lan.vlan}`

/**
 * The site as each of its LANs sees it, `lan` first: `lan` and `ra` are that LAN's, all else is the same. What is written
 * for one LAN serves many.
 */
export const lanViews = (site: Site): readonly Site[] => [
  site,
  ...site.lans.map(({ ra, ...lan }): Site => ({ ...site, lan, ra })),
]

/** The prefixes of all LANs. */
export const lanPrefixes = ({ lan, lans }: Pick<Site, 'lan' | 'lans'>): readonly Prefix6[] =>
  [lan, ...lans].map(({ prefix }) => prefix)

/** The names of the links of all LANs. */
export const lanLinkNames = ({ lan, lans }: Pick<Site, 'lan' | 'lans'>): readonly string[] =>
  [lan, ...lans].map((one) => lanLinkName({ lan: one }))
