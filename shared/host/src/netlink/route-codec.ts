/*
 * RTM_NEWROUTE body = rtmsg attributes          rtnetlink(7), linux/rtnetlink.h
 *   RTA_DST octets (absent: length 0), RTA_OIF u32, RTA_GATEWAY octets, RTA_PRIORITY u32 (metric), RTA_TABLE u32,
 *   RTA_VIA family:u16 octets (gateway of the other family), RTA_PREF u8 (RFC 4191 §2.1),
 *   RTA_MULTIPATH *( rtnexthop attributes )    each length counts its header and attributes; gateway or via inside
 */
import { asIp4, asIp6, type Ip4, type Ip6, type Prefix4, type Prefix6, prefix4Of, prefix6Of } from '@sixgate/addr'
import {
  type Attributes,
  align4,
  attribute,
  attributeU32,
  concat,
  decodeAttributes,
  readU8,
  readU32,
  slice,
} from './attributes.ts'
import {
  NLM_F,
  RT_SCOPE,
  RT_TABLE,
  RTA,
  RTM,
  RTM_F_CLONED,
  RTMSG,
  RTN,
  RTNEXTHOP,
  RTNH_F,
  RTPROT,
} from './constants.ts'
import { malformed } from './error.ts'
import { afOf, type Family, familyOf, ipToBytes, readIp4, readIp6 } from './ip-bytes.ts'
import type { Request } from './message.ts'

/** One way out of a route. */
export interface NextHop {
  readonly ifindex: number
  readonly gateway: Ip4 | Ip6 | undefined
  /** Share of the flows, 1..256. */
  readonly weight: number
  /** The kernel does not use it: its link is off. */
  readonly dead: boolean
  /** Its link has no carrier; used all the same unless `ignore_routes_with_linkdown` is set. */
  readonly linkDown: boolean
}

interface RouteFields {
  readonly table: number
  /** RTA_PRIORITY; lower wins. IPv6's own default is 1024, IPv4's 0. */
  readonly metric: number
  /** RTPROT_*: 2 kernel, 3 boot (`ip route add`), 4 static (this product), 9 RA, 16 DHCP. */
  readonly protocol: number
  readonly scope: number
  /** RTN_*: 1 unicast, 2 local, 6 blackhole, 7 unreachable … */
  readonly type: number
  /** RFC 4191 preference, for IPv6: 1 high, 0 medium, 3 low. */
  readonly preference: number
  /** At least one, except for routes that lead nowhere (blackhole, unreachable). Several: multipath. */
  readonly nextHops: readonly NextHop[]
  /** A copy that the kernel keeps for one destination (path MTU). */
  readonly cloned: boolean
}
/** A route. The default route has a `dst` of length 0. */
export type Route =
  | (RouteFields & { readonly family: 4; readonly dst: Prefix4 })
  | (RouteFields & { readonly family: 6; readonly dst: Prefix6 })

/** Reads the body of an RTM_NEWROUTE or RTM_DELROUTE; undefined for other families. Throws `NetlinkError`. */
export const decodeRoute = (body: DataView): Route | undefined => {
  if (body.byteLength < RTMSG.SIZE) throw malformed(`route of ${body.byteLength} octets`)
  const family = familyOf(body.getUint8(RTMSG.FAMILY_U8))
  if (family === undefined) return undefined
  const lenBits = body.getUint8(RTMSG.DST_LEN_U8)
  if (lenBits > (family === 4 ? 32 : 128)) throw malformed(`IPv${family} route of prefix length ${lenBits}`)
  const attributes = decodeAttributes(body, RTMSG.SIZE)
  const flags = body.getUint32(RTMSG.FLAGS_U32, true)
  const fields: RouteFields = {
    table: readU32(attributes.get(RTA.TABLE)) ?? body.getUint8(RTMSG.TABLE_U8),
    metric: readU32(attributes.get(RTA.PRIORITY)) ?? 0,
    protocol: body.getUint8(RTMSG.PROTOCOL_U8),
    scope: body.getUint8(RTMSG.SCOPE_U8),
    type: body.getUint8(RTMSG.TYPE_U8),
    preference: readU8(attributes.get(RTA.PREF)) ?? 0,
    nextHops: nextHops(family, attributes, flags),
    cloned: (flags & RTM_F_CLONED) !== 0,
  }
  const dst = attributes.get(RTA.DST)
  return family === 4
    ? { family, dst: prefix4Of(readIp4(dst) ?? asIp4(0), lenBits), ...fields }
    : { family, dst: prefix6Of(readIp6(dst) ?? asIp6(new Uint8Array(16)), lenBits), ...fields }
}

const nextHops = (family: Family, attributes: Attributes, flags: number): NextHop[] => {
  const multipath = attributes.get(RTA.MULTIPATH)
  if (multipath !== undefined) return decodeMultipath(family, multipath)
  const ifindex = readU32(attributes.get(RTA.OIF))
  return ifindex === undefined ? [] : [nextHop(family, { ifindex, weight: 1, flags }, attributes)]
}

const decodeMultipath = (family: Family, payload: DataView): NextHop[] => {
  const hops: NextHop[] = []
  let at = 0
  while (payload.byteLength - at >= RTNEXTHOP.SIZE) {
    const length = payload.getUint16(at + RTNEXTHOP.LEN_U16, true)
    if (length < RTNEXTHOP.SIZE) throw malformed(`next hop length ${length}, the least is ${RTNEXTHOP.SIZE}`)
    const hop = slice(payload, at, length)
    const head = {
      ifindex: hop.getInt32(RTNEXTHOP.IFINDEX_I32, true),
      weight: hop.getUint8(RTNEXTHOP.HOPS_U8) + 1,
      flags: hop.getUint8(RTNEXTHOP.FLAGS_U8),
    }
    hops.push(nextHop(family, head, decodeAttributes(hop, RTNEXTHOP.SIZE)))
    at += align4(length)
  }
  return hops
}

const nextHop = (
  family: Family,
  { ifindex, weight, flags }: { ifindex: number; weight: number; flags: number },
  attributes: Attributes,
): NextHop => ({
  ifindex,
  gateway:
    (family === 4 ? readIp4(attributes.get(RTA.GATEWAY)) : readIp6(attributes.get(RTA.GATEWAY))) ??
    decodeVia(attributes.get(RTA.VIA)),
  weight,
  dead: (flags & RTNH_F.DEAD) !== 0,
  linkDown: (flags & RTNH_F.LINKDOWN) !== 0,
})

const decodeVia = (payload: DataView | undefined): Ip4 | Ip6 | undefined => {
  if (payload === undefined) return undefined
  if (payload.byteLength < 2) throw malformed(`gateway of ${payload.byteLength} octets`)
  const octets = slice(payload, 2)
  const family = familyOf(payload.getUint16(0, true))
  return family === 4 ? readIp4(octets) : family === 6 ? readIp6(octets) : undefined
}

/** A route to make or to remove. */
export interface RouteSpec {
  readonly dst: Prefix4 | Prefix6
  readonly ifindex: number
  /** Of the family of `dst`. */
  readonly gateway?: Ip4 | Ip6
  /** Lower wins. Left out: the kernel's default (IPv4 0, IPv6 1024) when adding, any when removing. */
  readonly metric?: number
  /** Left out: the main table. */
  readonly table?: number
}

/** Body of a dump request: this family, this table (0: all). */
export const encodeRouteFilter = (family: Family, table: number): Uint8Array => {
  const fixed = new Uint8Array(RTMSG.SIZE)
  fixed[RTMSG.FAMILY_U8] = afOf(family)
  return table === 0 ? fixed : concat([fixed, attributeU32(RTA.TABLE, table)])
}

/** Adds a unicast route; refused with EEXIST when one of the same destination and metric is there. */
export const addRouteRequest = (spec: RouteSpec): Request => ({
  type: RTM.NEWROUTE,
  flags: NLM_F.CREATE | NLM_F.EXCL,
  body: routeBody(spec, { protocol: RTPROT.STATIC, scope: scopeOf(spec), type: RTN.UNICAST }),
})

/** Removes a route. 0 and NOWHERE are wildcards: whatever protocol, scope and type it has. */
export const deleteRouteRequest = (spec: RouteSpec): Request => ({
  type: RTM.DELROUTE,
  flags: 0,
  body: routeBody(spec, { protocol: RTPROT.UNSPEC, scope: RT_SCOPE.NOWHERE, type: RTN.UNSPEC }),
})

/** IPv4 wants "link" for a destination that is reached without gateway; IPv6 has no scopes of routes. */
const scopeOf = ({ dst, gateway }: RouteSpec): number =>
  dst.family === 4 && gateway === undefined ? RT_SCOPE.LINK : RT_SCOPE.UNIVERSE

const routeBody = (
  { dst, gateway, ifindex, metric, table = RT_TABLE.MAIN }: RouteSpec,
  { protocol, scope, type }: { protocol: number; scope: number; type: number },
): Uint8Array => {
  const fixed = new Uint8Array(RTMSG.SIZE)
  fixed[RTMSG.FAMILY_U8] = afOf(dst.family)
  fixed[RTMSG.DST_LEN_U8] = dst.lenBits
  fixed[RTMSG.TABLE_U8] = table > 255 ? RT_TABLE.UNSPEC : table
  fixed[RTMSG.PROTOCOL_U8] = protocol
  fixed[RTMSG.SCOPE_U8] = scope
  fixed[RTMSG.TYPE_U8] = type
  return concat([
    fixed,
    ...(dst.lenBits === 0 ? [] : [attribute(RTA.DST, ipToBytes(dst.addr))]),
    ...(gateway === undefined ? [] : [attribute(RTA.GATEWAY, ipToBytes(gateway))]),
    ...(metric === undefined ? [] : [attributeU32(RTA.PRIORITY, metric)]),
    ...(table > 255 ? [attributeU32(RTA.TABLE, table)] : []),
    attributeU32(RTA.OIF, ifindex),
  ])
}
