import { withInterfaceId } from '@sixgate/addr'
import { SiteError } from './error.ts'
import type { Site } from './schema.ts'

type Lan = Pick<Site['lan'], 'interface' | 'prefix' | 'router' | 'vlan'>

/**
 * The site as the gateway of this name has it: router addresses, router preference and ports are its own, all else is the
 * same. A name that is not in `gateways` (undefined too) has the document as it is.
 */
export const gatewayView = (site: Site, name: string | undefined): Site => {
  const own = site.gateways.find((gateway) => gateway.name === name)
  if (own === undefined) return site
  const lanOf = <T extends Lan>(lan: T): T => ({
    ...lan,
    interface: lan.interface === site.lan.interface ? (own.interface ?? lan.interface) : lan.interface,
    router: withInterfaceId(lan.prefix, own.router),
  })
  const raOf = (ra: Site['ra']): Site['ra'] => ({ ...ra, preference: own.preference ?? ra.preference })
  return Object.freeze({
    ...site,
    lan: lanOf(site.lan),
    lans: site.lans.map((lan) => ({ ...lanOf(lan), ra: raOf(lan.ra) })),
    ra: raOf(site.ra),
    wan: { ...site.wan, interface: own.wan ?? site.wan.interface },
  })
}

/**
 * The same, for a machine that acts on it: throws SiteError when the machine has a name that is not in the document, or none
 * where the document has gateways. Two machines that took it as it is would have one address.
 */
export const requireGateway = (site: Site, name: string | undefined): Site => {
  const names = site.gateways.map((gateway) => gateway.name)
  const isKnown = name === undefined ? names.length === 0 : names.includes(name)
  if (isKnown) return gatewayView(site, name)
  const known = names.length === 0 ? 'no gateways' : `the gateways ${names.join(', ')}`
  const message =
    name === undefined
      ? `has ${known}, and this machine has no name: set SIXGATE_GATEWAY to one of them`
      : `has ${known}, and this machine is "${name}" (SIXGATE_GATEWAY): add it, with a router address of its own`
  throw new SiteError('conflict', [{ path: ['gateways'], message }])
}
