import type { Site } from '@sixgate/site'
import { linksOf, TUN_LINK, type Zone } from './zones.ts'

/** What the machine says about its ways out. */
export interface UplinkState {
  /** Names of all links. */
  readonly links: readonly string[]
  /** Links with a default route: IPv4 ones first, the one in use before the others. */
  readonly defaultRoutes4: readonly string[]
  readonly defaultRoutes6: readonly string[]
  /** The uplinks that were known last; kept over restarts. */
  readonly remembered: readonly string[]
}

export interface Uplinks {
  readonly names: readonly string[]
  readonly problem: UplinkProblem | undefined
}

/** `link`: the LAN that the default route leads to. */
export type UplinkProblem =
  | { readonly code: 'wan-missing'; readonly message: string }
  | { readonly code: 'wan-is-lan'; readonly message: string; readonly link: string }

/**
 * Which links lead to the outside. `auto`: every link with a default route, so that a second uplink, or a tunnel that
 * carries IPv6, is held as closed as the first. While there is none, the last known ones stay: a gateway that loses its
 * lease must not open up.
 */
export const findUplinks = (site: Site, lan: Zone, state: UplinkState): Uplinks => {
  const lans = linksOf(lan)
  const name = site.wan.interface
  if (name !== 'auto') {
    const there = state.links.filter((link) => link !== 'lo' && !lans.includes(link) && link !== TUN_LINK)
    const missing = `wan.interface: there is no link "${name}" (there are: ${there.join(', ') || 'none'}): connect it, or name the right one in the site document`
    return {
      names: [name],
      problem: state.links.includes(name) ? undefined : { code: 'wan-missing', message: missing },
    }
  }
  const candidates = [...state.defaultRoutes4, ...state.defaultRoutes6]
  const names = [...new Set(candidates)].filter((link) => !lans.includes(link) && link !== TUN_LINK)
  if (state.defaultRoutes4.some((link) => names.includes(link))) return { names, problem: undefined }
  const wrong = lans.find((link) => state.defaultRoutes4.includes(link))
  if (wrong !== undefined) {
    const message = `wan.interface auto: the IPv4 default route leads to "${wrong}", which is ${lans.length === 1 ? 'the' : 'a'} LAN: remove that route, or name another link in wan.interface`
    return {
      names: names.length === 0 ? state.remembered : names,
      problem: { code: 'wan-is-lan', message, link: wrong },
    }
  }
  const kept = names.length === 0 ? state.remembered : names
  const meanwhile = kept.length === 0 ? 'nothing is masqueraded until then' : `${kept.join(', ')} is held as the uplink`
  const message = `wan.interface auto: this host has no IPv4 default route (${meanwhile}): check the cable and DHCP of the uplink ("ip -4 route" shows the routes), or name the link in wan.interface`
  return { names: kept, problem: { code: 'wan-missing', message } }
}
