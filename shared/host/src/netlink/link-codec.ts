/*
 * RTM_NEWLINK body = ifinfomsg attributes          rtnetlink(7), linux/if_link.h
 *   IFLA_ADDRESS octets, IFLA_IFNAME text, IFLA_MTU u32, IFLA_LINK u32 (the lower link), IFLA_MASTER u32,
 *   IFLA_OPERSTATE u8, IFLA_CARRIER u8,
 *   IFLA_LINKINFO { IFLA_INFO_KIND text, IFLA_INFO_DATA { of vlan: IFLA_VLAN_ID u16 } }
 */
import { decodeAttributes, readBytes, readText, readU8, readU16, readU32 } from './attributes.ts'
import { IFF, IFINFOMSG, IFLA, IFLA_INFO, IFLA_VLAN, OPERSTATES } from './constants.ts'
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

/** Whether a link is the one that carries VLAN `id` of link `parentIndex`. */
export const isVlanOf = (link: Link, parentIndex: number, id: number): boolean =>
  link.kind === 'vlan' && link.vlanId === id && link.parentIndex === parentIndex
