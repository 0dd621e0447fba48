import { fold, sumBytes, sumPseudoTail } from '../checksum.ts'
import type { Frame } from '../frame.ts'
import type { IpLayout } from '../ip-layout.ts'
import { IPV4, IPV4_MAX_LEN } from '../wire/ipv4.ts'
import { IPV6, IPV6_MIN_MTU } from '../wire/ipv6.ts'
import { PROTOCOL, TCP, UDP } from '../wire/protocol.ts'
import { GSO } from '../wire/virtio-net.ts'
import type { Direction } from './flow.ts'

/** Payload of a TCP segment that every link carries in either family, before TCP options. */
const SAFE_SEGMENT_BYTES = IPV6_MIN_MTU - IPV6.LEN - TCP.LEN

/** What the transport checksum covers, in bytes from the upper layer's start: UDP says itself how long it is (RFC 768). */
const coveredBytes = (view: DataView, { upper, upperLenBytes, protocol }: IpLayout): number =>
  protocol === PROTOCOL.UDP ? view.getUint16(upper + UDP.LENGTH) : upperLenBytes

/** Sum of the pseudo-header that the transport checksum of a packet before its translation covers. */
const pseudoSum = (view: DataView, layout: IpLayout, direction: Direction): number => {
  const addresses =
    direction === 'up' ? sumBytes(view, layout.start + IPV6.SRC, 32) : sumBytes(view, layout.start + IPV4.SRC, 8)
  return fold(addresses + sumPseudoTail(coveredBytes(view, layout), layout.protocol))
}

/** What is not whole must not be understood: nobody's checksum covers what is made of it. */
export const hasSoundChecksum = (frame: Frame, layout: IpLayout, direction: Direction): boolean =>
  frame.needsCsum ||
  sumBytes(frame.view, layout.upper, coveredBytes(frame.view, layout), pseudoSum(frame.view, layout, direction)) ===
    0xffff

/** Leaves the checksum of a packet that was changed to the device: the field at `offset` of the upper layer gets its sum. */
export const leaveChecksum = (frame: Frame, layout: IpLayout, direction: Direction, offset: number): void => {
  frame.needsCsum = true
  frame.csumStart = layout.upper - layout.start
  frame.csumOffset = offset
  frame.view.setUint16(layout.upper + offset, pseudoSum(frame.view, layout, direction))
}

/**
 * Puts `bytes` in the place of what stands from offset `at` to the end of the packet; lengths follow. False: there is no
 * room, and nothing happened.
 */
export const replaceTail = (frame: Frame, layout: IpLayout, at: number, bytes: Uint8Array): boolean => {
  const end = at + bytes.length
  if (end > frame.bytes.length || end - layout.upper > IPV4_MAX_LEN - IPV4.LEN) return false
  frame.bytes.set(bytes, at)
  layout.end = end
  layout.upperLenBytes = end - layout.upper
  frame.len = end - layout.start
  return true
}

/**
 * RFC 6384 §5: "the ability to break up packets into smaller packets after translation": a TCP payload at `payload` that
 * became longer than a segment is cut by the device. `wasBytes`: its length before.
 */
export const fitSegments = (
  frame: Frame,
  layout: IpLayout,
  direction: Direction,
  payload: number,
  wasBytes: number,
): void => {
  const lenBytes = layout.end - payload
  const safeBytes = SAFE_SEGMENT_BYTES - (payload - layout.upper - TCP.LEN)
  const sizeBytes = frame.gsoType === GSO.NONE ? safeBytes : frame.gsoSize
  frame.hdrLen = payload - layout.start
  if (lenBytes <= sizeBytes || (frame.gsoType === GSO.NONE && lenBytes <= wasBytes)) {
    frame.gsoType = GSO.NONE
    frame.gsoSize = 0
    frame.gsoEcn = 0
    return
  }
  frame.gsoType = direction === 'up' ? GSO.TCPV6 : GSO.TCPV4
  frame.gsoSize = sizeBytes
}
