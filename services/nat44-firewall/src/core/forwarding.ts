/** Which sysctls make the host a router, in which order. Pure: io reads the state and sets what comes out. */

import { linksOf, type Zone } from './zones.ts'

/** One sysctl to set, and those that the kernel changes along with it. */
export interface SysctlStep {
  /** Below /proc/sys/net. */
  readonly path: string
  readonly value: string
  readonly affects: readonly string[]
}

/** What is there now. */
export interface SysctlState {
  /** Names of the directories in `ipv4/conf` and `ipv6/conf`: links, `all` and `default`. */
  readonly conf4: readonly string[]
  readonly conf6: readonly string[]
  /** `ipv6/conf/<link>/accept_ra` by link. */
  readonly acceptRa: ReadonlyMap<string, string>
  /** `ipv4/ip_forward` */
  readonly ipForward: string | undefined
  /** Links with an IPv6 default route that came by a Router Advertisement. */
  readonly routesByRa: readonly string[]
}

export interface ForwardingLinks {
  readonly lan: Zone
  readonly tun: string
  readonly uplinks: readonly string[]
}

export const IP_FORWARD = 'ipv4/ip_forward'
export const IP6_FORWARD = 'ipv6/conf/all/forwarding'

/** Values of accept_ra, Documentation/networking/ip-sysctl.rst: 1 = unless forwarding, 2 = even if forwarding. */
const ACCEPT_RA = { UNLESS_FORWARDING: '1', ALWAYS: '2' } as const
const ON = '1'
const OFF = '0'
const ACCEPT_REDIRECTS = 'ipv4/conf/all/accept_redirects'

/**
 * The steps, in order. Setting what is set already is no step's harm: io skips it.
 *
 * - An uplink that lives by Router Advertisements first: the moment IPv6 forwarding goes on, the kernel forgets the default
 *   routes of links with accept_ra = 1 and takes no further RA there.
 * - `all/forwarding` sets the value of every link. Without it the kernel forwards no IPv6 at all.
 * - `ip_forward` sets every link's `forwarding`. It also sets `all/accept_redirects` to its own opposite, going on and going
 *   off (inet_forward_change): done by hand before, so that its original is on record.
 * - Links of ours that were set to 0 by hand.
 */
export const planForwarding = ({ lan, tun, uplinks }: ForwardingLinks, state: SysctlState): readonly SysctlStep[] => {
  const step = (path: string, value: string, affects: readonly string[] = []): SysctlStep => ({ path, value, affects })
  const byRa = new Set([...uplinks, ...state.routesByRa])
  for (const link of linksOf(lan)) byRa.delete(link)
  byRa.delete(tun)
  return [
    ...[...byRa]
      .filter((name) => state.acceptRa.get(name) === ACCEPT_RA.UNLESS_FORWARDING)
      .map((name) => step(`ipv6/conf/${name}/accept_ra`, ACCEPT_RA.ALWAYS)),
    step(
      IP6_FORWARD,
      ON,
      state.conf6.map((name) => `ipv6/conf/${name}/forwarding`),
    ),
    ...[...linksOf(lan), tun, ...uplinks]
      .filter((name) => state.conf6.includes(name))
      .map((name) => step(`ipv6/conf/${name}/forwarding`, ON)),
    ...(state.ipForward === OFF ? [step(ACCEPT_REDIRECTS, OFF)] : []),
    step(IP_FORWARD, ON, [...state.conf4.map((name) => `ipv4/conf/${name}/forwarding`), ACCEPT_REDIRECTS]),
    ...[tun, ...uplinks]
      .filter((name) => state.conf4.includes(name))
      .map((name) => step(`ipv4/conf/${name}/forwarding`, ON)),
  ]
}
