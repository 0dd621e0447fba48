/**
 * What the kernel makes of a packet with an offload header: the checksum completed, a super-packet cut into its segments
 * (virtio 1.2 §5.1.6.2). The slow and obvious way, over octet arrays; shares no code with core/.
 */
import { checksumOf, type Octets, u16, u32 } from './packet-builder.ts'

const at16 = (octets: Octets, at: number): number => (octets[at] ?? 0) * 256 + (octets[at + 1] ?? 0)
const at32 = (octets: Octets, at: number): number => at16(octets, at) * 65_536 + at16(octets, at + 2)
const little16 = (octets: Octets, at: number): number => (octets[at + 1] ?? 0) * 256 + (octets[at] ?? 0)

const put = (octets: Octets, at: number, value: Octets): Octets =>
  octets.map((octet, index) => value[index - at] ?? octet)

const VNET_LEN = 10
const [TCPV4, TCPV6, UDP_L4] = [1, 4, 5]

/** Fills the checksum of a whole TCP or UDP packet over its pseudo-header. */
const complete = (packet: Octets, start: number, offset: number): Octets => {
  const isIpv6 = (packet[0] ?? 0) >>> 4 === 6
  const addresses = isIpv6 ? packet.slice(8, 40) : packet.slice(12, 20)
  const protocol = (isIpv6 ? packet[6] : packet[9]) ?? 0
  const upper = put(packet.slice(start), offset, [0, 0])
  const sum = checksumOf([...addresses, ...u32(upper.length), 0, 0, 0, protocol, ...upper])
  return put(packet, start + offset, u16(protocol === 17 && sum === 0 ? 0xffff : sum))
}

const withLengths = (packet: Octets, start: number, id: number): Octets => {
  if ((packet[0] ?? 0) >>> 4 === 6) return put(packet, 4, u16(packet.length - 40))
  const changed = put(put(put(packet, 2, u16(packet.length)), 4, u16(id)), 10, [0, 0])
  return put(changed, 10, u16(checksumOf(changed.slice(0, start))))
}

/** The packets on the wire of what was written to a TUN: offload header, then the packet. */
export const segmentsOf = (written: Octets): Octets[] => {
  const [flags = 0, type = 0] = written
  const gsoSize = little16(written, 4)
  const start = little16(written, 6)
  const offset = little16(written, 8)
  const packet = written.slice(VNET_LEN)
  if ((flags & 1) === 0) return [packet]
  if (type === 0) return [complete(packet, start, offset)]
  const isTcp = type === TCPV4 || type === TCPV6
  if (!isTcp && type !== UDP_L4) throw new Error(`GSO type ${type}`)
  const headerLength = start + (isTcp ? ((packet[start + 12] ?? 0) >>> 4) * 4 : 8)
  const payload = packet.slice(headerLength)
  const count = Math.ceil(payload.length / gsoSize)
  return Array.from({ length: count }, (_, index) => {
    let segment: Octets = [...packet.slice(0, headerLength), ...payload.slice(index * gsoSize, (index + 1) * gsoSize)]
    segment = withLengths(segment, start, at16(packet, 4) + index)
    if (isTcp) {
      segment = put(segment, start + 4, u32((at32(packet, start + 4) + index * gsoSize) >>> 0))
      if (index < count - 1) segment = put(segment, start + 13, [(packet[start + 13] ?? 0) & ~0x09])
    } else segment = put(segment, start + 4, u16(segment.length - start))
    return complete(segment, start, offset)
  })
}
