/**
 * Says what is wrong with a packet behind its offload header as the kernel would: the partial checksum, where it stands,
 * the kind of segments. Shares no code with core/.
 */
import { checksumOf, type Octets, u32 } from '../testkit/packet-builder.ts'
import { faultOf, takeApart } from '../testkit/packet-checker.ts'

/** Octets of the offload header (virtio 1.2 §5.1.6, without num_buffers). */
const HEAD = 10
const NEEDS_CSUM = 1
const ECN = 0x80

const le16 = (octets: Octets, at: number): number => (octets[at] ?? 0) + (octets[at + 1] ?? 0) * 256
const be16 = (octets: Octets, at: number): number => (octets[at] ?? 0) * 256 + (octets[at + 1] ?? 0)

/** GSO type → family and protocol that it may stand before. */
const SEGMENTS: Readonly<Record<number, readonly [families: readonly number[], protocol: number]>> = {
  1: [[4], 6],
  4: [[6], 6],
  5: [[4, 6], 17],
}

/** What is wrong with offload header and packet; `undefined` when nothing is. */
export const offloadFaultOf = (octets: Octets): string | undefined => {
  const packet = octets.slice(HEAD)
  const gso = (octets[1] ?? 0) & ~ECN
  if (((octets[0] ?? 0) & NEEDS_CSUM) === 0) return gso === 0 ? faultOf(packet) : 'segments without a partial checksum'
  const taken = takeApart(packet)
  if (typeof taken === 'string') return taken
  const { family, protocol, pseudo, upper, upperLength } = taken
  if (upper.length !== upperLength) return 'shorter than it says'
  if (packet.length !== (family === 4 ? be16(packet, 2) : 40 + be16(packet, 4))) return 'longer than it says'
  if (!taken.whole) return 'a fragment with offload'
  const [csumStart, csumOffset] = [le16(octets, 6), le16(octets, 8)]
  if (csumStart !== packet.length - upper.length) return `offload: checksum starts at ${csumStart}`
  if (csumOffset !== (protocol === 6 ? 16 : protocol === 17 ? 6 : -1)) return `offload: checksum at ${csumOffset}`
  const expected = 0xffff - checksumOf([...pseudo, ...u32(upperLength), 0, 0, 0, protocol])
  // Both zeros of ones' complement stand for the same sum.
  if (be16(upper, csumOffset) % 0xffff !== expected % 0xffff) return 'partial checksum'
  if (gso === 0) return undefined
  const [families, segmented] = SEGMENTS[gso] ?? [[], -1]
  if (!families.includes(family) || protocol !== segmented) return `offload: segments of type ${gso}`
  return le16(octets, 4) > 0 ? undefined : 'offload: segments of no size'
}
