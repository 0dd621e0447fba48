import { sumBytes, sumPseudoTail } from './checksum.ts'
import type { Frame } from './frame.ts'
import { originalDatagramEnd, placeExtension } from './icmp-extension.ts'
import { errorHead6to4, isIcmpv6Error, judgeIcmpv6Informational, writeEcho6to4 } from './icmpv6-to-icmpv4.ts'
import { fragmentWord, wholePacketWord, writeIpv4Header } from './ipv6-to-ipv4-header.ts'
import { readIpv6 } from './read-ipv6.ts'
import { addressDelta6to4, sumAddresses6, updateTransport } from './transport-header.ts'
import { Verdict } from './verdict.ts'
import { ICMP, ICMPV4, ICMPV6, UNREACHABLE4 } from './wire/icmp.ts'
import { IPV4, IPV4_MAX_LEN } from './wire/ipv4.ts'
import { IPV6 } from './wire/ipv6.ts'
import { PROTOCOL } from './wire/protocol.ts'
import type { Xlate } from './xlate.ts'

/** RFC 7915 §5.3: translating ICMPv6 error messages into ICMPv4. */

/** RFC 4884 §4.4, §4.5: the ICMPv6 types with a length field. */
const hasLength6 = (type: number): boolean => type === ICMPV6.UNREACHABLE || type === ICMPV6.TIME_EXCEEDED

const CHECKED = { wordBytes: 4, maxBytes: IPV4_MAX_LEN - IPV4.LEN - ICMP.LEN } as const

/** Decides about the ICMPv6 error under way (`x.outer`): reads its inner packet and fills `x.inner`, `x.innerPair`, `x.icmp`. */
export const judgeIcmpv6Error = (x: Xlate, view: DataView): Verdict => {
  const { outer, inner } = x
  const icmp = outer.upper
  const pseudo = sumAddresses6(view, outer.start + IPV6.SRC) + sumPseudoTail(outer.upperLenBytes, PROTOCOL.ICMPV6)
  // The new checksum is computed over all of the message: a damaged one must not become valid.
  if (sumBytes(view, icmp, outer.upperLenBytes, pseudo) !== 0xffff) return Verdict.BAD_ICMP_CHECKSUM
  const read = readIpv6(view, icmp + ICMP.LEN, datagramEnd(view, x), inner, 'inner')
  if (read !== Verdict.CONTINUE) return read === Verdict.INNER_TRUNCATED ? read : Verdict.INNER_UNTRANSLATABLE
  if (IPV4.LEN + inner.upperLenBytes > IPV4_MAX_LEN) return Verdict.INNER_UNTRANSLATABLE
  const nested = judgeInnerIcmp(x, view)
  if (nested !== Verdict.CONTINUE) return nested
  const head = errorHead6to4(view, icmp, inner, x.settings, x.icmp)
  return head === Verdict.CONTINUE ? x.map.innerPairTo4(view, inner.start, x.innerPair) : head
}

const datagramEnd = (view: DataView, x: Xlate): number => {
  const icmp = x.outer.upper
  const lengthField = hasLength6(view.getUint8(icmp + ICMP.TYPE)) ? view.getUint8(icmp + ICMP.LENGTH6) : 0
  return originalDatagramEnd(icmp + ICMP.LEN, x.outer.end, lengthField, 8)
}

/** "If … the packet in error contains another ICMP error …": translation stops there (RFC 7915 §5.3). */
const judgeInnerIcmp = (x: Xlate, view: DataView): Verdict => {
  const { inner } = x
  if (inner.protocol === PROTOCOL.ICMP) return Verdict.INNER_UNTRANSLATABLE
  if (inner.protocol !== PROTOCOL.ICMPV6 || inner.fragOff8 !== 0) return Verdict.CONTINUE
  if (inner.upper + ICMP.REST > inner.end) return Verdict.INNER_TRUNCATED
  const type = view.getUint8(inner.upper + ICMP.TYPE)
  if (isIcmpv6Error(type)) return Verdict.INNER_NESTED_ERROR
  return judgeIcmpv6Informational(type) === Verdict.CONTINUE ? Verdict.CONTINUE : Verdict.INNER_UNTRANSLATABLE
}

/**
 * Rewrites the error that `judgeIcmpv6Error` let through: inner packet, extension and ICMP header. Afterwards `x.outer`
 * says where the new ICMP message stands; the outer IPv4 header is the caller's.
 */
export const writeIcmpv6Error = (x: Xlate, frame: Frame): void => {
  const { view } = frame
  const { outer, inner, innerPair, icmp } = x
  const oldEnd = outer.end
  const oldDatagramEnd = datagramEnd(view, x)
  writeInnerUpper(x, view)
  // The inner packet has not travelled through us: its hop limit is not counted down. Its identification is unknown.
  const word = inner.isFragment ? fragmentWord(inner) : wholePacketWord(IPV4.LEN + inner.upperLenBytes, 0)
  const start = writeIpv4Header(view, inner, innerPair, inner.hops, word)
  const datagram = { start, end: inner.end }
  const extension = { start: oldDatagramEnd, end: oldEnd }
  // RFC 1191 §4 and RFC 4884 §4.1 share the 32 bits: the length is in the second octet.
  const words =
    oldDatagramEnd < oldEnd && mayExtend(icmp.type, icmp.code) ? placeExtension(frame, datagram, extension, CHECKED) : 0
  const at = start - ICMP.LEN
  const end = words === 0 ? inner.end : extension.end
  view.setUint32(at, (icmp.type << 24) | (icmp.code << 16))
  view.setInt32(at + ICMP.REST, icmp.rest | (words << 16))
  view.setUint16(at + ICMP.CHECKSUM, ~sumBytes(view, at, end - at) & 0xffff)
  outer.upper = at
  outer.end = end
  outer.upperLenBytes = end - at
}

const mayExtend = (type: number, code: number): boolean =>
  type === ICMPV4.TIME_EXCEEDED || (type === ICMPV4.UNREACHABLE && code !== UNREACHABLE4.FRAGMENTATION_NEEDED)

const writeInnerUpper = (x: Xlate, view: DataView): void => {
  const { inner, innerPair } = x
  const addresses = inner.start + IPV6.SRC
  if (inner.protocol !== PROTOCOL.ICMPV6) {
    updateTransport(view, inner, addressDelta6to4(view, addresses, innerPair), false)
    return
  }
  if (inner.fragOff8 === 0) writeEcho6to4(view, inner, addresses)
}
