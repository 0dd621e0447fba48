import { difference, fold, sumBytes, sumPseudoTail, updateChecksum } from './checksum.ts'
import { copyFlow, type Flow, hasSameWords, makeFlow } from './flow.ts'
import { FRAME_BYTES, type Frame } from './frame.ts'
import { IPV4, IPV4_DF_U16, IPV4_MAX_LEN } from './wire/ipv4.ts'
import { IPV6 } from './wire/ipv6.ts'
import { PROTOCOL, TCP, TCP_ACK_U8, TCP_PSH_U8, UDP } from './wire/protocol.ts'
import { GSO } from './wire/virtio-net.ts'

/** Packets in one super-packet; the kernel's own limit for UDP was 64 for long (UDP_MAX_SEGMENTS). */
export const MAX_SEGMENTS = 64

/** Packets of one flow in one frame: the first one as it came, the payloads of the others behind it. */
export class Train {
  /** Segments of the super-packet: the first one's payload. */
  gsoSize = 0
  count = 0
  /** Nothing can follow: the last payload was shorter, its sender pushes (TCP), or the train is long enough. */
  isClosed = false
  #head: Frame | undefined
  readonly #flow: Flow = makeFlow()
  #isChecked = false

  /** The frame with the first packet; valid between `begin` and `finish`. */
  get head(): Frame {
    if (this.#head === undefined) throw new Error('the train has no head')
    return this.#head
  }

  /** Begins with a packet that `isCoalescible`. */
  begin(frame: Frame, flow: Flow): void {
    this.#head = frame
    copyFlow(flow, this.#flow)
    this.gsoSize = flow.payloadLenBytes
    this.count = 1
    this.isClosed = isPushed(frame, flow)
    this.#isChecked = false
  }

  /** Adds a packet that `canJoin`. */
  append(frame: Frame, flow: Flow): void {
    const { head } = this
    const from = frame.o + flow.payload
    head.bytes.set(frame.bytes.subarray(from, from + flow.payloadLenBytes), head.o + head.len)
    head.len += flow.payloadLenBytes
    this.count += 1
    const isPush = isPushed(frame, flow)
    if (isPush) setPush(head, flow)
    this.isClosed = isPush || flow.payloadLenBytes < this.gsoSize || this.count === MAX_SEGMENTS
  }

  /** Whether the first packet's checksum was right; looked at once. */
  hasRightChecksum(): boolean {
    this.#isChecked ||= hasRightChecksum(this.head, this.#flow)
    return this.#isChecked
  }

  /** Gives the frame back: the packet as it came, or a super-packet with its offload header. */
  finish(): Frame {
    const frame = this.head
    this.#head = undefined
    if (this.count > 1) makeSuperPacket(frame, this.#flow, this.gsoSize)
    return frame
  }
}

/**
 * Data and nothing else: no SYN, FIN, RST, URG or ECN (TCP), a checksum and nothing behind the datagram (UDP), not a
 * super-packet already.
 */
export const isCoalescible = (frame: Frame, { protocol, upper, payloadLenBytes }: Flow): boolean => {
  if (frame.gsoType !== GSO.NONE || payloadLenBytes === 0) return false
  const { view, o } = frame
  if (protocol === PROTOCOL.UDP) {
    if (view.getUint16(o + upper + UDP.LENGTH) !== UDP.LEN + payloadLenBytes) return false
    return frame.needsCsum || view.getUint16(o + upper + UDP.CHECKSUM) !== 0
  }
  return (view.getUint8(o + upper + TCP.FLAGS) & ~TCP_PSH_U8) === TCP_ACK_U8
}

/**
 * Whether the packet, of the same flow, can follow in the train: when the kernel will make the very same packet of it.
 * Checksums are made anew on that way, so both must be right: a damaged packet stays damaged.
 */
export const canJoin = (train: Train, frame: Frame, flow: Flow): boolean => {
  const { head, count } = train
  const end = head.len + flow.payloadLenBytes
  return (
    !train.isClosed &&
    flow.payloadLenBytes <= train.gsoSize &&
    end <= IPV4_MAX_LEN &&
    head.o + end <= FRAME_BYTES &&
    (flow.isIpv6 ? hasSameIpv6Header(head, frame) : followsInIpv4(head, frame, count)) &&
    (flow.protocol === PROTOCOL.UDP || followsInTcp(head, frame, flow)) &&
    train.hasRightChecksum() &&
    hasRightChecksum(frame, flow)
  )
}

/** Class and flow label, next header and hop limit; addresses are the flow's. */
const hasSameIpv6Header = (one: Frame, other: Frame): boolean =>
  one.view.getInt32(one.o) === other.view.getInt32(other.o) &&
  one.view.getUint16(one.o + IPV6.NEXT_HEADER) === other.view.getUint16(other.o + IPV6.NEXT_HEADER)

/**
 * TOS, flags, TTL; and the identification where it matters (RFC 6864 §4.1: not with DF set), which the kernel counts up
 * from the first packet's.
 */
const followsInIpv4 = (one: Frame, other: Frame, count: number): boolean => {
  const flags = one.view.getUint16(one.o + IPV4.FLAGS_FRAG)
  const id = one.view.getUint16(one.o + IPV4.ID)
  return (
    one.view.getUint16(one.o) === other.view.getUint16(other.o) &&
    flags === other.view.getUint16(other.o + IPV4.FLAGS_FRAG) &&
    one.view.getUint16(one.o + IPV4.TTL) === other.view.getUint16(other.o + IPV4.TTL) &&
    ((flags & IPV4_DF_U16) !== 0 || ((id + count) & 0xffff) === other.view.getUint16(other.o + IPV4.ID))
  )
}

/** The next octets of the stream, with the same acknowledgement, window, header length and options. */
const followsInTcp = (one: Frame, other: Frame, { upper, payload }: Flow): boolean => {
  const a = one.o + upper
  const b = other.o + upper
  const before = one.len - payload
  return (
    (one.view.getUint32(a + TCP.SEQ) + before) >>> 0 === other.view.getUint32(b + TCP.SEQ) &&
    one.view.getInt32(a + TCP.ACK) === other.view.getInt32(b + TCP.ACK) &&
    one.view.getUint8(a + TCP.DATA_OFFSET) === other.view.getUint8(b + TCP.DATA_OFFSET) &&
    one.view.getUint16(a + TCP.WINDOW) === other.view.getUint16(b + TCP.WINDOW) &&
    hasSameWords(one, other, upper + TCP.LEN, payload)
  )
}

const isPushed = ({ view, o }: Frame, { protocol, upper }: Flow): boolean =>
  protocol === PROTOCOL.TCP && (view.getUint8(o + upper + TCP.FLAGS) & TCP_PSH_U8) !== 0

const setPush = ({ view, o }: Frame, { upper }: Flow): void => {
  const at = o + upper + TCP.FLAGS
  view.setUint8(at, view.getUint8(at) | TCP_PSH_U8)
}

const hasRightChecksum = (frame: Frame, flow: Flow): boolean => {
  // A partial checksum is not there yet, so it cannot be wrong.
  if (frame.needsCsum || frame.csumValid) return true
  const upperLenBytes = frame.len - flow.upper
  return sumBytes(frame.view, frame.o + flow.upper, upperLenBytes, sumPseudo(frame, flow, upperLenBytes)) === 0xffff
}

/** Sum of the pseudo-header (RFC 8200 §8.1, RFC 9293 §3.1). */
const sumPseudo = ({ view, o }: Frame, { isIpv6, protocol }: Flow, upperLenBytes: number): number => {
  const addresses = isIpv6 ? sumBytes(view, o + IPV6.SRC, 32) : sumBytes(view, o + IPV4.SRC, 8)
  return fold(addresses + sumPseudoTail(upperLenBytes, protocol))
}

/** Lengths, partial checksum and offload header of a frame that holds several packets' payloads. */
const makeSuperPacket = (frame: Frame, flow: Flow, gsoSize: number): void => {
  const { view, o, len } = frame
  const { isIpv6, protocol, upper, payload } = flow
  const upperLenBytes = len - upper
  if (isIpv6) view.setUint16(o + IPV6.PAYLOAD_LEN, len - IPV6.LEN)
  else {
    const delta = difference(len, view.getUint16(o + IPV4.TOTAL_LEN))
    view.setUint16(o + IPV4.CHECKSUM, updateChecksum(view.getUint16(o + IPV4.CHECKSUM), delta))
    view.setUint16(o + IPV4.TOTAL_LEN, len)
  }
  if (protocol === PROTOCOL.UDP) view.setUint16(o + upper + UDP.LENGTH, upperLenBytes)
  frame.csumOffset = protocol === PROTOCOL.UDP ? UDP.CHECKSUM : TCP.CHECKSUM
  view.setUint16(o + upper + frame.csumOffset, sumPseudo(frame, flow, upperLenBytes))
  frame.needsCsum = true
  frame.csumValid = false
  frame.csumStart = upper
  frame.hdrLen = payload
  frame.gsoSize = gsoSize
  frame.gsoEcn = 0
  frame.gsoType = protocol === PROTOCOL.UDP ? GSO.UDP_L4 : isIpv6 ? GSO.TCPV6 : GSO.TCPV4
}
