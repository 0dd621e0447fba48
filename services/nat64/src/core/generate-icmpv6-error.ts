import { isIllegalSource6 } from './address-map/policy.ts'
import { sumBytes, sumPseudoTail } from './checksum.ts'
import { type Frame, HEADROOM } from './frame.ts'
import { isIcmpv6Error } from './icmpv6-to-icmpv4.ts'
import { sumAddresses6 } from './transport-header.ts'
import { Verdict } from './verdict.ts'
import { ICMP, ICMPV6, PARAMETER6, UNREACHABLE6 } from './wire/icmp.ts'
import { IPV6, IPV6_MIN_MTU } from './wire/ipv6.ts'
import { PROTOCOL } from './wire/protocol.ts'
import type { Xlate } from './xlate.ts'

/** RFC 7915 §5.4: generation of ICMPv6 error messages, for IPv6 packets that are not translated. */

const HOP_LIMIT = 64

/**
 * Type and code of the error that a verdict calls for; the others are dropped without a word. RFC 7915 §5.4: type 1, code
 * 1 "unless otherwise specified".
 */
const ERROR_FOR: Readonly<Partial<Record<Verdict, readonly [type: number, code: number]>>> = {
  [Verdict.HOP_LIMIT_EXCEEDED]: [ICMPV6.TIME_EXCEEDED, 0],
  [Verdict.SEGMENTS_LEFT]: [ICMPV6.PARAMETER_PROBLEM, PARAMETER6.ERRONEOUS_FIELD],
  [Verdict.POOL_EXHAUSTED]: [ICMPV6.UNREACHABLE, UNREACHABLE6.ADDRESS],
  [Verdict.NOT_IN_PREF64]: [ICMPV6.UNREACHABLE, UNREACHABLE6.NO_ROUTE],
  [Verdict.DESTINATION_FORBIDDEN]: [ICMPV6.UNREACHABLE, UNREACHABLE6.PROHIBITED],
  [Verdict.DESTINATION_PRIVATE]: [ICMPV6.UNREACHABLE, UNREACHABLE6.PROHIBITED],
  [Verdict.SOURCE_NOT_ALLOWED]: [ICMPV6.UNREACHABLE, UNREACHABLE6.PROHIBITED],
}

/** RFC 4443 §2.4(e): never about an ICMPv6 error, nor about multicast, nor to a source that is no single node. */
const mayAnswer = (x: Xlate, view: DataView): boolean => {
  const { outer } = x
  if (isIllegalSource6(view, outer.start + IPV6.SRC)) return false
  if (view.getUint8(outer.start + IPV6.DST) === 0xff) return false
  if (outer.protocol !== PROTOCOL.ICMPV6 || outer.fragOff8 !== 0) return true
  if (outer.upper >= outer.end) return false
  const type = view.getUint8(outer.upper + ICMP.TYPE)
  return !isIcmpv6Error(type) && type !== ICMPV6.REDIRECT
}

/**
 * Makes the ICMPv6 error that `verdict` calls for about the packet in `frame` (`x.outer` was read from it), in `x.reply`.
 * As much of the packet as fits in 1280 bytes is quoted (RFC 4443 §2.4(c)). False: none is called for or allowed.
 */
export const makeIcmpv6Error = (x: Xlate, frame: Frame, verdict: Verdict): boolean => {
  const { outer, reply } = x
  const error = ERROR_FOR[verdict]
  if (error === undefined || !mayAnswer(x, frame.view)) return false
  if (!x.errors6.take(x.clock.nowMs)) return false
  const quotedBytes = Math.min(frame.len, IPV6_MIN_MTU - IPV6.LEN - ICMP.LEN)
  const lenBytes = ICMP.LEN + quotedBytes
  const o = HEADROOM
  const at = o + IPV6.LEN
  const { view, bytes } = reply
  bytes.set(frame.bytes.subarray(frame.o, frame.o + quotedBytes), at + ICMP.LEN)
  view.setUint32(o, 6 << 28)
  view.setUint16(o + IPV6.PAYLOAD_LEN, lenBytes)
  view.setUint8(o + IPV6.NEXT_HEADER, PROTOCOL.ICMPV6)
  view.setUint8(o + IPV6.HOP_LIMIT, HOP_LIMIT)
  bytes.set(x.map.config.own6, o + IPV6.SRC)
  for (let i = 0; i < 16; i += 4) view.setInt32(o + IPV6.DST + i, frame.view.getInt32(outer.start + IPV6.SRC + i))
  view.setUint32(at, (error[0] << 24) | (error[1] << 16))
  // RFC 7915 §5.1: the pointer of a routing header with segments left; unused in the others.
  view.setUint32(at + ICMP.REST, verdict === Verdict.SEGMENTS_LEFT ? outer.offendingOctet : 0)
  const pseudo = sumAddresses6(view, o + IPV6.SRC) + sumPseudoTail(lenBytes, PROTOCOL.ICMPV6)
  view.setUint16(at + ICMP.CHECKSUM, ~sumBytes(view, at, lenBytes, pseudo) & 0xffff)
  reply.reset(o, IPV6.LEN + lenBytes)
  return true
}
