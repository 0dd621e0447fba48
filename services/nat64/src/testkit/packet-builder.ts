/**
 * Builds packets from their fields, the slow and obvious way: octet arrays, every checksum in full. Shares no code with
 * core/, so that a vector is no echo of what it tests.
 */
import assert from 'node:assert/strict'
import { ip4ToBytes, parseIp4, parseIp6 } from '@sixgate/addr'

export type Octets = readonly number[]

/** An upper-layer message that still needs the addresses for its checksum. */
export interface Upper {
  readonly protocol: number
  /** `pseudo`: source and destination address octets. */
  readonly build: (pseudo: Octets) => Octets
}

export const u8 = (value: number): Octets => [value & 0xff]
export const u16 = (value: number): Octets => [(value >>> 8) & 0xff, value & 0xff]
export const u32 = (value: number): Octets => [...u16(value >>> 16), ...u16(value & 0xffff)]

export const ip4Octets = (text: string): Octets => [...ip4ToBytes(parseIp4(text) ?? assert.fail(text))]
export const ip6Octets = (text: string): Octets => [...(parseIp6(text) ?? assert.fail(text))]

/** Payload of `length` octets: 0, 1, 2 …, repeating after a prime so that every 16-bit word differs from its neighbours. */
export const data = (length: number, from = 0): Octets => Array.from({ length }, (_, index) => (from + index) % 251)

/** RFC 1071, in plain arithmetic modulo 65535. */
export const checksumOf = (octets: Octets): number => {
  let sum = 0
  for (let index = 0; index < octets.length; index += 2) sum += (octets[index] ?? 0) * 256 + (octets[index + 1] ?? 0)
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000)
  return 0xffff - sum
}

const withChecksum = (octets: Octets, at: number, covered: (zeroed: Octets) => Octets): Octets => {
  const zeroed = octets.map((octet, index) => (index === at || index === at + 1 ? 0 : octet))
  return zeroed.map((octet, index) => {
    if (index === at) return checksumOf(covered(zeroed)) >>> 8
    return index === at + 1 ? checksumOf(covered(zeroed)) & 0xff : octet
  })
}

const pseudoTail = (length: number, protocol: number): Octets => [...u32(length), 0, 0, 0, protocol]

/** `partial`: the field holds the pseudo-header sum only, as with NEEDS_CSUM. `none`: it is 0. */
export type ChecksumKind = 'full' | 'partial' | 'none'

const transport = (protocol: number, at: number, octets: Octets, kind: ChecksumKind): Upper => ({
  protocol,
  build: (pseudo) => {
    const head = [...pseudo, ...pseudoTail(octets.length, protocol)]
    if (kind === 'none') return octets
    if (kind === 'partial') {
      const sum = u16(0xffff - checksumOf(head))
      return octets.map((octet, index) => sum[index - at] ?? octet)
    }
    const built = withChecksum(octets, at, (zeroed) => [...head, ...zeroed])
    // RFC 768: a computed zero is sent as all ones.
    const isZero = built[at] === 0 && built[at + 1] === 0
    return protocol === 17 && isZero
      ? built.map((octet, index) => (index === at || index === at + 1 ? 255 : octet))
      : built
  },
})

export interface UdpFields {
  readonly src?: number
  readonly dst?: number
  readonly data?: Octets
  readonly checksum?: ChecksumKind
}
export const udp = ({ src = 40_000, dst = 53, data: payload = data(20), checksum = 'full' }: UdpFields = {}): Upper =>
  transport(17, 6, [...u16(src), ...u16(dst), ...u16(8 + payload.length), 0, 0, ...payload], checksum)

export interface TcpFields {
  readonly src?: number
  readonly dst?: number
  readonly seq?: number
  readonly ack?: number
  readonly window?: number
  readonly flags?: number
  readonly urgent?: number
  readonly data?: Octets
  readonly options?: Octets
  readonly checksum?: ChecksumKind
}
export const tcp = (fields: TcpFields = {}): Upper => {
  const { src = 40_000, dst = 80, flags = 0x18, data: payload = data(20), options = [], checksum = 'full' } = fields
  const { seq = 0x01020304, ack = 0x05060708, window = 0x2000, urgent = 0 } = fields
  const offset = ((20 + options.length) / 4) << 4
  const header = [...u16(src), ...u16(dst), ...u32(seq), ...u32(ack), offset, flags, ...u16(window)]
  return transport(6, 16, [...header, 0, 0, ...u16(urgent), ...options, ...payload], checksum)
}

/** DCCP (RFC 4340 §5.1), short header form. */
export const dccp = (): Upper => transport(33, 6, [...u16(5001), ...u16(5002), 3, 0, 0, 0, 0, 1, 2, 3], 'full')

/** UDP-Lite that covers the whole packet (RFC 3828 §3.1: coverage 0). */
export const udpLite = (): Upper => transport(136, 6, [...u16(7), ...u16(8), 0, 0, 0, 0, ...data(12)], 'full')

/** A transport whose checksum, if any, does not cover the addresses. */
export const opaque = (protocol: number, octets: Octets = data(24)): Upper => ({ protocol, build: () => octets })

export interface IcmpFields {
  readonly type: number
  readonly code?: number
  /** The last 32 bits of the header. */
  readonly rest?: number
  readonly body?: Octets
}
export const icmp4 = ({ type, code = 0, rest = 0, body = [] }: IcmpFields): Upper => ({
  protocol: 1,
  build: () => withChecksum([type, code, 0, 0, ...u32(rest), ...body], 2, (zeroed) => zeroed),
})
export const icmp6 = ({ type, code = 0, rest = 0, body = [] }: IcmpFields): Upper => ({
  protocol: 58,
  build: (pseudo) => {
    const octets = [type, code, 0, 0, ...u32(rest), ...body]
    return withChecksum(octets, 2, (zeroed) => [...pseudo, ...pseudoTail(octets.length, 58), ...zeroed])
  },
})

export const ECHO_REST = 0x1234_0001
export const echoRequest4 = (body: Octets = data(16)): Upper => icmp4({ type: 8, rest: ECHO_REST, body })
export const echoReply4 = (body: Octets = data(16)): Upper => icmp4({ type: 0, rest: ECHO_REST, body })
export const echoRequest6 = (body: Octets = data(16)): Upper => icmp6({ type: 128, rest: ECHO_REST, body })
export const echoReply6 = (body: Octets = data(16)): Upper => icmp6({ type: 129, rest: ECHO_REST, body })

/** Where a fragment stands: offset in units of 8 octets, more fragments, identification. */
export interface FragmentFields {
  readonly off8?: number
  readonly more?: boolean
  readonly id?: number
}

export interface Ip4Fields extends FragmentFields {
  readonly src: string
  readonly dst: string
  readonly ttl?: number
  readonly tos?: number
  readonly df?: boolean
  readonly options?: Octets
  /** For the packet inside an ICMP error: Total Length when the rest is cut off. */
  readonly totalLength?: number
}
export const ip4 = (fields: Ip4Fields, upper: Upper): Octets => {
  const { src, dst, ttl = 64, tos = 0, df = false, options = [], off8 = 0, more = false, id = 0 } = fields
  const addresses = [...ip4Octets(src), ...ip4Octets(dst)]
  const payload = upper.build(addresses)
  const ihl = 5 + options.length / 4
  const flags = (df ? 0x4000 : 0) | (more ? 0x2000 : 0) | off8
  const length = fields.totalLength ?? ihl * 4 + payload.length
  const fixed = [0x40 | ihl, tos, ...u16(length), ...u16(id), ...u16(flags), ttl, upper.protocol, 0, 0]
  return [...withChecksum([...fixed, ...addresses, ...options], 10, (zeroed) => zeroed), ...payload]
}

/** An extension header: its protocol number and its octets behind "next header" and length. */
export interface Extension {
  readonly protocol: number
  readonly body: Octets
}

export interface Ip6Fields {
  readonly src: string
  readonly dst: string
  readonly hops?: number
  readonly tclass?: number
  readonly flow?: number
  readonly extensions?: readonly Extension[]
  readonly fragment?: FragmentFields
  /** Extension headers behind the fragment header. */
  readonly inFragment?: readonly Extension[]
  /** For the packet inside an ICMP error: Payload Length when the rest is cut off. */
  readonly payloadLength?: number
}

const chain = (extensions: readonly Extension[], last: number): { first: number; octets: Octets } => {
  let next = last
  let octets: Octets = []
  for (const { protocol, body } of extensions.toReversed()) {
    assert.equal((body.length + 2) % 8, 0, 'an extension header is a multiple of 8 octets')
    octets = [next, (body.length + 2) / 8 - 1, ...body, ...octets]
    next = protocol
  }
  return { first: next, octets }
}

export const ip6 = (fields: Ip6Fields, upper: Upper): Octets => {
  const { src, dst, hops = 64, tclass = 0, flow = 0, extensions = [], fragment, inFragment = [] } = fields
  const addresses = [...ip6Octets(src), ...ip6Octets(dst)]
  const inside = chain(inFragment, upper.protocol)
  const payload = [...inside.octets, ...upper.build(addresses)]
  const fragmentHeader =
    fragment === undefined
      ? []
      : [
          inside.first,
          0,
          ...u16(((fragment.off8 ?? 0) << 3) | (fragment.more === true ? 1 : 0)),
          ...u32(fragment.id ?? 0),
        ]
  const outside = chain(extensions, fragment === undefined ? inside.first : 44)
  const behind = [...outside.octets, ...fragmentHeader, ...payload]
  const first = u32((0x6000_0000 | (tclass << 20) | flow) >>> 0)
  return [...first, ...u16(fields.payloadLength ?? behind.length), outside.first, hops, ...addresses, ...behind]
}

/** A part of an upper-layer message whose checksum was made over the whole, between the given addresses. */
export const part = (whole: Upper, pseudo: Octets, from: number, to?: number): Upper => ({
  protocol: whole.protocol,
  build: () => whole.build(pseudo).slice(from, to),
})

/** The first `length` octets of a packet, as an ICMP error quotes them. */
export const quote = (packet: Octets, length = packet.length): Octets => packet.slice(0, length)
