import { sumBytes } from './checksum.ts'
import type { Frame } from './frame.ts'
import { Verdict } from './verdict.ts'
import { ICMP, ICMPV4 } from './wire/icmp.ts'
import { IPV4 } from './wire/ipv4.ts'
import { PROTOCOL } from './wire/protocol.ts'
import type { Xlate } from './xlate.ts'

const TTL = 64

/**
 * RFC 1812 §4.3.3.6: a router answers pings. Turns the echo request to the translator's own address (`x.outer` was read
 * from the frame) into its reply, in place. ECHO_ANSWERED, or what is wrong with it.
 */
export const answerEcho = (x: Xlate, frame: Frame): Verdict => {
  const { outer } = x
  const { view } = frame
  if (outer.protocol !== PROTOCOL.ICMP || outer.isFragment || outer.upperLenBytes < ICMP.LEN) return Verdict.OWN_ADDRESS
  if (frame.needsCsum || view.getUint16(outer.upper + ICMP.TYPE) !== ICMPV4.ECHO_REQUEST << 8)
    return Verdict.OWN_ADDRESS
  if (sumBytes(view, outer.upper, outer.upperLenBytes) !== 0xffff) return Verdict.BAD_ICMP_CHECKSUM
  const o = outer.start
  const src = view.getInt32(o + IPV4.SRC)
  view.setInt32(o + IPV4.SRC, view.getInt32(o + IPV4.DST))
  view.setInt32(o + IPV4.DST, src)
  view.setUint8(o + IPV4.TTL, TTL)
  view.setUint16(o + IPV4.CHECKSUM, 0)
  view.setUint16(o + IPV4.CHECKSUM, ~sumBytes(view, o, outer.upper - o) & 0xffff)
  view.setUint8(outer.upper + ICMP.TYPE, ICMPV4.ECHO_REPLY)
  // In full: of a message that is all zeros the increment gives 0 where 0xffff is right (RFC 1624 §3).
  view.setUint16(outer.upper + ICMP.CHECKSUM, 0)
  view.setUint16(outer.upper + ICMP.CHECKSUM, ~sumBytes(view, outer.upper, outer.upperLenBytes) & 0xffff)
  frame.reset(o, outer.end - o)
  return Verdict.ECHO_ANSWERED
}
