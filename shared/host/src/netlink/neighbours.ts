/*
 * RTM_NEWNEIGH body = ndmsg attributes             rtnetlink(7), linux/neighbour.h
 *   ndmsg: family u8, pad u8, pad u16, ifindex i32, state u16, flags u8, type u8
 *   NDA_DST octets, NDA_LLADDR octets, NDA_CACHEINFO { confirmed used updated: u32 clock ticks ago, references u32 }
 */
import type { Ip6 } from '@sixgate/addr'
import { decodeAttributes, readBytes } from './attributes.ts'
import { NDA, NDA_CACHEINFO, NDMSG, NTF, NUD, RTM, USER_HZ } from './constants.ts'
import { malformed } from './error.ts'
import { afOf, readIp6 } from './ip-bytes.ts'
import { unlessCode } from './links.ts'
import { withNetlink } from './socket.ts'

/** How sure the kernel is of a neighbour (RFC 4861 §7.3.2). */
export type NeighbourState = 'reachable' | 'stale' | 'delay' | 'probe' | 'incomplete' | 'failed' | 'permanent' | 'other'

/** An entry of the neighbour table (NDP). */
export interface Neighbour6 {
  readonly ifindex: number
  readonly ip: Ip6
  /** Link-layer address; undefined while it is not known. */
  readonly mac: Uint8Array | undefined
  readonly state: NeighbourState
  /** It said that it is a router (RFC 4861 §4.4, R flag). */
  readonly isRouter: boolean
  /** Since the neighbour was last known to be there; undefined: the kernel does not say. */
  readonly confirmedMsAgo: number | undefined
}

const STATES: ReadonlyMap<number, NeighbourState> = new Map([
  [NUD.INCOMPLETE, 'incomplete'],
  [NUD.REACHABLE, 'reachable'],
  [NUD.STALE, 'stale'],
  [NUD.DELAY, 'delay'],
  [NUD.PROBE, 'probe'],
  [NUD.FAILED, 'failed'],
  [NUD.PERMANENT, 'permanent'],
])

/** Reads the body of an RTM_NEWNEIGH; undefined for entries that are no IPv6 neighbours. Throws `NetlinkError`. */
export const decodeNeighbour = (body: DataView): Neighbour6 | undefined => {
  if (body.byteLength < NDMSG.SIZE) throw malformed(`neighbour of ${body.byteLength} octets`)
  if (body.getUint8(NDMSG.FAMILY_U8) !== afOf(6)) return undefined
  const attributes = decodeAttributes(body, NDMSG.SIZE)
  const ip = readIp6(attributes.get(NDA.DST))
  if (ip === undefined) return undefined
  const cache = attributes.get(NDA.CACHEINFO)
  if (cache !== undefined && cache.byteLength < NDA_CACHEINFO.SIZE)
    throw malformed(`neighbour times of ${cache.byteLength} octets`)
  const confirmed = cache?.getUint32(NDA_CACHEINFO.CONFIRMED_U32, true)
  return {
    ifindex: body.getInt32(NDMSG.INDEX_I32, true),
    ip,
    mac: readBytes(attributes.get(NDA.LLADDR)),
    state: STATES.get(body.getUint16(NDMSG.STATE_U16, true)) ?? 'other',
    isRouter: (body.getUint8(NDMSG.FLAGS_U8) & NTF.ROUTER) !== 0,
    confirmedMsAgo: confirmed === undefined ? undefined : (confirmed * 1000) / USER_HZ,
  }
}

/** The IPv6 neighbours that the kernel knows on one interface; multicast groups are left out. Throws `NetlinkError`. */
export const neighbours6 = (ifindex: number): Neighbour6[] => {
  const filter = new Uint8Array(NDMSG.SIZE)
  filter[NDMSG.FAMILY_U8] = afOf(6)
  return unlessCode(['ENODEV'], [], () =>
    withNetlink((socket) => socket.dump(RTM.GETNEIGH, filter, 'list IPv6 neighbours')),
  )
    .filter((message) => message.type === RTM.NEWNEIGH)
    .map((message) => decodeNeighbour(message.body))
    .filter((neighbour) => neighbour !== undefined)
    .filter((neighbour) => neighbour.ifindex === ifindex && neighbour.ip[0] !== 0xff)
}
