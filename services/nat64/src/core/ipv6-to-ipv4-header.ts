import type { AddressPair } from './address-map/address-map.ts'
import { fold, sum32 } from './checksum.ts'
import type { IpLayout } from './ip-layout.ts'
import { IPV4, IPV4_DF_U16, IPV4_MF_U16 } from './wire/ipv4.ts'
import { PROTOCOL } from './wire/protocol.ts'

/** RFC 7915 §5.1: IPv4 packets up to this size may be fragmented on their way, larger ones may not. */
export const DF_CLEAR_UP_TO_BYTES = 1260

/** RFC 7915 §5.1: "For ICMPv6 (58), it is changed to ICMPv4 (1)"; the rest is copied. */
export const protocol6to4 = (protocol: number): number => (protocol === PROTOCOL.ICMPV6 ? PROTOCOL.ICMP : protocol)

/**
 * RFC 7915 §5.1, without fragment header: DF is 1 exactly when the packet on the wire (`wireLenBytes`, a segment of a
 * super-packet) has more than 1260 bytes. The second 32 bits of the IPv4 header.
 */
export const wholePacketWord = (wireLenBytes: number, id: number): number =>
  (id << 16) | (wireLenBytes > DF_CLEAR_UP_TO_BYTES ? IPV4_DF_U16 : 0)

/**
 * RFC 7915 §5.1.1: identification is "the low-order 16 bits" of the fragment header's; offset and "more fragments" are
 * copied, DF is 0. The second 32 bits of the IPv4 header.
 */
export const fragmentWord = (layout: IpLayout): number =>
  (layout.id << 16) | (layout.moreFragments ? IPV4_MF_U16 : 0) | layout.fragOff8

/**
 * RFC 7915 §5.1: writes the IPv4 header that takes the place of the IPv6 header(s) of `layout`, so that it ends where
 * the upper layer starts. `idFlagsOffset` is the header's second 32 bits; `hops` the TTL. Returns the header's offset.
 */
export const writeIpv4Header = (
  view: DataView,
  layout: IpLayout,
  pair: AddressPair,
  hops: number,
  idFlagsOffset: number,
): number => {
  const o = layout.upper - IPV4.LEN
  const versionTosLen = (0x45 << 24) | (layout.tos << 16) | (IPV4.LEN + layout.upperLenBytes)
  const ttlProtocol = (hops << 24) | (protocol6to4(layout.protocol) << 16)
  const sum = sum32(versionTosLen) + sum32(idFlagsOffset) + sum32(ttlProtocol) + sum32(pair.src4) + sum32(pair.dst4)
  view.setInt32(o, versionTosLen)
  view.setInt32(o + IPV4.ID, idFlagsOffset)
  view.setInt32(o + IPV4.TTL, ttlProtocol | (~fold(sum) & 0xffff))
  view.setInt32(o + IPV4.SRC, pair.src4)
  view.setInt32(o + IPV4.DST, pair.dst4)
  return o
}
