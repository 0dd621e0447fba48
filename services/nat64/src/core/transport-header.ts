import type { AddressPair } from './address-map/address-map.ts'
import { difference, fold, sum32, sumBytes, sumPseudoTail, updateChecksum } from './checksum.ts'
import type { Frame } from './frame.ts'
import type { IpLayout } from './ip-layout.ts'
import { Verdict } from './verdict.ts'
import { ICMP } from './wire/icmp.ts'
import { DCCP, PROTOCOL, TCP, UDP } from './wire/protocol.ts'
import { GSO } from './wire/virtio-net.ts'

/**
 * RFC 7915 §4.5 and §5.5: transport-layer header translation. The checksums of TCP, UDP, UDP-Lite and DCCP cover the
 * addresses; other transports (SCTP, ESP, GRE, …) are carried as they are, as §4.1 "Next Header" demands.
 */

/** Offset of the checksum that covers the addresses, -1 for transports without one. */
const checksumOffset = (protocol: number): number => {
  switch (protocol) {
    case PROTOCOL.TCP:
      return TCP.CHECKSUM
    case PROTOCOL.UDP:
    case PROTOCOL.UDP_LITE:
      return UDP.CHECKSUM
    case PROTOCOL.DCCP:
      return DCCP.CHECKSUM
    default:
      return -1
  }
}

/** Sum of two IPv4 addresses, and of two IPv6 addresses that stand together at `view[o..o+32)`. */
export const sumAddresses4 = (pair: AddressPair): number => fold(sum32(pair.src4) + sum32(pair.dst4))
export const sumAddresses6 = (view: DataView, o: number): number => sumBytes(view, o, 32)

/** What a checksum over the addresses changes by when they go from IPv6 (at `view[o..o+32)`) to IPv4. */
export const addressDelta6to4 = (view: DataView, o: number, pair: AddressPair): number =>
  difference(sumAddresses4(pair), sumAddresses6(view, o))

/** What a checksum over the addresses changes by when they go from IPv4 to IPv6. */
export const addressDelta4to6 = (pair: AddressPair): number =>
  difference(sumAddresses6(pair.pair6, 0), sumAddresses4(pair))

/** The transport header of a packet that is no later fragment must reach behind its checksum. */
export const checkTransport = (layout: IpLayout): Verdict => {
  const field = checksumOffset(layout.protocol)
  if (field < 0 || layout.fragOff8 !== 0) return Verdict.CONTINUE
  return layout.upper + field + 2 > layout.end ? Verdict.TRANSPORT_TRUNCATED : Verdict.CONTINUE
}

/**
 * The offload header must speak of the upper-layer header that was found: its checksum field, and TCP or
 * UDP segments in a packet that is no fragment. `gsoTcp` is the TCP type of the packet's family.
 */
export const checkOffload = (frame: Frame, layout: IpLayout, gsoTcp: number): Verdict => {
  if (frame.needsCsum) {
    const isIcmp = layout.protocol === PROTOCOL.ICMP || layout.protocol === PROTOCOL.ICMPV6
    const fits =
      frame.csumStart === layout.upper - layout.start &&
      frame.csumOffset === (isIcmp ? ICMP.CHECKSUM : checksumOffset(layout.protocol)) &&
      !layout.isFragment
    if (!fits) return Verdict.BAD_OFFLOAD
  }
  if (frame.gsoType === GSO.NONE) return Verdict.CONTINUE
  const protocol = frame.gsoType === gsoTcp ? PROTOCOL.TCP : frame.gsoType === GSO.UDP_L4 ? PROTOCOL.UDP : -1
  return frame.needsCsum && layout.protocol === protocol ? Verdict.CONTINUE : Verdict.BAD_OFFLOAD
}

/** Bytes of transport header and payload in one packet on the wire: a segment, when the frame is a super-packet. */
export const wireUpperLenBytes = (frame: Frame, layout: IpLayout): number => {
  if (frame.gsoType === GSO.NONE) return layout.upperLenBytes
  return Math.min(layout.upperLenBytes, transportHeaderLenBytes(frame.view, layout) + frame.gsoSize)
}

/** Number of packets that a frame becomes on the wire. */
export const wirePackets = (frame: Frame, layout: IpLayout): number =>
  frame.gsoType === GSO.NONE ? 1 : Math.ceil(layout.upperLenBytes / frame.gsoSize)

/** TCP or UDP header length. */
export const transportHeaderLenBytes = (view: DataView, layout: IpLayout): number =>
  layout.protocol === PROTOCOL.TCP ? (view.getUint8(layout.upper + TCP.DATA_OFFSET) >>> 4) * 4 : UDP.LEN

/**
 * Adds `delta` (of the addresses) to the transport checksum, whole or partial (`needsCsum`: the field holds a sum, the
 * payload is not touched). Does nothing for later fragments, for transports without such a checksum, and for UDP
 * without checksum; also for a header that is cut, as happens inside ICMP errors.
 */
export const updateTransport = (view: DataView, layout: IpLayout, delta: number, needsCsum: boolean): void => {
  const offset = checksumOffset(layout.protocol)
  if (offset < 0 || layout.fragOff8 !== 0) return
  const field = layout.upper + offset
  if (field + 2 > layout.end) return
  const old = view.getUint16(field)
  if (needsCsum) {
    view.setUint16(field, fold(old + delta))
    return
  }
  const isUdp = layout.protocol === PROTOCOL.UDP
  if (isUdp && old === 0) return
  const updated = updateChecksum(old, delta)
  // RFC 768: a computed zero is sent as all ones.
  view.setUint16(field, isUdp && updated === 0 ? 0xffff : updated)
}

/** Finishes a partial checksum in software: where a packet will be cut, nobody else can. */
export const completeChecksum = (frame: Frame, layout: IpLayout): void => {
  if (!frame.needsCsum) return
  const { view } = frame
  const start = frame.o + frame.csumStart
  const checksum = ~sumBytes(view, start, layout.end - start) & 0xffff
  view.setUint16(start + frame.csumOffset, checksum === 0 && layout.protocol === PROTOCOL.UDP ? 0xffff : checksum)
  frame.needsCsum = false
}

/** True when the packet is UDP, begins here and says that it has no checksum. */
export const isUdpWithoutChecksum = (frame: Frame, layout: IpLayout): boolean =>
  layout.protocol === PROTOCOL.UDP &&
  layout.fragOff8 === 0 &&
  !frame.needsCsum &&
  frame.view.getUint16(layout.upper + UDP.CHECKSUM) === 0

/** Computes the checksum of the whole UDP datagram of `udpLenBytes` at `view[o..]` over the addresses of `pair6`. */
export const fillUdpChecksum = (view: DataView, o: number, udpLenBytes: number, pair: AddressPair): void => {
  view.setUint16(o + UDP.CHECKSUM, 0)
  const pseudo = fold(sumAddresses6(pair.pair6, 0) + sumPseudoTail(udpLenBytes, PROTOCOL.UDP))
  const checksum = ~sumBytes(view, o, udpLenBytes, pseudo) & 0xffff
  view.setUint16(o + UDP.CHECKSUM, checksum === 0 ? 0xffff : checksum)
}
