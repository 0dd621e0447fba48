import type { AddressPair } from './address-map/address-map.ts'
import { difference, fold, sumPseudoTail, updateChecksum } from './checksum.ts'
import type { IpLayout } from './ip-layout.ts'
import { fragmentationNeededToPacketTooBig } from './mtu.ts'
import { pointer4to6 } from './parameter-pointer.ts'
import { sumAddresses6 } from './transport-header.ts'
import { Verdict } from './verdict.ts'
import { ICMP, ICMPV4, ICMPV6, PARAMETER6, UNREACHABLE4, UNREACHABLE6 } from './wire/icmp.ts'
import { IPV4 } from './wire/ipv4.ts'
import { IPV6 } from './wire/ipv6.ts'
import { PROTOCOL } from './wire/protocol.ts'
import type { IcmpHead, XlateSettings } from './xlate.ts'

/** RFC 7915 §4.2: translating ICMPv4 headers into ICMPv6 headers. */

/** RFC 1122 §3.2.2: the ICMPv4 types that carry the packet that they are about. */
export const isIcmpv4Error = (type: number): boolean =>
  type === ICMPV4.UNREACHABLE ||
  type === ICMPV4.TIME_EXCEEDED ||
  type === ICMPV4.PARAMETER_PROBLEM ||
  type === ICMPV4.SOURCE_QUENCH ||
  type === ICMPV4.REDIRECT

/** The ICMPv6 type of an echo message, -1 for other types. */
const echo4to6 = (type: number): number => {
  if (type === ICMPV4.ECHO_REQUEST) return ICMPV6.ECHO_REQUEST
  return type === ICMPV4.ECHO_REPLY ? ICMPV6.ECHO_REPLY : -1
}

/** What becomes of a message that is no error: echo goes on, the others have no counterpart. */
export const judgeIcmpv4Informational = (type: number): Verdict => {
  if (echo4to6(type) >= 0) return Verdict.CONTINUE
  const singleHop = type === ICMPV4.ROUTER_ADVERTISEMENT || type === ICMPV4.ROUTER_SOLICITATION
  return singleHop ? Verdict.ICMP_SINGLE_HOP : Verdict.ICMP_UNKNOWN
}

/** Rewrites an echo message: the type changes, and the checksum gains the pseudo-header over `pair6`. */
export const writeEcho4to6 = (view: DataView, layout: IpLayout, pair: AddressPair): void => {
  const o = layout.upper
  const oldWord = view.getUint16(o + ICMP.TYPE)
  const newWord = (echo4to6(oldWord >>> 8) << 8) | (oldWord & 0xff)
  const pseudo = fold(sumAddresses6(pair.pair6, 0) + sumPseudoTail(layout.upperLenBytes, PROTOCOL.ICMPV6))
  const delta = difference(fold(newWord + pseudo), oldWord)
  view.setUint16(o + ICMP.TYPE, newWord)
  view.setUint16(o + ICMP.CHECKSUM, updateChecksum(view.getUint16(o + ICMP.CHECKSUM), delta))
}

const NO_ROUTE = UNREACHABLE6.NO_ROUTE
const PROHIBITED = UNREACHABLE6.PROHIBITED

/**
 * RFC 7915 §4.2, type 3, by code: the code of ICMPv6 "destination unreachable". -1: silently drop. Codes 2 and 4 become
 * other types.
 */
const UNREACHABLE_4TO6: readonly number[] = (() => {
  const codes: number[] = []
  codes[UNREACHABLE4.NET] = NO_ROUTE
  codes[UNREACHABLE4.HOST] = NO_ROUTE
  codes[UNREACHABLE4.PORT] = UNREACHABLE6.PORT
  codes[UNREACHABLE4.SOURCE_ROUTE_FAILED] = NO_ROUTE
  codes[UNREACHABLE4.NET_UNKNOWN] = NO_ROUTE
  codes[UNREACHABLE4.HOST_UNKNOWN] = NO_ROUTE
  codes[UNREACHABLE4.SOURCE_ISOLATED] = NO_ROUTE
  codes[UNREACHABLE4.NET_PROHIBITED] = PROHIBITED
  codes[UNREACHABLE4.HOST_PROHIBITED] = PROHIBITED
  codes[UNREACHABLE4.NET_TOS] = NO_ROUTE
  codes[UNREACHABLE4.HOST_TOS] = NO_ROUTE
  codes[UNREACHABLE4.PROHIBITED] = PROHIBITED
  codes[UNREACHABLE4.PRECEDENCE_CUTOFF] = PROHIBITED
  return codes
})()

/**
 * The ICMPv6 type, code and last 32 header bits of the ICMPv4 error at `view[o..o+8)`, into `head`. `inner` is the
 * packet that it is about.
 */
export const errorHead4to6 = (
  view: DataView,
  o: number,
  inner: IpLayout,
  settings: XlateSettings,
  head: IcmpHead,
): Verdict => {
  const code = view.getUint8(o + ICMP.CODE)
  head.rest = 0
  head.code = code
  switch (view.getUint8(o + ICMP.TYPE)) {
    case ICMPV4.UNREACHABLE:
      if (code === UNREACHABLE4.PROTOCOL) {
        // "make the Pointer point to the IPv6 Next Header field."
        head.type = ICMPV6.PARAMETER_PROBLEM
        head.code = PARAMETER6.UNKNOWN_NEXT_HEADER
        head.rest = IPV6.NEXT_HEADER
        return Verdict.CONTINUE
      }
      if (code === UNREACHABLE4.FRAGMENTATION_NEEDED) {
        head.type = ICMPV6.PACKET_TOO_BIG
        head.code = 0
        const totalLenBytes = view.getUint16(inner.start + IPV4.TOTAL_LEN)
        head.rest = fragmentationNeededToPacketTooBig(view.getUint16(o + ICMP.MTU4), totalLenBytes, settings)
        return Verdict.CONTINUE
      }
      head.type = ICMPV6.UNREACHABLE
      head.code = UNREACHABLE_4TO6[code] ?? -1
      return head.code < 0 ? Verdict.ICMP_CODE_UNKNOWN : Verdict.CONTINUE
    case ICMPV4.TIME_EXCEEDED:
      head.type = ICMPV6.TIME_EXCEEDED
      return Verdict.CONTINUE
    case ICMPV4.PARAMETER_PROBLEM:
      return parameterProblem4to6(code, view.getUint8(o + ICMP.POINTER4), head)
    case ICMPV4.REDIRECT:
      return Verdict.ICMP_SINGLE_HOP
    default:
      return Verdict.ICMP_UNKNOWN
  }
}

/** RFC 7915 §4.2, type 12: codes 0 and 2 are about a field, code 1 (missing option) is dropped. */
const parameterProblem4to6 = (code: number, pointer: number, head: IcmpHead): Verdict => {
  if (code !== 0 && code !== 2) return Verdict.ICMP_CODE_UNKNOWN
  const translated = pointer4to6(pointer)
  if (translated < 0) return Verdict.ICMP_POINTER_UNKNOWN
  head.type = ICMPV6.PARAMETER_PROBLEM
  head.code = PARAMETER6.ERRONEOUS_FIELD
  head.rest = translated
  return Verdict.CONTINUE
}
