import { type AddressPair, makeAddressPair } from './address-map/address-map.ts'
import { neverForwarded4 } from './address-map/policy.ts'
import { sumBytes } from './checksum.ts'
import { type Frame, HEADROOM } from './frame.ts'
import { isIcmpv4Error } from './icmpv4-to-icmpv6.ts'
import { type IpLayout, makeIpLayout } from './ip-layout.ts'
import { wholePacketWord, writeIpv4Header } from './ipv6-to-ipv4-header.ts'
import { Verdict } from './verdict.ts'
import { ICMP, ICMPV4, UNREACHABLE4 } from './wire/icmp.ts'
import { IPV4 } from './wire/ipv4.ts'
import { PROTOCOL } from './wire/protocol.ts'
import type { Xlate } from './xlate.ts'

/** RFC 7915 §4.4: generation of ICMPv4 error messages, for IPv4 packets that are not translated. */

const TTL = 64
/** RFC 1812 §4.3.2.5: errors SHOULD have the precedence "internetwork control". */
const TOS = 0xc0
/** RFC 1812 §4.3.2.3: at most 576 bytes. */
const MAX_LEN_BYTES = 576

/**
 * Type and code of the error that a verdict calls for; the others are dropped without a word. RFC 7915 §4.4: type 3, code
 * 13 "unless otherwise specified".
 */
const ERROR_FOR: Readonly<Partial<Record<Verdict, readonly [type: number, code: number]>>> = {
  [Verdict.TTL_EXCEEDED]: [ICMPV4.TIME_EXCEEDED, 0],
  [Verdict.SOURCE_ROUTE]: [ICMPV4.UNREACHABLE, UNREACHABLE4.SOURCE_ROUTE_FAILED],
  [Verdict.NO_MAPPING]: [ICMPV4.UNREACHABLE, UNREACHABLE4.HOST],
  [Verdict.OWN_ADDRESS]: [ICMPV4.UNREACHABLE, UNREACHABLE4.PROTOCOL],
  [Verdict.UDP_CHECKSUM_ZERO]: [ICMPV4.UNREACHABLE, UNREACHABLE4.PROHIBITED],
}

/**
 * RFC 1812 §4.3.2.7: never about an ICMP error, a later fragment, or a packet whose source is no single host. (Packets
 * to broadcast and multicast addresses have no mapping and no route to us.)
 */
const mayAnswer = (layout: IpLayout, view: DataView): boolean => {
  if (layout.fragOff8 !== 0 || neverForwarded4.has(view.getInt32(layout.start + IPV4.SRC))) return false
  if (neverForwarded4.has(view.getInt32(layout.start + IPV4.DST))) return false
  if (layout.protocol !== PROTOCOL.ICMP) return true
  return layout.upper < layout.end && !isIcmpv4Error(view.getUint8(layout.upper + ICMP.TYPE))
}

const layout: IpLayout = { ...makeIpLayout(), protocol: PROTOCOL.ICMP, tos: TOS }
const pair: AddressPair = makeAddressPair()

/**
 * Makes the ICMPv4 error that `verdict` calls for about the packet in `frame` (`x.outer` was read from it), in `x.reply`.
 * As much of the packet as fits in 576 bytes is quoted. False: none is called for or allowed.
 */
export const makeIcmpv4Error = (x: Xlate, frame: Frame, verdict: Verdict): boolean => {
  const { outer, reply } = x
  const error = ERROR_FOR[verdict]
  if (error === undefined || !mayAnswer(outer, frame.view)) return false
  if (!x.errors4.take(x.clock.nowMs)) return false
  const quotedBytes = Math.min(frame.len, MAX_LEN_BYTES - IPV4.LEN - ICMP.LEN)
  const at = HEADROOM + IPV4.LEN
  const { view, bytes } = reply
  bytes.set(frame.bytes.subarray(frame.o, frame.o + quotedBytes), at + ICMP.LEN)
  layout.upper = at
  layout.upperLenBytes = ICMP.LEN + quotedBytes
  pair.src4 = x.map.own4
  pair.dst4 = frame.view.getInt32(outer.start + IPV4.SRC)
  view.setUint32(at, (error[0] << 24) | (error[1] << 16))
  view.setUint32(at + ICMP.REST, 0)
  view.setUint16(at + ICMP.CHECKSUM, ~sumBytes(view, at, layout.upperLenBytes) & 0xffff)
  const id = x.ids.next(pair.src4, pair.dst4, PROTOCOL.ICMP, 1)
  const o = writeIpv4Header(view, layout, pair, TTL, wholePacketWord(IPV4.LEN + layout.upperLenBytes, id))
  reply.reset(o, IPV4.LEN + layout.upperLenBytes)
  return true
}
