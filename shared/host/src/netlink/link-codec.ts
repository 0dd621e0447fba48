/*
 * RTM_NEWLINK body = ifinfomsg attributes          rtnetlink(7), linux/if_link.h
 *   IFLA_ADDRESS octets, IFLA_IFNAME text, IFLA_MTU u32, IFLA_LINK u32 (the lower link), IFLA_MASTER u32,
 *   IFLA_OPERSTATE u8, IFLA_CARRIER u8,
 *   IFLA_LINKINFO { IFLA_INFO_KIND text, IFLA_INFO_DATA { of vlan: IFLA_VLAN_ID u16 } }
 */
import {
  attributeText,
  attributeU16,
  attributeU32,
  attributeU8,
  concat,
  decodeAttributes,
  type EncodedAttribute,
  nested,
  readBytes,
  readText,
  readU16,
  readU32,
  readU8,
} from './attributes.ts'
import { AF } from '../libc.ts'
import {
  IFF,
  IFINFOMSG,
  IFLA,
  IFLA_INET6_ADDR_GEN_MODE,
  IFLA_INFO,
  IFLA_VLAN,
  OPERSTATES,
  RTEXT_FILTER_SKIP_STATS,
} from './constants.ts'
import { malformed } from './error.ts'

/** State of the link as RFC 2863 names it: `up` carries traffic; TUN and loopback devices may say `unknown` while they work. */
export type OperState = (typeof OPERSTATES)[number]

/** A network interface as the kernel shows it. */
export interface Link {
  readonly index: number
  readonly name: string
  /** `vlan`, `veth`, `tun`, `bridge` …; undefined for physical interfaces and loopback. */
  readonly kind: string | undefined
  /** In octets. */
  readonly mtu: number
  /** IFF_UP: switched on by the administrator. */
  readonly up: boolean
  /** IFF_RUNNING: up and with carrier. */
  readonly running: boolean
  readonly carrier: boolean
  readonly operState: OperState
  readonly loopback: boolean
  /** IFF_MULTICAST: carries multicast, which Router Advertisements need. */
  readonly multicast: boolean
  /** Hardware address; undefined for links without one (TUN). */
  readonly address: Uint8Array | undefined
  /** ARPHRD_*: 1 Ethernet, 772 loopback, 65534 none (TUN). */
  readonly type: number
  /** The bridge or bond that this link is a part of. */
  readonly masterIndex: number | undefined
  /** The lower link, e.g. the one that carries a VLAN; of a veth the other end, maybe in another namespace. */
  readonly parentIndex: number | undefined
  /** 802.1q identifier of a VLAN link. */
  readonly vlanId: number | undefined
}

/** Reads the body of an RTM_NEWLINK or RTM_DELLINK. Throws `NetlinkError`. */
export const decodeLink = (body: DataView): Link => {
  if (body.byteLength < IFINFOMSG.SIZE) throw malformed(`link of ${body.byteLength} octets`)
  const flags = body.getUint32(IFINFOMSG.FLAGS_U32, true)
  const attributes = decodeAttributes(body, IFINFOMSG.SIZE)
  const address = readBytes(attributes.get(IFLA.ADDRESS))
  const linkInfo = attributes.get(IFLA.LINKINFO)
  const info = linkInfo && decodeAttributes(linkInfo)
  const kind = readText(info?.get(IFLA_INFO.KIND))
  return {
    index: body.getInt32(IFINFOMSG.INDEX_I32, true),
    name: readText(attributes.get(IFLA.IFNAME)) ?? '',
    kind,
    mtu: readU32(attributes.get(IFLA.MTU)) ?? 0,
    up: (flags & IFF.UP) !== 0,
    running: (flags & IFF.RUNNING) !== 0,
    carrier: readU8(attributes.get(IFLA.CARRIER)) === 1,
    operState: OPERSTATES[readU8(attributes.get(IFLA.OPERSTATE)) ?? 0] ?? 'unknown',
    loopback: (flags & IFF.LOOPBACK) !== 0,
    multicast: (flags & IFF.MULTICAST) !== 0,
    address: address === undefined || address.length === 0 ? undefined : address,
    type: body.getUint16(IFINFOMSG.TYPE_U16, true),
    masterIndex: readU32(attributes.get(IFLA.MASTER)),
    // 0: there is none, as the kernel says it for some tunnels.
    parentIndex: readU32(attributes.get(IFLA.LINK)) || undefined,
    vlanId: kind === 'vlan' ? readVlanId(info?.get(IFLA_INFO.DATA)) : undefined,
  }
}

const readVlanId = (data: DataView | undefined): number | undefined =>
  data === undefined ? undefined : readU16(decodeAttributes(data).get(IFLA_VLAN.ID))

/** The fixed part of a link request: which link (0 = by name or all) and which flags to change. */
export interface LinkHeader {
  readonly index?: number
  readonly flags?: number
  readonly change?: number
}

/** Body of a link request. */
export const encodeLink = (header: LinkHeader, attributes: readonly EncodedAttribute[]): Uint8Array => {
  const fixed = new Uint8Array(IFINFOMSG.SIZE)
  const view = new DataView(fixed.buffer)
  view.setUint8(IFINFOMSG.FAMILY_U8, AF.UNSPEC)
  view.setInt32(IFINFOMSG.INDEX_I32, header.index ?? 0, true)
  view.setUint32(IFINFOMSG.FLAGS_U32, header.flags ?? 0, true)
  view.setUint32(IFINFOMSG.CHANGE_U32, header.change ?? 0, true)
  return concat([fixed, ...attributes])
}

export const linkName = (name: string): EncodedAttribute => attributeText(IFLA.IFNAME, name)
export const linkMtu = (mtu: number): EncodedAttribute => attributeU32(IFLA.MTU, mtu)
/** Leaves the counters out of the answer. */
export const withoutStats = (): EncodedAttribute => attributeU32(IFLA.EXT_MASK, RTEXT_FILTER_SKIP_STATS)

/** Attributes of a new VLAN link: its lower link and its 802.1q identifier. */
export const vlanOn = (parentIndex: number, id: number): EncodedAttribute[] => [
  attributeU32(IFLA.LINK, parentIndex),
  nested(IFLA.LINKINFO, [
    attributeText(IFLA_INFO.KIND, 'vlan'),
    nested(IFLA_INFO.DATA, [attributeU16(IFLA_VLAN.ID, id)]),
  ]),
]

/** How the kernel makes a link's own IPv6 link-local address: from the MAC, not at all, or RFC 7217. */
export const ADDR_GEN_MODES = { eui64: 0, none: 1, 'stable-secret': 2, random: 3 } as const
export type AddrGenMode = keyof typeof ADDR_GEN_MODES

export const linkAddrGenMode = (mode: AddrGenMode): EncodedAttribute =>
  nested(IFLA.AF_SPEC, [nested(AF.INET6, [attributeU8(IFLA_INET6_ADDR_GEN_MODE, ADDR_GEN_MODES[mode])])])
