import { fold, sumBytes, sumPseudoTail } from './checksum.ts'
import type { Frame } from './frame.ts'
import { originalDatagramEnd, placeExtension } from './icmp-extension.ts'
import { errorHead4to6, isIcmpv4Error, judgeIcmpv4Informational, writeEcho4to6 } from './icmpv4-to-icmpv6.ts'
import { writeIpv6Header } from './ipv4-to-ipv6-header.ts'
import { readIpv4 } from './read-ipv4.ts'
import { addressDelta4to6, sumAddresses6, updateTransport } from './transport-header.ts'
import { Verdict } from './verdict.ts'
import { ICMP, ICMPV6 } from './wire/icmp.ts'
import { IPV4 } from './wire/ipv4.ts'
import { IPV6, IPV6_MIN_MTU } from './wire/ipv6.ts'
import { PROTOCOL } from './wire/protocol.ts'
import type { Xlate } from './xlate.ts'

/** RFC 7915 §4.3: translating ICMPv4 error messages into ICMPv6. */

/** RFC 4443 §2.4(c): an ICMPv6 error is at most as long as the minimum MTU. */
const ROOM = { wordBytes: 8, maxBytes: IPV6_MIN_MTU - IPV6.LEN - ICMP.LEN } as const

/** Decides about the ICMPv4 error under way (`x.outer`): reads its inner packet and fills `x.inner`, `x.innerPair`, `x.icmp`. */
export const judgeIcmpv4Error = (x: Xlate, view: DataView, hairpin: boolean): Verdict => {
  const { outer, inner, innerPair } = x
  const icmp = outer.upper
  // The new checksum is computed over all of the message: a damaged one must not become valid.
  if (sumBytes(view, icmp, outer.upperLenBytes) !== 0xffff) return Verdict.BAD_ICMP_CHECKSUM
  const head = judgeHead(x, view)
  if (head !== Verdict.CONTINUE) return head
  const nested = judgeInnerIcmp(x, view)
  if (nested !== Verdict.CONTINUE) return nested
  innerPair.src4 = view.getInt32(inner.start + IPV4.SRC)
  innerPair.dst4 = view.getInt32(inner.start + IPV4.DST)
  return x.map.innerPairTo6(innerPair, hairpin)
}

/** The type first: "source quench" and "redirect" are dropped whatever they quote. */
const judgeHead = (x: Xlate, view: DataView): Verdict => {
  const { outer, inner } = x
  const from = outer.upper + ICMP.LEN
  const read = readIpv4(view, from, datagramEnd(view, x), inner, 'inner')
  if (read === Verdict.CONTINUE) return errorHead4to6(view, outer.upper, inner, x.settings, x.icmp)
  return read
}

const datagramEnd = (view: DataView, x: Xlate): number => {
  const icmp = x.outer.upper
  return originalDatagramEnd(icmp + ICMP.LEN, x.outer.end, view.getUint8(icmp + ICMP.LENGTH4), 4)
}

/** "If … the packet in error contains another ICMP error …": translation stops there (RFC 7915 §4.3). */
const judgeInnerIcmp = (x: Xlate, view: DataView): Verdict => {
  const { inner } = x
  if (inner.protocol === PROTOCOL.ICMPV6) return Verdict.INNER_UNTRANSLATABLE
  if (inner.protocol !== PROTOCOL.ICMP || inner.fragOff8 !== 0) return Verdict.CONTINUE
  if (inner.upper + ICMP.REST > inner.end) return Verdict.INNER_TRUNCATED
  const type = view.getUint8(inner.upper + ICMP.TYPE)
  if (isIcmpv4Error(type)) return Verdict.INNER_NESTED_ERROR
  return judgeIcmpv4Informational(type) === Verdict.CONTINUE ? Verdict.CONTINUE : Verdict.INNER_UNTRANSLATABLE
}

/**
 * Rewrites the error that `judgeIcmpv4Error` let through: inner packet, extension and ICMP header. Afterwards `x.outer`
 * says where the new ICMP message stands; the outer IPv6 header is the caller's.
 */
export const writeIcmpv4Error = (x: Xlate, frame: Frame): void => {
  const { view } = frame
  const { outer, outerPair, inner, innerPair, icmp } = x
  const oldEnd = outer.end
  const oldDatagramEnd = datagramEnd(view, x)
  writeInnerUpper(x, view)
  // The inner packet has not travelled through us: its TTL is not counted down.
  const start = writeIpv6Header(view, inner, innerPair, inner.hops)
  const datagram = { start, end: inner.end }
  const extension = { start: oldDatagramEnd, end: oldEnd }
  const mayExtend = icmp.type === ICMPV6.UNREACHABLE || icmp.type === ICMPV6.TIME_EXCEEDED
  const words = oldDatagramEnd < oldEnd && mayExtend ? placeExtension(frame, datagram, extension, ROOM) : 0
  const at = start - ICMP.LEN
  const end = words === 0 ? Math.min(inner.end, start + ROOM.maxBytes) : extension.end
  const lenBytes = end - at
  view.setUint32(at, (icmp.type << 24) | (icmp.code << 16))
  view.setInt32(at + ICMP.REST, icmp.rest | (words << 24))
  const pseudo = fold(sumAddresses6(outerPair.pair6, 0) + sumPseudoTail(lenBytes, PROTOCOL.ICMPV6))
  view.setUint16(at + ICMP.CHECKSUM, ~sumBytes(view, at, lenBytes, pseudo) & 0xffff)
  outer.upper = at
  outer.end = end
  outer.upperLenBytes = lenBytes
}

const writeInnerUpper = (x: Xlate, view: DataView): void => {
  const { inner, innerPair } = x
  if (inner.protocol !== PROTOCOL.ICMP) {
    updateTransport(view, inner, addressDelta4to6(innerPair), false)
    return
  }
  if (inner.fragOff8 === 0) writeEcho4to6(view, inner, innerPair)
}
