import { sumBytes } from './checksum.ts'
import type { IpLayout, Nesting } from './ip-layout.ts'
import { Verdict } from './verdict.ts'
import { IPV4, IPV4_DF_U16, IPV4_FRAG_OFF8_U16, IPV4_MF_U16, IPV4_OPTION } from './wire/ipv4.ts'

/**
 * Reads the IPv4 header at `o`; the packet ends at `limit` at the latest. Options are stepped over, except for a source
 * route that is not used up (RFC 7915 §4.1). Fills `into`.
 */
export const readIpv4 = (view: DataView, o: number, limit: number, into: IpLayout, nesting: Nesting): Verdict => {
  const outer = nesting === 'outer'
  if (limit - o < IPV4.LEN) return outer ? Verdict.TRUNCATED : Verdict.INNER_TRUNCATED
  const versionIhl = view.getUint8(o + IPV4.VERSION_IHL)
  if (versionIhl >>> 4 !== 4) return outer ? Verdict.NOT_IP : Verdict.INNER_UNTRANSLATABLE
  const headerLenBytes = (versionIhl & 0xf) * 4
  const totalLenBytes = view.getUint16(o + IPV4.TOTAL_LEN)
  if (headerLenBytes < IPV4.LEN || totalLenBytes < headerLenBytes)
    return outer ? Verdict.BAD_LENGTH : Verdict.INNER_UNTRANSLATABLE
  if (outer ? totalLenBytes > limit - o : headerLenBytes > limit - o)
    return outer ? Verdict.TRUNCATED : Verdict.INNER_TRUNCATED
  // RFC 1812 §5.2.2: a router MUST verify it; IPv6 has no such checksum to carry the damage on.
  if (outer && sumBytes(view, o, headerLenBytes) !== 0xffff) return Verdict.BAD_HEADER_CHECKSUM
  const flagsFrag = view.getUint16(o + IPV4.FLAGS_FRAG)
  into.start = o
  into.end = Math.min(o + totalLenBytes, limit)
  into.upper = o + headerLenBytes
  into.upperLenBytes = totalLenBytes - headerLenBytes
  into.protocol = view.getUint8(o + IPV4.PROTOCOL)
  into.tos = view.getUint8(o + IPV4.TOS)
  into.hops = view.getUint8(o + IPV4.TTL)
  into.fragOff8 = flagsFrag & IPV4_FRAG_OFF8_U16
  into.moreFragments = (flagsFrag & IPV4_MF_U16) !== 0
  into.isFragment = into.moreFragments || into.fragOff8 !== 0
  into.dontFragment = (flagsFrag & IPV4_DF_U16) !== 0
  into.id = view.getUint16(o + IPV4.ID)
  if (!outer) return Verdict.CONTINUE
  if (headerLenBytes > IPV4.LEN && hasUnexpiredSourceRoute(view, o + IPV4.LEN, into.upper)) return Verdict.SOURCE_ROUTE
  return into.isFragment ? checkFragment(into) : Verdict.CONTINUE
}

/**
 * RFC 791 §3.1: a source route is used up when its pointer is greater than its length. Options that are malformed end
 * the search: options "MUST be ignored" (RFC 7915 §4.1).
 */
const hasUnexpiredSourceRoute = (view: DataView, from: number, to: number): boolean => {
  let at = from
  while (at < to) {
    const type = view.getUint8(at)
    if (type === IPV4_OPTION.END) return false
    if (type === IPV4_OPTION.NOP) {
      at += 1
      continue
    }
    if (at + 2 > to) return false
    const lenBytes = view.getUint8(at + 1)
    if (lenBytes < 2 || at + lenBytes > to) return false
    const isSourceRoute = type === IPV4_OPTION.LOOSE_SOURCE_ROUTE || type === IPV4_OPTION.STRICT_SOURCE_ROUTE
    if (isSourceRoute && lenBytes >= 3 && view.getUint8(at + 2) <= lenBytes) return true
    at += lenBytes
  }
  return false
}

/** RFC 791 §3.2: all but the last fragment are multiples of 8 octets, and the whole fits in 65,535 octets. */
const checkFragment = (layout: IpLayout): Verdict => {
  if (layout.moreFragments && (layout.upperLenBytes & 7) !== 0) return Verdict.FRAGMENT_MISALIGNED
  return layout.fragOff8 * 8 + layout.upperLenBytes > 0xffff ? Verdict.FRAGMENT_OVERFLOW : Verdict.CONTINUE
}
