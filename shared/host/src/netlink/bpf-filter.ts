/*
 * A BPF program at the egress or ingress of a link: qdisc "clsact" and one "bpf" filter there (direct action).
 *
 *   RTM_NEWQDISC    tcmsg(handle ffff:0, parent clsact)  TCA_KIND "clsact"
 *   RTM_DELQDISC    the same head
 *   RTM_NEWTFILTER  tcmsg(handle 1, parent clsact's egress or ingress, info = preference << 16 | protocol in network order)
 *                   TCA_KIND "bpf"  TCA_OPTIONS { TCA_BPF_FD u32  TCA_BPF_NAME text  TCA_BPF_FLAGS u32 }
 *   RTM_GETTFILTER  the same head; answer with TCA_OPTIONS { TCA_BPF_ID u32  TCA_BPF_NAME text … }
 *
 * Unlike a tcx link, the filter outlives the process that put it there.
 */
import { AF } from '../libc.ts'
import { attributeText, attributeU32, concat, decodeAttributes, nested, readText, readU32 } from './attributes.ts'
import { NLM_F } from './constants.ts'
import { unlessCode } from './links.ts'
import type { Request } from './message.ts'
import { withNetlink } from './socket.ts'

/** rtnetlink message types (linux/rtnetlink.h). */
const RTM_TC = { NEWQDISC: 36, DELQDISC: 37, NEWTFILTER: 44, DELTFILTER: 45, GETTFILTER: 46 } as const
/** struct tcmsg: family u8, 3 octets of padding, ifindex i32, handle, parent, info (u32 each). */
const TCMSG = { FAMILY_U8: 0, IFINDEX_I32: 4, HANDLE_U32: 8, PARENT_U32: 12, INFO_U32: 16, SIZE: 20 } as const
const TCA = { KIND: 1, OPTIONS: 2 } as const
const TCA_BPF = { FD: 6, NAME: 7, FLAGS: 8, ID: 11 } as const
const TCA_BPF_FLAG_ACT_DIRECT = 1
const TC_H_CLSACT = 0xfffffff1
const CLSACT_HANDLE = 0xffff0000
/** Parents of filters. */
const CLSACT_HOOKS = { ingress: 0xfffffff2, egress: 0xfffffff3 } as const
const ETH_P_ALL_BE = 0x0300
const FILTER_HANDLE = 1

/** Where a filter stands: of several at one hook of a link the one with the lowest preference is asked first. */
export interface BpfFilterPlace {
  readonly ifindex: number
  readonly hook: keyof typeof CLSACT_HOOKS
  readonly preference: number
}

/** A filter as the kernel has it. */
export interface BpfFilter {
  readonly programId: number | undefined
  readonly name: string | undefined
}

const head = (ifindex: number, handle: number, parent: number, info: number): Uint8Array => {
  const bytes = new Uint8Array(TCMSG.SIZE)
  const view = new DataView(bytes.buffer)
  view.setUint8(TCMSG.FAMILY_U8, AF.UNSPEC)
  view.setInt32(TCMSG.IFINDEX_I32, ifindex, true)
  view.setUint32(TCMSG.HANDLE_U32, handle, true)
  view.setUint32(TCMSG.PARENT_U32, parent, true)
  view.setUint32(TCMSG.INFO_U32, info, true)
  return bytes
}

const filterHead = ({ ifindex, hook, preference }: BpfFilterPlace): Uint8Array =>
  head(ifindex, FILTER_HANDLE, CLSACT_HOOKS[hook], ((preference << 16) | ETH_P_ALL_BE) >>> 0)

const addClsact = (ifindex: number): Request => ({
  type: RTM_TC.NEWQDISC,
  flags: NLM_F.CREATE | NLM_F.EXCL,
  body: concat([head(ifindex, CLSACT_HANDLE, TC_H_CLSACT, 0), attributeText(TCA.KIND, 'clsact')]),
})

/** Makes the qdisc that filters of a link need; false when it is there. Throws `NetlinkError`. */
export const createClsact = (ifindex: number): boolean =>
  unlessCode(['EEXIST'], false, () => {
    withNetlink((socket) => socket.request(addClsact(ifindex), `add clsact to link ${ifindex}`))
    return true
  })

/** Removes that qdisc unless filters stand there; false when some do, or it is not there. Throws `NetlinkError`. */
export const deleteEmptyClsact = (ifindex: number): boolean =>
  unlessCode(['ENOENT', 'EINVAL', 'ENODEV'], false, () => {
    const attempt = `remove clsact from link ${ifindex}`
    return withNetlink((socket) => {
      for (const parent of Object.values(CLSACT_HOOKS))
        if (socket.dump(RTM_TC.GETTFILTER, head(ifindex, 0, parent, 0), attempt).length > 0) return false
      socket.request({ type: RTM_TC.DELQDISC, flags: 0, body: head(ifindex, CLSACT_HANDLE, TC_H_CLSACT, 0) }, attempt)
      return true
    })
  })

/**
 * Puts the program `fd` at a hook of a link, in the place of the one that stands there: the exchange is atomic, no
 * packet goes by in between. `name` is what `tc filter show` prints. Throws `NetlinkError`.
 */
export const replaceBpfFilter = (place: BpfFilterPlace, fd: number, name: string): void => {
  const where = `${place.hook} of link ${place.ifindex}`
  createClsact(place.ifindex)
  const options = [
    attributeU32(TCA_BPF.FD, fd),
    attributeText(TCA_BPF.NAME, name),
    attributeU32(TCA_BPF.FLAGS, TCA_BPF_FLAG_ACT_DIRECT),
  ]
  const body = concat([filterHead(place), attributeText(TCA.KIND, 'bpf'), nested(TCA.OPTIONS, options)])
  const request: Request = { type: RTM_TC.NEWTFILTER, flags: NLM_F.CREATE, body }
  withNetlink((socket) => socket.request(request, `put BPF program ${name} at the ${where}`))
}

/** The filter at a place; `undefined`: none, or no such link. Throws `NetlinkError`. */
export const bpfFilter = (place: BpfFilterPlace): BpfFilter | undefined =>
  unlessCode(['ENOENT', 'EINVAL', 'ENODEV'], undefined, () => {
    const request: Request = {
      type: RTM_TC.GETTFILTER,
      flags: 0,
      body: concat([filterHead(place), attributeText(TCA.KIND, 'bpf')]),
    }
    const [answer] = withNetlink((socket) => socket.request(request, `look up the filter of link ${place.ifindex}`))
    const options = answer === undefined ? undefined : decodeAttributes(answer.body, TCMSG.SIZE).get(TCA.OPTIONS)
    if (options === undefined) return undefined
    const attributes = decodeAttributes(options)
    return { programId: readU32(attributes.get(TCA_BPF.ID)), name: readText(attributes.get(TCA_BPF.NAME)) }
  })

/** Removes the filter at a place; false when there was none. The qdisc stays. Throws `NetlinkError`. */
export const deleteBpfFilter = (place: BpfFilterPlace): boolean =>
  unlessCode(['ENOENT', 'EINVAL', 'ENODEV'], false, () => {
    const request: Request = {
      type: RTM_TC.DELTFILTER,
      flags: 0,
      body: concat([filterHead(place), attributeText(TCA.KIND, 'bpf')]),
    }
    withNetlink((socket) => socket.request(request, `remove the filter of link ${place.ifindex}`))
    return true
  })
