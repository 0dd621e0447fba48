import type { Frame } from './frame.ts'
import { IPV4, IPV4_FRAG_OFF8_U16, IPV4_MF_U16 } from './wire/ipv4.ts'
import { IPV6 } from './wire/ipv6.ts'
import { PROTOCOL, TCP, UDP } from './wire/protocol.ts'

/** Which flow a packet belongs to, and where its parts are: bytes from the IP header's start. */
export interface Flow {
  isIpv6: boolean
  /** TCP or UDP. */
  protocol: number
  /** Where the TCP or UDP header starts. */
  upper: number
  /** Where the payload starts, and its length; the packet ends with it. */
  payload: number
  payloadLenBytes: number
  /** Equal for packets of one flow, seldom for others; never 0. */
  key: number
}

/** A record to be filled. */
export const makeFlow = (): Flow => ({
  isIpv6: false,
  protocol: PROTOCOL.UDP,
  upper: 0,
  payload: 0,
  payloadLenBytes: 0,
  key: 1,
})

export const copyFlow = (from: Flow, to: Flow): void => {
  to.isIpv6 = from.isIpv6
  to.protocol = from.protocol
  to.upper = from.upper
  to.payload = from.payload
  to.payloadLenBytes = from.payloadLenBytes
  to.key = from.key
}

/**
 * Fills `flow` from a packet that the translator made (lengths agree, no options or extension headers but fragments').
 * Returns false for fragments and for everything but TCP and UDP.
 */
export const readFlow = (frame: Frame, flow: Flow): boolean => {
  const { view, o, len } = frame
  flow.isIpv6 = view.getUint8(o) >>> 4 === 6
  let addresses: number
  if (flow.isIpv6) {
    if (len < IPV6.LEN) return false
    flow.protocol = view.getUint8(o + IPV6.NEXT_HEADER)
    flow.upper = IPV6.LEN
    addresses = view.getInt32(o + IPV6.SRC + 12) ^ Math.imul(view.getInt32(o + IPV6.DST + 12), MIX)
  } else {
    if (len < IPV4.LEN) return false
    if ((view.getUint16(o + IPV4.FLAGS_FRAG) & (IPV4_MF_U16 | IPV4_FRAG_OFF8_U16)) !== 0) return false
    flow.protocol = view.getUint8(o + IPV4.PROTOCOL)
    flow.upper = IPV4.LEN
    addresses = view.getInt32(o + IPV4.SRC) ^ Math.imul(view.getInt32(o + IPV4.DST), MIX)
  }
  const headerLenBytes = upperHeaderLenBytes(frame, flow)
  flow.payload = flow.upper + headerLenBytes
  flow.payloadLenBytes = len - flow.payload
  if (headerLenBytes === 0 || flow.payloadLenBytes < 0) return false
  flow.key = Math.imul(addresses ^ view.getInt32(o + flow.upper + TCP.PORTS), MIX) | 1
  return true
}

/** An odd constant with its bits spread (2³² divided by the golden ratio). */
const MIX = 0x9e3779b1

/** 0: neither TCP nor UDP, or not whole. */
const upperHeaderLenBytes = ({ view, o, len }: Frame, { protocol, upper }: Flow): number => {
  if (protocol === PROTOCOL.UDP) return upper + UDP.LEN <= len ? UDP.LEN : 0
  if (protocol !== PROTOCOL.TCP || upper + TCP.LEN > len) return 0
  const lenBytes = (view.getUint8(o + upper + TCP.DATA_OFFSET) >>> 4) * 4
  return lenBytes < TCP.LEN ? 0 : lenBytes
}

/** Whether two packets have addresses, protocol and ports in common; `flow` is of the second. */
export const isSameFlow = (one: Frame, other: Frame, { isIpv6, protocol, upper }: Flow): boolean => {
  if (one.view.getUint8(one.o) >>> 4 !== (isIpv6 ? 6 : 4)) return false
  if (one.view.getUint8(one.o + (isIpv6 ? IPV6.NEXT_HEADER : IPV4.PROTOCOL)) !== protocol) return false
  // Both addresses, and in this packet without options the ports right behind them.
  return hasSameWords(one, other, isIpv6 ? IPV6.SRC : IPV4.SRC, upper + TCP.SEQ)
}

/** Whether the bytes from `from` to `to` (from the IP header's start, multiples of 4) are the same in both packets. */
export const hasSameWords = (one: Frame, other: Frame, from: number, to: number): boolean => {
  for (let at = from; at < to; at += 4)
    if (one.view.getInt32(one.o + at) !== other.view.getInt32(other.o + at)) return false
  return true
}
