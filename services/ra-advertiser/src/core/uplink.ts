/** A link, as far as an uplink has to be one. */
export interface UplinkLink {
  readonly index: number
  readonly name: string
  readonly running: boolean
}

/** A default route, as far as an uplink has to have one. */
export interface UplinkRoute {
  readonly dst: { readonly lenBits: number }
  /** RTN_UNICAST, RTN_BLACKHOLE … */
  readonly type: number
  readonly nextHops: readonly { readonly ifindex: number; readonly dead: boolean }[]
}

const RTN_UNICAST = 1

/**
 * Whether there is a way to the internet: a default route, IPv4 or IPv6, over a link that has carrier, is no LAN, and is
 * `wan` unless that is auto. What lies behind the first router is not looked at.
 */
export const hasUplink = (
  wan: string,
  lanNames: readonly string[],
  links: readonly UplinkLink[],
  routes: readonly UplinkRoute[],
): boolean => {
  const usable = new Set(
    links
      .filter(({ name, running }) => running && !lanNames.includes(name) && (wan === 'auto' || wan === name))
      .map(({ index }) => index),
  )
  return routes.some(
    ({ dst, type, nextHops }) =>
      dst.lenBits === 0 && type === RTN_UNICAST && nextHops.some(({ ifindex, dead }) => !dead && usable.has(ifindex)),
  )
}
