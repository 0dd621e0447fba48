import { equalIp6, formatPrefix, type Ip4, type Ip6 } from '@sixgate/addr'
import { RT_TABLE, RTM, RTN } from './constants.ts'
import { NetlinkError } from './error.ts'
import { type Family, formatIp } from './ip-bytes.ts'
import { link, unlessCode } from './links.ts'
import {
  addRouteRequest,
  decodeRoute,
  deleteRouteRequest,
  encodeRouteFilter,
  type NextHop,
  type Route,
  type RouteSpec,
} from './route-codec.ts'
import { withNetlink } from './socket.ts'

/** The routes of a family; of the main table unless `table` says another one (0: all tables). Throws `NetlinkError`. */
export const routes = ({ family, table = RT_TABLE.MAIN }: { family: Family; table?: number }): Route[] =>
  // ENOENT: there is no such table (yet), so it has no routes.
  unlessCode(['ENOENT'], [], () =>
    withNetlink((socket) => socket.dump(RTM.GETROUTE, encodeRouteFilter(family, table), `list IPv${family} routes`)),
  )
    .filter((message) => message.type === RTM.NEWROUTE)
    .map((message) => decodeRoute(message.body))
    .filter((route) => route !== undefined)
    .filter((route) => route.family === family && !route.cloned && (table === 0 || route.table === table))

const describe = (spec: RouteSpec): string => {
  const via = spec.gateway === undefined ? '' : ` via ${formatIp(spec.gateway)}`
  return `${formatPrefix(spec.dst)}${via} on ${link(spec.ifindex)?.name ?? `interface ${spec.ifindex}`}`
}

const sameIp = (a: Ip4 | Ip6 | undefined, b: Ip4 | Ip6 | undefined): boolean =>
  a instanceof Uint8Array && b instanceof Uint8Array ? equalIp6(a, b) : a === b

const isRoute = (route: Route, spec: RouteSpec): boolean =>
  route.type === RTN.UNICAST &&
  route.nextHops.length === 1 &&
  route.nextHops.every((hop) => hop.ifindex === spec.ifindex && sameIp(hop.gateway, spec.gateway))

/**
 * Adds a unicast route. Returns false when exactly this one is there already. Throws `NetlinkError`: EEXIST when another
 * route has the same destination and metric (the message names its interface), ENETDOWN when the link is off, ENODEV
 * when it is gone, ENETUNREACH when the gateway is on no link.
 */
export const addRoute = (spec: RouteSpec): boolean => {
  const attempt = `add route ${describe(spec)}`
  try {
    withNetlink((socket) => socket.request(addRouteRequest(spec), attempt))
    return true
  } catch (error) {
    if (!(error instanceof NetlinkError) || error.code !== 'EEXIST') throw error
    // The kernel compares destination and metric only: it may be another's route that stands in the way.
    const rivals = rivalsOf(spec)
    if (rivals.some((route) => isRoute(route, spec))) return false
    const names = rivals.flatMap((route) => route.nextHops.map((hop) => link(hop.ifindex)?.name ?? hop.ifindex))
    const where = names.length === 0 ? 'it leads nowhere' : `it leads to ${[...new Set(names)].join(', ')}`
    throw new NetlinkError('EEXIST', `${attempt}: there is another route of that prefix and metric: ${where}`, error)
  }
}

/** The kernel's metric for an IPv6 route that names none (IP6_RT_PRIO_USER). */
const DEFAULT_METRIC6 = 1024

const rivalsOf = (spec: RouteSpec): Route[] => {
  const metric = spec.metric || (spec.dst.family === 4 ? 0 : DEFAULT_METRIC6)
  return routes({ family: spec.dst.family, ...(spec.table === undefined ? {} : { table: spec.table }) }).filter(
    (route) => formatPrefix(route.dst) === formatPrefix(spec.dst) && route.metric === metric,
  )
}

/** Removes a route. Returns false when it is not there. Throws `NetlinkError`. */
export const deleteRoute = (spec: RouteSpec): boolean =>
  unlessCode(['ESRCH', 'ENODEV'], false, () => {
    const attempt = `remove route ${describe(spec)}`
    withNetlink((socket) => socket.request(deleteRouteRequest(spec), attempt))
    return true
  })

/** Where packets to everywhere else go. */
export interface DefaultRoute {
  readonly ifindex: number
  readonly gateway: Ip4 | Ip6 | undefined
  readonly metric: number
}

/**
 * The default route that the kernel uses: of the main table, lowest metric first, then (IPv6) the RFC 4191 preference;
 * of several next hops the one with the greatest weight. Next hops whose link is off do not count. Undefined when there
 * is none. Throws `NetlinkError`.
 */
export const defaultRoute = (family: Family): DefaultRoute | undefined => pickDefault(routes({ family }))

// RFC 4191 §2.1: the two bits are a signed number: 01 high, 00 medium, 11 low; 10 is reserved and read as medium.
const preferenceRank = (preference: number): number => ({ 1: 0, 3: 2 })[preference] ?? 1

const heaviest = (hops: readonly NextHop[]): NextHop | undefined => hops.toSorted((a, b) => b.weight - a.weight)[0]

/** `defaultRoute` as a pure choice from a table. */
export const pickDefault = (table: readonly Route[]): DefaultRoute | undefined => {
  const usable = table
    .filter((route) => route.dst.lenBits === 0 && route.type === RTN.UNICAST)
    .map((route) => ({ route, hop: heaviest(route.nextHops.filter((hop) => !hop.dead)) }))
    .toSorted(
      (a, b) =>
        a.route.metric - b.route.metric || preferenceRank(a.route.preference) - preferenceRank(b.route.preference),
    )
  for (const { route, hop } of usable)
    if (hop !== undefined) return { ifindex: hop.ifindex, gateway: hop.gateway, metric: route.metric }
  return undefined
}
