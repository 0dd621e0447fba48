import type { AddressPair } from './address-map/address-map.ts'
import type { IpLayout } from './ip-layout.ts'
import { FRAGMENT6, FRAGMENT6_M_U16, IPV6 } from './wire/ipv6.ts'
import { PROTOCOL } from './wire/protocol.ts'

/** RFC 7915 §4.1: "ICMPv4 (1) … changed to 58"; the rest is copied. */
export const protocol4to6 = (protocol: number): number => (protocol === PROTOCOL.ICMP ? PROTOCOL.ICMPV6 : protocol)

/**
 * RFC 7915 §4.1: writes the IPv6 header that takes the place of the IPv4 header of `layout`, so that it ends where the
 * upper layer starts; with a fragment header in between when the packet is a fragment. Flow label 0. Returns the
 * header's offset.
 */
export const writeIpv6Header = (view: DataView, layout: IpLayout, pair: AddressPair, hops: number): number => {
  const fragmentLenBytes = layout.isFragment ? FRAGMENT6.LEN : 0
  const o = layout.upper - fragmentLenBytes - IPV6.LEN
  const nextHeader = protocol4to6(layout.protocol)
  view.setInt32(o, (6 << 28) | (layout.tos << 20))
  view.setUint16(o + IPV6.PAYLOAD_LEN, layout.upperLenBytes + fragmentLenBytes)
  view.setUint8(o + IPV6.NEXT_HEADER, layout.isFragment ? PROTOCOL.FRAGMENT : nextHeader)
  view.setUint8(o + IPV6.HOP_LIMIT, hops)
  for (let at = 0; at < 32; at += 4) view.setInt32(o + IPV6.SRC + at, pair.pair6.getInt32(at))
  if (layout.isFragment) writeFragmentHeader(view, o + IPV6.LEN, layout, nextHeader)
  return o
}

/** RFC 7915 §4.1: offset and M copied; identification: low 16 bits from IPv4, high 16 bits zero. */
const writeFragmentHeader = (view: DataView, o: number, layout: IpLayout, nextHeader: number): void => {
  view.setUint8(o + FRAGMENT6.NEXT_HEADER, nextHeader)
  view.setUint8(o + FRAGMENT6.RESERVED, 0)
  view.setUint16(o + FRAGMENT6.OFFSET_FLAGS, (layout.fragOff8 << 3) | (layout.moreFragments ? FRAGMENT6_M_U16 : 0))
  view.setUint32(o + FRAGMENT6.ID, layout.id)
}
