import { difference, fold, sumBytes, sumPseudoTail, updateChecksum } from './checksum.ts'
import type { IpLayout } from './ip-layout.ts'
import { packetTooBigToFragmentationNeeded } from './mtu.ts'
import { pointer6to4 } from './parameter-pointer.ts'
import { sumAddresses6 } from './transport-header.ts'
import { Verdict } from './verdict.ts'
import { ICMP, ICMPV4, ICMPV6, PARAMETER6, UNREACHABLE4, UNREACHABLE6 } from './wire/icmp.ts'
import { PROTOCOL } from './wire/protocol.ts'
import type { IcmpHead, XlateSettings } from './xlate.ts'

/** RFC 7915 §5.2: translating ICMPv6 headers into ICMPv4 headers. */

/** RFC 4443 §2.1: types below 128 are errors. */
export const isIcmpv6Error = (type: number): boolean => type < ICMPV6.FIRST_INFORMATIONAL

/** The ICMPv4 type of an echo message, -1 for other types. */
const echo6to4 = (type: number): number => {
  if (type === ICMPV6.ECHO_REQUEST) return ICMPV4.ECHO_REQUEST
  return type === ICMPV6.ECHO_REPLY ? ICMPV4.ECHO_REPLY : -1
}

/** What becomes of an informational message: echo goes on, single-hop messages and unknown ones do not. */
export const judgeIcmpv6Informational = (type: number): Verdict => {
  if (echo6to4(type) >= 0) return Verdict.CONTINUE
  // MLD (130–132, 143), ND (133–137): "single-hop message. Silently drop."
  const singleHop = (type >= ICMPV6.MLD_QUERY && type <= ICMPV6.REDIRECT) || type === ICMPV6.MLDV2_REPORT
  return singleHop ? Verdict.ICMP_SINGLE_HOP : Verdict.ICMP_UNKNOWN
}

/**
 * Rewrites an echo message: the type changes, and the checksum loses the pseudo-header, whose addresses stand at
 * `view[addresses..addresses+32)`.
 */
export const writeEcho6to4 = (view: DataView, layout: IpLayout, addresses: number): void => {
  const o = layout.upper
  const oldWord = view.getUint16(o + ICMP.TYPE)
  const newWord = (echo6to4(oldWord >>> 8) << 8) | (oldWord & 0xff)
  const pseudo = fold(sumAddresses6(view, addresses) + sumPseudoTail(layout.upperLenBytes, PROTOCOL.ICMPV6))
  const delta = difference(newWord, fold(oldWord + pseudo))
  const checksum = updateChecksum(view.getUint16(o + ICMP.CHECKSUM), delta)
  view.setUint16(o + ICMP.TYPE, newWord)
  view.setUint16(o + ICMP.CHECKSUM, checksum)
  // RFC 1624 §3: the increment cannot tell a sum of nothing but zeros, where only 0xffff is right, from one that wraps.
  if (checksum === 0 && newWord === 0 && sumBytes(view, o, layout.end - o) === 0)
    view.setUint16(o + ICMP.CHECKSUM, 0xffff)
}

/** RFC 7915 §5.2, type 1: by code. -1: silently drop. */
const UNREACHABLE_6TO4: readonly number[] = (() => {
  const codes: number[] = []
  codes[UNREACHABLE6.NO_ROUTE] = UNREACHABLE4.HOST
  codes[UNREACHABLE6.PROHIBITED] = UNREACHABLE4.HOST_PROHIBITED
  codes[UNREACHABLE6.BEYOND_SCOPE] = UNREACHABLE4.HOST
  codes[UNREACHABLE6.ADDRESS] = UNREACHABLE4.HOST
  codes[UNREACHABLE6.PORT] = UNREACHABLE4.PORT
  return codes
})()

/**
 * The ICMPv4 type, code and last 32 header bits of the ICMPv6 error at `view[o..o+8)`, into `head`. `inner` is the
 * packet that it is about.
 */
export const errorHead6to4 = (
  view: DataView,
  o: number,
  inner: IpLayout,
  settings: XlateSettings,
  head: IcmpHead,
): Verdict => {
  const code = view.getUint8(o + ICMP.CODE)
  const rest = view.getUint32(o + ICMP.REST)
  head.rest = 0
  head.code = code
  switch (view.getUint8(o + ICMP.TYPE)) {
    case ICMPV6.UNREACHABLE: {
      head.type = ICMPV4.UNREACHABLE
      head.code = UNREACHABLE_6TO4[code] ?? -1
      return head.code < 0 ? Verdict.ICMP_CODE_UNKNOWN : Verdict.CONTINUE
    }
    case ICMPV6.PACKET_TOO_BIG:
      head.type = ICMPV4.UNREACHABLE
      head.code = UNREACHABLE4.FRAGMENTATION_NEEDED
      head.rest = packetTooBigToFragmentationNeeded(rest, inner.isFragment, settings)
      return Verdict.CONTINUE
    case ICMPV6.TIME_EXCEEDED:
      head.type = ICMPV4.TIME_EXCEEDED
      return Verdict.CONTINUE
    case ICMPV6.PARAMETER_PROBLEM:
      return parameterProblem6to4(code, rest, head)
    default:
      return Verdict.ICMP_UNKNOWN
  }
}

/** RFC 7915 §5.2, type 4. */
const parameterProblem6to4 = (code: number, pointer: number, head: IcmpHead): Verdict => {
  if (code === PARAMETER6.UNKNOWN_NEXT_HEADER) {
    head.type = ICMPV4.UNREACHABLE
    head.code = UNREACHABLE4.PROTOCOL
    return Verdict.CONTINUE
  }
  if (code !== PARAMETER6.ERRONEOUS_FIELD) return Verdict.ICMP_CODE_UNKNOWN
  const translated = pointer6to4(pointer)
  if (translated < 0) return Verdict.ICMP_POINTER_UNKNOWN
  head.type = ICMPV4.PARAMETER_PROBLEM
  head.code = 0
  head.rest = translated << 24
  return Verdict.CONTINUE
}
