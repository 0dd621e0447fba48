import { asIp6, type Ip6, IP6_LEN } from '@sixgate/addr'

/** Byte offsets in an Ethernet frame with IPv6 and ICMPv6 (RFC 2464 §3, RFC 8200 §3, RFC 4443 §2.1). */
const FRAME = {
  DESTINATION_MAC: 0,
  SOURCE_MAC: 6,
  ETHERTYPE_U16: 12,
  VERSION_U8: 14,
  PAYLOAD_LEN_U16: 18,
  NEXT_HEADER_U8: 20,
  HOP_LIMIT_U8: 21,
  SOURCE: 22,
  DESTINATION: 38,
  ICMP6: 54,
} as const
const ICMP6_CHECKSUM = 2
const ETHERTYPE_IPV6 = 0x86dd
const NEXT_HEADER_ICMP6 = 58

export interface Icmp6Frame {
  readonly destinationMac: Uint8Array
  readonly sourceMac: Uint8Array
  readonly source: Ip6
  readonly destination: Ip6
  readonly hopLimit: number
  /** The ICMPv6 message from its type on. */
  readonly message: Uint8Array
}

/** Sum of RFC 1071 over 16-bit words; the second form of the one checksum that exists, for tests only. */
const onesComplementSum = (parts: readonly Uint8Array[]): number => {
  let sum = 0
  for (const part of parts)
    for (let at = 0; at < part.length; at += 2) sum += ((part[at] ?? 0) << 8) | (part[at + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return sum
}

/** Checksum of an ICMPv6 message with its pseudo-header (RFC 8200 §8.1); 0 over a message that carries a right one. */
export const icmp6Checksum = ({
  source,
  destination,
  message,
}: Pick<Icmp6Frame, 'source' | 'destination' | 'message'>) => {
  const lengthAndNext = new Uint8Array(8)
  new DataView(lengthAndNext.buffer).setUint32(0, message.length)
  lengthAndNext[7] = NEXT_HEADER_ICMP6
  return ~onesComplementSum([source, destination, lengthAndNext, message]) & 0xffff
}

/** Writes a frame. The checksum is made when the message has room for one and holds 0 there; another value is sent as it is. */
export const encodeFrame = (frame: Icmp6Frame): Uint8Array => {
  const message = Uint8Array.from(frame.message)
  const hasRoom = message.length >= ICMP6_CHECKSUM + 2
  if (hasRoom && message[ICMP6_CHECKSUM] === 0 && message[ICMP6_CHECKSUM + 1] === 0)
    new DataView(message.buffer).setUint16(ICMP6_CHECKSUM, icmp6Checksum({ ...frame, message }))
  const bytes = new Uint8Array(FRAME.ICMP6 + message.length)
  const view = new DataView(bytes.buffer)
  bytes.set(frame.destinationMac, FRAME.DESTINATION_MAC)
  bytes.set(frame.sourceMac, FRAME.SOURCE_MAC)
  view.setUint16(FRAME.ETHERTYPE_U16, ETHERTYPE_IPV6)
  view.setUint8(FRAME.VERSION_U8, 0x60)
  view.setUint16(FRAME.PAYLOAD_LEN_U16, message.length)
  view.setUint8(FRAME.NEXT_HEADER_U8, NEXT_HEADER_ICMP6)
  view.setUint8(FRAME.HOP_LIMIT_U8, frame.hopLimit)
  bytes.set(frame.source, FRAME.SOURCE)
  bytes.set(frame.destination, FRAME.DESTINATION)
  bytes.set(message, FRAME.ICMP6)
  return bytes
}

/** Reads a frame; undefined when it is not ICMPv6 right behind the IPv6 header. */
export const decodeFrame = (bytes: Uint8Array): Icmp6Frame | undefined => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < FRAME.ICMP6 || view.getUint16(FRAME.ETHERTYPE_U16) !== ETHERTYPE_IPV6) return undefined
  if (view.getUint8(FRAME.NEXT_HEADER_U8) !== NEXT_HEADER_ICMP6) return undefined
  const ip = (at: number): Ip6 => asIp6(bytes.slice(at, at + IP6_LEN))
  return {
    destinationMac: bytes.slice(FRAME.DESTINATION_MAC, FRAME.SOURCE_MAC),
    sourceMac: bytes.slice(FRAME.SOURCE_MAC, FRAME.ETHERTYPE_U16),
    source: ip(FRAME.SOURCE),
    destination: ip(FRAME.DESTINATION),
    hopLimit: view.getUint8(FRAME.HOP_LIMIT_U8),
    message: bytes.slice(FRAME.ICMP6, FRAME.ICMP6 + view.getUint16(FRAME.PAYLOAD_LEN_U16)),
  }
}
