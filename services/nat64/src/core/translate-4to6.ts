import { HOST_USAGE } from './address-map/host-usage.ts'
import { sendFragments4to6, sendUdpSegments4to6 } from './fragment-4to6.ts'
import type { Frame } from './frame.ts'
import { judgeIcmpv4Error, writeIcmpv4Error } from './icmpv4-error-to-icmpv6.ts'
import { isIcmpv4Error, judgeIcmpv4Informational, writeEcho4to6 } from './icmpv4-to-icmpv6.ts'
import type { IpLayout } from './ip-layout.ts'
import { writeIpv6Header } from './ipv4-to-ipv6-header.ts'
import { readIpv4 } from './read-ipv4.ts'
import {
  addressDelta4to6,
  checkOffload,
  checkTransport,
  completeChecksum,
  transportHeaderLenBytes,
  updateTransport,
  wirePackets,
  wireUpperLenBytes,
} from './transport-header.ts'
import { computeUdpChecksumZero, judgeUdpChecksumZero } from './udp-checksum-zero.ts'
import { Verdict } from './verdict.ts'
import { noteUse } from './note-use.ts'
import { ICMP } from './wire/icmp.ts'
import { IPV4 } from './wire/ipv4.ts'
import { IPV6 } from './wire/ipv6.ts'
import { PROTOCOL, TCP } from './wire/protocol.ts'
import { GSO } from './wire/virtio-net.ts'
import type { Xlate } from './xlate.ts'

/**
 * RFC 7915 §4: from IPv4 to IPv6. Decides everything first and writes afterwards, so that a packet that is refused
 * stands in the frame as it came. TRANSLATED_4TO6: what came of it has gone to `x.output`, in one piece or in several.
 * OWN_ADDRESS: it is for the translator itself.
 */
export const translate4to6 = (x: Xlate, frame: Frame, hairpin: boolean): Verdict => {
  const { outer, outerPair } = x
  const { view } = frame
  const read = readIpv4(view, frame.o, frame.o + frame.len, outer, 'outer')
  if (read !== Verdict.CONTINUE) return read
  frame.len = outer.end - outer.start
  outerPair.src4 = view.getInt32(outer.start + IPV4.SRC)
  outerPair.dst4 = view.getInt32(outer.start + IPV4.DST)
  if (outerPair.dst4 === x.map.own4) return Verdict.OWN_ADDRESS
  const kind = outer.protocol === PROTOCOL.ICMP ? judgeIcmpKind(view, outer) : judgeTransport(x, frame)
  if (kind !== Verdict.CONTINUE) return kind
  const offload = checkOffload(frame, outer, GSO.TCPV4)
  if (offload !== Verdict.CONTINUE) return offload
  // RFC 7915 §4.1: "the translator is a router": it counts down, and checks for zero.
  if (outer.hops <= 1) return Verdict.TTL_EXCEEDED
  const addresses = x.map.pairTo6(outerPair, hairpin)
  if (addresses !== Verdict.CONTINUE) return addresses
  const isError = outer.protocol === PROTOCOL.ICMP && isIcmpv4Error(view.getUint8(outer.upper + ICMP.TYPE))
  if (outer.protocol === PROTOCOL.ICMP) completeChecksum(frame, outer)
  if (isError) {
    x.map.replaceOwnErrorSource(outerPair)
    const judged = judgeIcmpv4Error(x, view, hairpin)
    if (judged !== Verdict.CONTINUE) return judged
  }
  if (!hairpin) {
    const payload = x.alg.apply(x, frame, 'down')
    if (payload !== Verdict.CONTINUE) return payload
  }
  noteUse(x, HOST_USAGE.PACKETS_4TO6, wirePackets(frame, outer), frame.len)
  write(x, frame, isError)
  return Verdict.TRANSLATED_4TO6
}

/** RFC 7915 §4.2: which ICMPv4 messages go on at all. */
const judgeIcmpKind = (view: DataView, layout: IpLayout): Verdict => {
  if (layout.isFragment) return Verdict.FRAGMENTED_ICMP
  if (layout.upperLenBytes < ICMP.LEN) return Verdict.TRANSPORT_TRUNCATED
  const type = view.getUint8(layout.upper + ICMP.TYPE)
  return isIcmpv4Error(type) ? Verdict.CONTINUE : judgeIcmpv4Informational(type)
}

/** Numbers that mean something else in IPv6: ICMPv6, and extension headers. */
const isForeign = (protocol: number): boolean =>
  protocol === PROTOCOL.ICMPV6 ||
  protocol === PROTOCOL.HOP_BY_HOP ||
  protocol === PROTOCOL.ROUTING ||
  protocol === PROTOCOL.FRAGMENT ||
  protocol === PROTOCOL.DESTINATION_OPTIONS

const judgeTransport = (x: Xlate, frame: Frame): Verdict => {
  const { outer } = x
  if (outer.protocol === PROTOCOL.IGMP) return Verdict.IGMP
  if (isForeign(outer.protocol)) return Verdict.PROTOCOL_FOREIGN
  const transport = checkTransport(outer)
  return transport === Verdict.CONTINUE ? judgeUdpChecksumZero(frame, outer, x.settings.udpChecksumZero) : transport
}

const write = (x: Xlate, frame: Frame, isError: boolean): void => {
  const { outer, outerPair, settings } = x
  const { view } = frame
  const hops = outer.hops - 1
  if (settings.trafficClassOverride !== undefined) outer.tos = settings.trafficClassOverride
  if (isError) writeIcmpv4Error(x, frame)
  else if (outer.protocol === PROTOCOL.ICMP) writeEcho4to6(view, outer, outerPair)
  else if (!computeUdpChecksumZero(frame, outer, settings.udpChecksumZero, outerPair))
    updateTransport(view, outer, addressDelta4to6(outerPair), frame.needsCsum)
  if (!outer.dontFragment && !isError && cutToLowestMtu(x, frame, hops)) return
  const oldHeaderLenBytes = outer.upper - outer.start
  const o = writeIpv6Header(view, outer, outerPair, hops)
  if (frame.needsCsum) {
    frame.csumStart = IPV6.LEN
    frame.hdrLen += IPV6.LEN - oldHeaderLenBytes
    if (frame.gsoType === GSO.TCPV4) frame.gsoType = GSO.TCPV6
  }
  frame.o = o
  frame.len = outer.end - o
  x.output.send(frame)
}

/**
 * DF is clear: nothing longer than lowest-ipv6-mtu may leave. Returns true when the packet was sent in pieces. TCP
 * super-packets only get shorter segments: the byte stream is the same, and the kernel cuts them anyway.
 */
const cutToLowestMtu = (x: Xlate, frame: Frame, hops: number): boolean => {
  const { outer, outerPair, settings } = x
  const headersLenBytes = IPV6.LEN + (outer.isFragment ? 8 : 0)
  if (headersLenBytes + wireUpperLenBytes(frame, outer) <= settings.lowestIpv6MtuBytes) return false
  if (frame.gsoType === GSO.TCPV4) {
    const tcpLenBytes = Math.max(TCP.LEN, transportHeaderLenBytes(frame.view, outer))
    frame.gsoSize = settings.lowestIpv6MtuBytes - IPV6.LEN - tcpLenBytes
    return false
  }
  if (frame.gsoType === GSO.UDP_L4) {
    sendUdpSegments4to6(x, frame, outerPair, hops)
    return true
  }
  completeChecksum(frame, outer)
  sendFragments4to6(x, frame, outer, outerPair, hops)
  return true
}
