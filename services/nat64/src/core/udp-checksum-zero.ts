import type { AddressPair } from './address-map/address-map.ts'
import type { Frame } from './frame.ts'
import type { IpLayout } from './ip-layout.ts'
import { fillUdpChecksum, isUdpWithoutChecksum } from './transport-header.ts'
import { Verdict } from './verdict.ts'
import { UDP } from './wire/protocol.ts'
import type { UdpChecksumZero } from './xlate.ts'

/** RFC 7915 §4.5: IPv4 UDP without checksum; IPv6 wants one (RFC 8200 §8.1), tunnels excepted (RFC 6935). */

/** What becomes of a UDP packet whose checksum is 0; the transport header was checked. */
export const judgeUdpChecksumZero = (frame: Frame, layout: IpLayout, policy: UdpChecksumZero): Verdict => {
  if (policy === 'forward' || !isUdpWithoutChecksum(frame, layout)) return Verdict.CONTINUE
  // "first fragment … SHOULD drop": the other fragments would be needed to compute one.
  if (layout.isFragment) return Verdict.UDP_CHECKSUM_ZERO_FRAGMENT
  if (policy === 'drop') return Verdict.UDP_CHECKSUM_ZERO
  const udpLenBytes = frame.view.getUint16(layout.upper + UDP.LENGTH)
  return udpLenBytes < UDP.LEN || udpLenBytes > layout.upperLenBytes ? Verdict.BAD_LENGTH : Verdict.CONTINUE
}

/** Computes the missing checksum where the policy says so; to be called after `judgeUdpChecksumZero`. */
export const computeUdpChecksumZero = (
  frame: Frame,
  layout: IpLayout,
  policy: UdpChecksumZero,
  pair: AddressPair,
): boolean => {
  if (policy !== 'compute' || !isUdpWithoutChecksum(frame, layout)) return false
  fillUdpChecksum(frame.view, layout.upper, frame.view.getUint16(layout.upper + UDP.LENGTH), pair)
  return true
}
