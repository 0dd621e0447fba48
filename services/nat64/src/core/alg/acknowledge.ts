import { fold, sumBytes, sumPseudoTail } from '../checksum.ts'
import { HEADROOM } from '../frame.ts'
import { IPV4, IPV4_DF_U16 } from '../wire/ipv4.ts'
import { IPV6 } from '../wire/ipv6.ts'
import { PROTOCOL, TCP, TCP_FLAG, TCP_OPTION } from '../wire/protocol.ts'
import type { Xlate } from '../xlate.ts'
import type { Direction, SideState } from './flow.ts'
import type { TcpSegment } from './tcp-segment.ts'

const HOPS = 64
/** Two NOPs bring the timestamps option to whole words (RFC 7323 appendix A). */
const TIMESTAMPS_BYTES = 2 + TCP_OPTION.TIMESTAMPS_LEN

/**
 * Tells the sender of the packet in hand (`x.outer` and `segment` were read from it) that everything before `ack` has
 * arrived, in the name of the other end, of which `side` was seen last. The family stays that of the packet.
 */
export const acknowledge = (
  x: Xlate,
  view: DataView,
  direction: Direction,
  segment: TcpSegment,
  { ack, side }: { readonly ack: number; readonly side: SideState },
): void => {
  const { reply, outer } = x
  const hasTimestamps = segment.timestamps !== 0 && side.timestamp !== undefined
  const tcpBytes = TCP.LEN + (hasTimestamps ? TIMESTAMPS_BYTES : 0)
  const ipBytes = direction === 'up' ? IPV6.LEN : IPV4.LEN
  const o = HEADROOM
  const at = o + ipBytes
  const to = reply.view
  to.setUint16(at + TCP.SRC_PORT, view.getUint16(segment.start + TCP.DST_PORT))
  to.setUint16(at + TCP.DST_PORT, view.getUint16(segment.start + TCP.SRC_PORT))
  to.setUint32(at + TCP.SEQ, segment.ack)
  to.setUint32(at + TCP.ACK, ack)
  to.setUint8(at + TCP.DATA_OFFSET, (tcpBytes / 4) << 4)
  to.setUint8(at + TCP.FLAGS, TCP_FLAG.ACK)
  to.setUint16(at + TCP.WINDOW, side.window)
  to.setUint16(at + TCP.CHECKSUM, 0)
  to.setUint16(at + TCP.URGENT, 0)
  if (hasTimestamps) {
    const option = at + TCP.LEN
    to.setUint16(option, (TCP_OPTION.NOP << 8) | TCP_OPTION.NOP)
    to.setUint16(option + 2, (TCP_OPTION.TIMESTAMPS << 8) | TCP_OPTION.TIMESTAMPS_LEN)
    to.setUint32(option + 4, side.timestamp ?? 0)
    to.setUint32(option + 8, view.getUint32(segment.timestamps + 2))
  }
  const addresses = direction === 'up' ? head6(to, view, outer.start, tcpBytes) : head4(to, view, outer.start, tcpBytes)
  const pseudo = fold(addresses + sumPseudoTail(tcpBytes, PROTOCOL.TCP))
  to.setUint16(at + TCP.CHECKSUM, ~sumBytes(to, at, tcpBytes, pseudo) & 0xffff)
  reply.reset(o, ipBytes + tcpBytes)
  x.output.send(reply)
}

/** Writes an IPv6 header back to where the packet at `from` came from; returns the sum of its addresses. */
const head6 = (to: DataView, view: DataView, from: number, lenBytes: number): number => {
  const o = HEADROOM
  to.setUint32(o, 6 << 28)
  to.setUint16(o + IPV6.PAYLOAD_LEN, lenBytes)
  to.setUint8(o + IPV6.NEXT_HEADER, PROTOCOL.TCP)
  to.setUint8(o + IPV6.HOP_LIMIT, HOPS)
  for (let i = 0; i < 16; i += 4) {
    to.setInt32(o + IPV6.SRC + i, view.getInt32(from + IPV6.DST + i))
    to.setInt32(o + IPV6.DST + i, view.getInt32(from + IPV6.SRC + i))
  }
  return sumBytes(to, o + IPV6.SRC, 32)
}

/** The same in IPv4. */
const head4 = (to: DataView, view: DataView, from: number, lenBytes: number): number => {
  const o = HEADROOM
  to.setUint32(o, (0x45 << 24) | (IPV4.LEN + lenBytes))
  to.setUint32(o + IPV4.ID, IPV4_DF_U16)
  to.setUint32(o + IPV4.TTL, (HOPS << 24) | (PROTOCOL.TCP << 16))
  to.setInt32(o + IPV4.SRC, view.getInt32(from + IPV4.DST))
  to.setInt32(o + IPV4.DST, view.getInt32(from + IPV4.SRC))
  to.setUint16(o + IPV4.CHECKSUM, ~sumBytes(to, o, IPV4.LEN) & 0xffff)
  return sumBytes(to, o + IPV4.SRC, 8)
}
