import { TCP, TCP_FLAG, TCP_OPTION } from '../wire/protocol.ts'
import { distance } from './sequence.ts'
import type { Stream } from './stream.ts'

/** Where things stand in one TCP segment: a record that is used again. Offsets are those of the buffer. */
export interface TcpSegment {
  start: number
  /** First byte behind the header. */
  payload: number
  seq: number
  ack: number
  flags: number
  window: number
  /** Offset of the SACK option (its kind), 0 for none. */
  sack: number
  /** Offset of the timestamps option (its kind), 0 for none. */
  timestamps: number
}

export const makeTcpSegment = (): TcpSegment => ({
  start: 0,
  payload: 0,
  seq: 0,
  ack: 0,
  flags: 0,
  window: 0,
  sack: 0,
  timestamps: 0,
})

export const hasFlag = ({ flags }: TcpSegment, flag: number): boolean => (flags & flag) !== 0

/** Reads the TCP header at `o`; the packet ends at `end`. False when it is cut or its options are. */
export const readTcp = (view: DataView, o: number, end: number, into: TcpSegment): boolean => {
  if (end - o < TCP.LEN) return false
  into.start = o
  into.payload = o + (view.getUint8(o + TCP.DATA_OFFSET) >>> 4) * 4
  if (into.payload < o + TCP.LEN || into.payload > end) return false
  into.seq = view.getUint32(o + TCP.SEQ)
  into.ack = view.getUint32(o + TCP.ACK)
  into.flags = view.getUint8(o + TCP.FLAGS)
  into.window = view.getUint16(o + TCP.WINDOW)
  into.sack = 0
  into.timestamps = 0
  for (let at = o + TCP.LEN; at < into.payload; ) {
    const kind = view.getUint8(at)
    if (kind === TCP_OPTION.END) return true
    if (kind === TCP_OPTION.NOP) {
      at += 1
      continue
    }
    if (at + 2 > into.payload) return false
    const lenBytes = view.getUint8(at + 1)
    if (lenBytes < 2 || at + lenBytes > into.payload) return false
    if (kind === TCP_OPTION.SACK && (lenBytes - 2) % 8 === 0) into.sack = at
    if (kind === TCP_OPTION.TIMESTAMPS && lenBytes === TCP_OPTION.TIMESTAMPS_LEN) into.timestamps = at
    at += lenBytes
  }
  return true
}

/**
 * RFC 2018: the blocks of the SACK option, which are about `stream`, in its sender's numbers. Blocks that say nothing any
 * more (part of an edited stretch) make room for NOPs. True when something changed.
 */
export const rewriteSack = (view: DataView, { sack }: TcpSegment, stream: Stream): boolean => {
  if (sack === 0) return false
  const lenBytes = view.getUint8(sack + 1)
  let to = sack + 2
  let isChanged = false
  for (let at = sack + 2; at < sack + lenBytes; at += 8) {
    const [oldLeft, oldRight] = [view.getUint32(at), view.getUint32(at + 4)]
    const left = stream.leftEdgeToIn(oldLeft)
    const right = stream.toIn(oldRight)
    isChanged ||= left !== oldLeft || right !== oldRight
    if (distance(right, left) <= 0 && distance(oldRight, oldLeft) > 0) continue
    view.setUint32(to, left)
    view.setUint32(to + 4, right)
    to += 8
  }
  if (to === sack + lenBytes) return isChanged
  const isEmpty = to === sack + 2
  for (let at = isEmpty ? sack : to; at < sack + lenBytes; at++) view.setUint8(at, TCP_OPTION.NOP)
  if (!isEmpty) view.setUint8(sack + 1, to - sack)
  return true
}

/** Moves the urgent pointer (RFC 9293 §3.8.5) with the octet that it points behind. Zero when that is taken out. */
export const rewriteUrgent = (view: DataView, segment: TcpSegment, stream: Stream, outSeq: number): void => {
  if (!hasFlag(segment, TCP_FLAG.URG)) return
  const urgentEnd = (segment.seq + view.getUint16(segment.start + TCP.URGENT)) >>> 0
  const moved = distance(stream.toOut(urgentEnd), outSeq)
  view.setUint16(segment.start + TCP.URGENT, moved > 0 && moved <= 0xffff ? moved : 0)
  if (moved <= 0) view.setUint8(segment.start + TCP.FLAGS, segment.flags & ~TCP_FLAG.URG)
}
