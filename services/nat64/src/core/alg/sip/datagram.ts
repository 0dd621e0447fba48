import type { Frame } from '../../frame.ts'
import { Verdict } from '../../verdict.ts'
import { IPV6, IPV6_MIN_MTU } from '../../wire/ipv6.ts'
import { UDP } from '../../wire/protocol.ts'
import { GSO } from '../../wire/virtio-net.ts'
import type { Xlate } from '../../xlate.ts'
import type { Direction } from '../flow.ts'
import { type AlgReport, AlgTally, count } from '../tally.ts'
import { hasSoundChecksum, leaveChecksum, replaceTail } from '../transport-payload.ts'
import type { LiteralSwap } from './literals.ts'
import { toBytes, toText } from '../octet-text.ts'
import { swapMessage } from './message.ts'

/**
 * SIP over UDP: one message a datagram (RFC 3261 §18.3). Nothing is kept between two. CONTINUE: translate what is in the
 * frame now; else it is dropped.
 */
export const swapDatagram = (
  x: Xlate,
  frame: Frame,
  direction: Direction,
  swap: LiteralSwap,
  report: AlgReport,
): Verdict => {
  const { outer } = x
  const { view } = frame
  const lenBytes = view.getUint16(outer.upper + UDP.LENGTH)
  if (frame.gsoType !== GSO.NONE || lenBytes < UDP.LEN || lenBytes > outer.upperLenBytes) return Verdict.CONTINUE
  const hasChecksum = frame.needsCsum || view.getUint16(outer.upper + UDP.CHECKSUM) !== 0
  if (hasChecksum && !hasSoundChecksum(frame, outer, direction)) return Verdict.ALG_BAD_CHECKSUM
  const payload = frame.bytes.subarray(outer.upper + UDP.LEN, outer.upper + lenBytes)
  // RFC 5626 §3.5.2, §4.4.1 and others: STUN and blanks keep mappings alive.
  const [first = 0] = payload
  if (first < 0x21 || first > 0x7e) return Verdict.CONTINUE
  const text = toText(payload)
  const swapped = swapMessage(text, swap)
  count(report, swapped === undefined ? AlgTally.SIP_UNREADABLE : AlgTally.SIP_MESSAGES)
  if (swapped === undefined || swapped === text) return Verdict.CONTINUE
  if (!replaceTail(frame, outer, outer.upper + UDP.LEN, toBytes(swapped))) return Verdict.ALG_FULL
  view.setUint16(outer.upper + UDP.LENGTH, outer.upperLenBytes)
  leaveChecksum(frame, outer, direction, UDP.CHECKSUM)
  frame.hdrLen = outer.upper + UDP.LEN - outer.start
  // It became longer than its sender can know: nobody could tell the sender what fits.
  if (direction === 'down' && outer.upperLenBytes > IPV6_MIN_MTU - IPV6.LEN && swapped.length > text.length)
    outer.dontFragment = false
  return Verdict.CONTINUE
}
