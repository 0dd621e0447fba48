import type { IpLayout, Nesting } from './ip-layout.ts'
import { Verdict } from './verdict.ts'
import { EXTENSION6, FRAGMENT6, FRAGMENT6_M_U16, IPV6, ROUTING6 } from './wire/ipv6.ts'
import { PROTOCOL } from './wire/protocol.ts'

/** Headers that may stand before the upper-layer header; ESP counts as upper layer, as RFC 7915 §5.1.1 has it. */
const isExtension = (protocol: number): boolean =>
  protocol === PROTOCOL.HOP_BY_HOP ||
  protocol === PROTOCOL.DESTINATION_OPTIONS ||
  protocol === PROTOCOL.ROUTING ||
  protocol === PROTOCOL.FRAGMENT ||
  protocol === PROTOCOL.AH

/**
 * Reads the IPv6 header at `o` and steps over hop-by-hop, destination-options and routing headers and one fragment
 * header (RFC 7915 §5.1: they "MUST be ignored", with segments left the packet must not be translated). The packet
 * ends at `limit` at the latest. Fills `into`.
 */
export const readIpv6 = (view: DataView, o: number, limit: number, into: IpLayout, nesting: Nesting): Verdict => {
  const truncated = nesting === 'outer' ? Verdict.TRUNCATED : Verdict.INNER_TRUNCATED
  if (limit - o < IPV6.LEN) return truncated
  const first = view.getUint32(o + IPV6.VERSION_CLASS_FLOW)
  if (first >>> 28 !== 6) return nesting === 'outer' ? Verdict.NOT_IP : Verdict.INNER_UNTRANSLATABLE
  const declaredEnd = o + IPV6.LEN + view.getUint16(o + IPV6.PAYLOAD_LEN)
  if (declaredEnd > limit && nesting === 'outer') return Verdict.TRUNCATED
  into.start = o
  into.end = Math.min(declaredEnd, limit)
  into.tos = (first >>> 20) & 0xff
  into.hops = view.getUint8(o + IPV6.HOP_LIMIT)
  into.dontFragment = true
  const verdict = skipExtensionHeaders(view, into, view.getUint8(o + IPV6.NEXT_HEADER), truncated)
  if (verdict !== Verdict.CONTINUE) return verdict
  into.upperLenBytes = declaredEnd - into.upper
  return into.isFragment && nesting === 'outer' ? checkFragment(into) : Verdict.CONTINUE
}

const skipExtensionHeaders = (view: DataView, into: IpLayout, nextHeader: number, truncated: Verdict): Verdict => {
  let protocol = nextHeader
  let at = into.start + IPV6.LEN
  let verdict: Verdict = Verdict.CONTINUE
  into.isFragment = false
  into.fragOff8 = 0
  into.moreFragments = false
  into.id = 0
  // AH is no option-like header: it is carried as the upper layer (its check fails at the far end, as it must).
  while (isExtension(protocol) && protocol !== PROTOCOL.AH) {
    if (at + EXTENSION6.MIN_LEN > into.end) return truncated
    const next = view.getUint8(at + EXTENSION6.NEXT_HEADER)
    if (protocol === PROTOCOL.FRAGMENT) {
      const offsetFlags = view.getUint16(at + FRAGMENT6.OFFSET_FLAGS)
      into.isFragment = true
      into.fragOff8 = offsetFlags >>> 3
      into.moreFragments = (offsetFlags & FRAGMENT6_M_U16) !== 0
      into.id = view.getUint32(at + FRAGMENT6.ID)
      // RFC 7915 §5.1.1: next header is an extension header "except ESP, but including AH": SHOULD be dropped.
      if (isExtension(next)) return Verdict.FRAGMENT_THEN_EXTENSION
      at += FRAGMENT6.LEN
    } else {
      if (protocol === PROTOCOL.ROUTING && view.getUint8(at + ROUTING6.SEGMENTS_LEFT) !== 0) {
        // Goes on to the upper layer: whether an error may be sent depends on it.
        if (verdict === Verdict.CONTINUE) into.offendingOctet = at + ROUTING6.SEGMENTS_LEFT - into.start
        verdict = Verdict.SEGMENTS_LEFT
      }
      at += (view.getUint8(at + EXTENSION6.HDR_EXT_LEN) + 1) * 8
      if (at > into.end) return truncated === Verdict.TRUNCATED ? Verdict.EXTENSION_TRUNCATED : truncated
    }
    protocol = next
  }
  into.upper = at
  into.protocol = protocol
  return verdict
}

/** RFC 8200 §4.5: all but the last fragment are multiples of 8 octets, and the whole fits in 65,535 octets. */
const checkFragment = (layout: IpLayout): Verdict => {
  if (layout.moreFragments && (layout.upperLenBytes & 7) !== 0) return Verdict.FRAGMENT_MISALIGNED
  return layout.fragOff8 * 8 + layout.upperLenBytes > 0xffff ? Verdict.FRAGMENT_OVERFLOW : Verdict.CONTINUE
}
