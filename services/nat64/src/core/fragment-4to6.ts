import type { AddressPair } from './address-map/address-map.ts'
import type { Frame } from './frame.ts'
import type { IpLayout } from './ip-layout.ts'
import { writeIpv6Header } from './ipv4-to-ipv6-header.ts'
import { fillUdpChecksum } from './transport-header.ts'
import { FRAGMENT6, IPV6 } from './wire/ipv6.ts'
import { UDP } from './wire/protocol.ts'
import type { Xlate } from './xlate.ts'

/**
 * RFC 7915 §4.1: an IPv4 packet with DF clear whose IPv6 form is longer than lowest-ipv6-mtu "SHOULD be fragmented so
 * the resulting IPv6 packet (with Fragment Header added to each fragment) will be less than or equal to" it.
 *
 * Nothing is copied: the header of each piece is written over the tail of the piece before it, which is gone already.
 */

const copyFor = (layout: IpLayout, piece: IpLayout): void => {
  piece.protocol = layout.protocol
  piece.tos = layout.tos
  piece.id = layout.id
}

/** Sends the upper layer of `layout`, checksums done, as fragments. */
export const sendFragments4to6 = (x: Xlate, frame: Frame, layout: IpLayout, pair: AddressPair, hops: number): void => {
  const { piece } = x
  const most = (x.settings.lowestIpv6MtuBytes - IPV6.LEN - FRAGMENT6.LEN) & ~7
  const total = layout.upperLenBytes
  const { upper, fragOff8, moreFragments } = layout
  if (piece !== layout) copyFor(layout, piece)
  piece.isFragment = true
  for (let at = 0; at < total; at += most) {
    const lenBytes = Math.min(most, total - at)
    piece.upper = upper + at
    piece.upperLenBytes = lenBytes
    piece.fragOff8 = fragOff8 + (at >>> 3)
    piece.moreFragments = at + lenBytes < total || moreFragments
    const o = writeIpv6Header(frame.view, piece, pair, hops)
    frame.reset(o, piece.upper + lenBytes - o)
    x.output.sendPiece(frame)
  }
}

/**
 * Cuts a UDP super-packet (DF clear, segments too long for lowest-ipv6-mtu) into its datagrams, in software because
 * their bounds must stay, and sends each in fragments. The kernel would have numbered them upwards.
 */
export const sendUdpSegments4to6 = (x: Xlate, frame: Frame, pair: AddressPair, hops: number): void => {
  const { outer: layout, piece } = x
  const { view, gsoSize } = frame
  const ports = view.getInt32(layout.upper + UDP.SRC_PORT)
  const end = layout.upper + layout.upperLenBytes
  const { tos, protocol } = layout
  let id = layout.id
  for (let payload = layout.upper + UDP.LEN; payload < end; payload += gsoSize) {
    const lenBytes = Math.min(gsoSize, end - payload) + UDP.LEN
    const o = payload - UDP.LEN
    view.setInt32(o + UDP.SRC_PORT, ports)
    view.setUint16(o + UDP.LENGTH, lenBytes)
    fillUdpChecksum(view, o, lenBytes, pair)
    piece.protocol = protocol
    piece.tos = tos
    piece.id = id
    piece.upper = o
    piece.upperLenBytes = lenBytes
    piece.fragOff8 = 0
    piece.moreFragments = false
    piece.isFragment = false
    if (IPV6.LEN + lenBytes > x.settings.lowestIpv6MtuBytes) sendFragments4to6(x, frame, piece, pair, hops)
    else {
      const start = writeIpv6Header(view, piece, pair, hops)
      frame.reset(start, o + lenBytes - start)
      x.output.sendPiece(frame)
    }
    id = (id + 1) & 0xffff
  }
}
