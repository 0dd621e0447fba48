import { type Ip6, withInterfaceId } from '@sixgate/addr'
import type { Site } from '@sixgate/site'

/** Link-local addresses that the other gateways of the site advertise from, by the name of the gateway. */
export type Twins = ReadonlyMap<string, readonly Ip6[]>

/**
 * Routers that belong on a LAN (a view of the site of gateway `own`): those of the document, and the other gateways.
 * undefined: nobody is a stranger, because the document names none, or because a gateway of the document has not said yet
 * which its addresses are.
 */
export const knownRouters = (
  { ra, gateways }: Pick<Site, 'gateways'> & { readonly ra: Pick<Site['ra'], 'knownRouters'> },
  own: string | undefined,
  twins: Twins,
): readonly Ip6[] | undefined => {
  const others = gateways.filter(({ name }) => name !== own)
  if (ra.knownRouters === undefined || !others.every(({ name }) => twins.has(name))) return undefined
  return [...ra.knownRouters, ...others.flatMap(({ name }) => twins.get(name) ?? [])]
}

/** Another gateway of the site, and its address on one LAN. */
export interface Twin {
  readonly name: string
  readonly router: Ip6
}

/** The other gateways on a LAN (a view of the site of gateway `own`), as far as their silence is anybody's business. */
export const twinsOf = ({ lan, ra, gateways }: Site, own: string | undefined): readonly Twin[] =>
  !ra.health.gateways
    ? []
    : gateways
        .filter(({ name }) => name !== own)
        .map(({ name, router }) => ({ name, router: withInterfaceId(lan.prefix, router) }))
