import { HOST_USAGE } from './address-map/host-usage.ts'
import type { Frame } from './frame.ts'
import { judgeIcmpv6Error, writeIcmpv6Error } from './icmpv6-error-to-icmpv4.ts'
import { isIcmpv6Error, judgeIcmpv6Informational, writeEcho6to4 } from './icmpv6-to-icmpv4.ts'
import type { IpLayout } from './ip-layout.ts'
import { fragmentWord, protocol6to4, wholePacketWord, writeIpv4Header } from './ipv6-to-ipv4-header.ts'
import { readIpv6 } from './read-ipv6.ts'
import {
  addressDelta6to4,
  checkOffload,
  checkTransport,
  completeChecksum,
  updateTransport,
  wirePackets,
  wireUpperLenBytes,
} from './transport-header.ts'
import { Verdict } from './verdict.ts'
import { noteUse } from './note-use.ts'
import { ICMP } from './wire/icmp.ts'
import { IPV4, IPV4_MAX_LEN } from './wire/ipv4.ts'
import { IPV6 } from './wire/ipv6.ts'
import { PROTOCOL } from './wire/protocol.ts'
import { GSO } from './wire/virtio-net.ts'
import type { Xlate } from './xlate.ts'

/**
 * RFC 7915 §5: from IPv6 to IPv4. Decides everything first and writes afterwards, so that a packet that is refused
 * stands in the frame as it came. After TRANSLATED_6TO4 the frame holds the IPv4 packet.
 */
export const translate6to4 = (x: Xlate, frame: Frame): Verdict => {
  const { outer, outerPair } = x
  const { view } = frame
  const read = readIpv6(view, frame.o, frame.o + frame.len, outer, 'outer')
  if (read !== Verdict.CONTINUE) return read
  // Bytes behind the packet (padding of a short Ethernet frame) do not belong to it.
  frame.len = outer.end - outer.start
  const kind = outer.protocol === PROTOCOL.ICMPV6 ? judgeIcmpKind(view, outer) : judgeTransport(outer)
  if (kind !== Verdict.CONTINUE) return kind
  const offload = checkOffload(frame, outer, GSO.TCPV6)
  if (offload !== Verdict.CONTINUE) return offload
  if (IPV4.LEN + outer.upperLenBytes > IPV4_MAX_LEN) return Verdict.TOO_BIG_FOR_IPV4
  // RFC 7915 §5.1: "the translator is a router": it counts down, and checks for zero.
  if (outer.hops <= 1) return Verdict.HOP_LIMIT_EXCEEDED
  const isError = outer.protocol === PROTOCOL.ICMPV6 && isErrorAt(view, outer)
  const addresses = x.map.pairTo4(view, outer.start, isError, outerPair)
  if (addresses !== Verdict.CONTINUE) return addresses
  if (outer.protocol === PROTOCOL.ICMPV6) completeChecksum(frame, outer)
  if (isError) {
    const judged = judgeIcmpv6Error(x, view)
    if (judged !== Verdict.CONTINUE) return judged
  }
  // Between two hosts of ours both ends speak IPv6: nothing in their payload has to change.
  if (!(outerPair.dstInPref64 && x.map.isLocal4(outerPair.dst4))) {
    const payload = x.alg.apply(x, frame, 'up')
    if (payload !== Verdict.CONTINUE) return payload
  }
  noteUse(x, HOST_USAGE.PACKETS_6TO4, wirePackets(frame, outer), frame.len)
  write(x, frame, isError)
  return Verdict.TRANSLATED_6TO4
}

const isErrorAt = (view: DataView, layout: IpLayout): boolean =>
  layout.fragOff8 === 0 && isIcmpv6Error(view.getUint8(layout.upper + ICMP.TYPE))

/** RFC 7915 §5.2: which ICMPv6 messages go on at all. */
const judgeIcmpKind = (view: DataView, layout: IpLayout): Verdict => {
  if (layout.fragOff8 !== 0 || layout.moreFragments) return Verdict.FRAGMENTED_ICMP
  if (layout.upperLenBytes < ICMP.LEN) return Verdict.TRANSPORT_TRUNCATED
  const type = view.getUint8(layout.upper + ICMP.TYPE)
  return isIcmpv6Error(type) ? Verdict.CONTINUE : judgeIcmpv6Informational(type)
}

const judgeTransport = (layout: IpLayout): Verdict => {
  // ICMPv4 and IGMP have no business in IPv6: they would become what they pretend to be.
  if (layout.protocol === PROTOCOL.ICMP || layout.protocol === PROTOCOL.IGMP) return Verdict.PROTOCOL_FOREIGN
  return checkTransport(layout)
}

const write = (x: Xlate, frame: Frame, isError: boolean): void => {
  const { outer, outerPair, settings } = x
  const { view } = frame
  const oldHeaderLenBytes = outer.upper - outer.start
  const hops = outer.hops - 1
  if (settings.tosOverride !== undefined) outer.tos = settings.tosOverride
  if (isError) writeIcmpv6Error(x, frame)
  else if (outer.protocol === PROTOCOL.ICMPV6) writeEcho6to4(view, outer, outer.start + IPV6.SRC)
  else {
    const delta = addressDelta6to4(view, outer.start + IPV6.SRC, outerPair)
    updateTransport(view, outer, delta, frame.needsCsum)
  }
  const word = outer.isFragment ? fragmentWord(outer) : wholeWord(x, frame)
  const o = writeIpv4Header(view, outer, outerPair, hops, word)
  frame.o = o
  frame.len = outer.end - o
  if (frame.needsCsum) {
    frame.csumStart = IPV4.LEN
    frame.hdrLen = Math.max(0, frame.hdrLen + IPV4.LEN - oldHeaderLenBytes)
    if (frame.gsoType === GSO.TCPV6) frame.gsoType = GSO.TCPV4
  }
}

const wholeWord = (x: Xlate, frame: Frame): number => {
  const { outer, outerPair } = x
  const id = x.ids.next(outerPair.src4, outerPair.dst4, protocol6to4(outer.protocol), wirePackets(frame, outer))
  return wholePacketWord(IPV4.LEN + wireUpperLenBytes(frame, outer), id)
}
