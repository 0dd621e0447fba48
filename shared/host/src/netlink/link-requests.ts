/*
 * RTM_NEWLINK, RTM_SETLINK, RTM_DELLINK and RTM_GETLINK bodies = ifinfomsg attributes, as in link-codec.ts.
 * ifinfomsg: index 0 = the link that IFLA_IFNAME names; of flags only the bits set in change count.
 *   IFLA_EXT_MASK u32 (what to leave out of answers)
 *   IFLA_AF_SPEC { AF_INET6 { IFLA_INET6_ADDR_GEN_MODE u8 } }
 */
import { AF } from '../libc.ts'
import {
  attribute,
  attributeText,
  attributeU8,
  attributeU16,
  attributeU32,
  concat,
  type EncodedAttribute,
  nested,
} from './attributes.ts'
import {
  IFF,
  IFINFOMSG,
  IFLA,
  IFLA_INET6_ADDR_GEN_MODE,
  IFLA_INFO,
  IFLA_VLAN,
  NLM_F,
  RTEXT_FILTER_SKIP_STATS,
  RTM,
} from './constants.ts'
import type { Request } from './message.ts'

interface LinkHeader {
  readonly index?: number
  readonly flags?: number
  readonly change?: number
}

const body = (header: LinkHeader, attributes: readonly EncodedAttribute[] = []): Uint8Array => {
  const fixed = new Uint8Array(IFINFOMSG.SIZE)
  const view = new DataView(fixed.buffer)
  view.setUint8(IFINFOMSG.FAMILY_U8, AF.UNSPEC)
  view.setInt32(IFINFOMSG.INDEX_I32, header.index ?? 0, true)
  view.setUint32(IFINFOMSG.FLAGS_U32, header.flags ?? 0, true)
  view.setUint32(IFINFOMSG.CHANGE_U32, header.change ?? 0, true)
  return concat([fixed, ...attributes])
}

const withoutStats = (): EncodedAttribute => attributeU32(IFLA.EXT_MASK, RTEXT_FILTER_SKIP_STATS)

/** Body of the dump of all links. */
export const linkFilter = (): Uint8Array => body({}, [withoutStats()])

/** Asks for one link, by name or index. */
export const getLinkRequest = (which: string | number): Request => ({
  type: RTM.GETLINK,
  flags: 0,
  body:
    typeof which === 'string'
      ? body({}, [withoutStats(), attributeText(IFLA.IFNAME, which)])
      : body({ index: which }, [withoutStats()]),
})

/** Creates a VLAN link; refused with EEXIST when the name is taken. */
export const createVlanRequest = (parentIndex: number, id: number, name: string): Request => ({
  type: RTM.NEWLINK,
  flags: NLM_F.CREATE | NLM_F.EXCL,
  body: body({}, [
    attributeU32(IFLA.LINK, parentIndex),
    attributeText(IFLA.IFNAME, name),
    nested(IFLA.LINKINFO, [
      attribute(IFLA_INFO.KIND, Buffer.from('vlan')),
      nested(IFLA_INFO.DATA, [attributeU16(IFLA_VLAN.ID, id)]),
    ]),
  ]),
})

/** Removes a link. */
export const deleteLinkRequest = (index: number): Request => ({ type: RTM.DELLINK, flags: 0, body: body({ index }) })

/** Switches a link on or off. */
export const linkUpRequest = (index: number, up: boolean): Request => ({
  type: RTM.NEWLINK,
  flags: 0,
  body: body({ index, flags: up ? IFF.UP : 0, change: IFF.UP }),
})

/** Sets a link's MTU. */
export const linkMtuRequest = (index: number, mtu: number): Request => ({
  type: RTM.NEWLINK,
  flags: 0,
  body: body({ index }, [attributeU32(IFLA.MTU, mtu)]),
})

/** How the kernel makes a link's own IPv6 link-local address: from the MAC, not at all, or RFC 7217. */
export const ADDR_GEN_MODES = { eui64: 0, none: 1, 'stable-secret': 2, random: 3 } as const
export type AddrGenMode = keyof typeof ADDR_GEN_MODES

/** Sets a link's address generation mode. */
export const addrGenModeRequest = (index: number, mode: AddrGenMode): Request => ({
  type: RTM.NEWLINK,
  flags: 0,
  body: body({ index }, [
    nested(IFLA.AF_SPEC, [nested(AF.INET6, [attributeU8(IFLA_INET6_ADDR_GEN_MODE, ADDR_GEN_MODES[mode])])]),
  ]),
})
