import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import fc from 'fast-check'
import {
  type ChecksumKind,
  data,
  echoRequest4,
  ip4,
  ip6,
  type Octets,
  opaque,
  type TcpFields,
  tcp,
  type UdpFields,
  udp,
} from '../testkit/packet-builder.ts'
import { segmentsOf } from '../testkit/segments.ts'
import { Coalescer, Offer, type SuperPackets, TRAINS } from './coalescer.ts'
import { Frame, HEADROOM, readVnet, writeVnet } from './frame.ts'
import { VNET } from './wire/virtio-net.ts'

const BOTH: SuperPackets = { tcp: true, udp: true }

/** A packet with its offload header, as the kernel hands it over and the translator leaves it. */
const offered = (packet: Octets, checksum: ChecksumKind | 'checked'): Octets => {
  const isIpv6 = (packet[0] ?? 0) >>> 4 === 6
  const isTcp = (isIpv6 ? packet[6] : packet[9]) === 6
  if (checksum === 'partial') return [1, 0, 0, 0, 0, 0, isIpv6 ? 40 : 20, 0, isTcp ? 16 : 6, 0, ...packet]
  return [checksum === 'checked' ? 2 : 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...packet]
}

/** What is written when these are offered one after the other, and the rest is flushed; as octets. */
const coalesce = (packets: readonly Octets[], kinds = BOTH): { written: Octets[]; offers: Offer[] } => {
  const written: Octets[] = []
  const write = (frame: Frame): void => {
    writeVnet(frame)
    written.push([...frame.bytes.subarray(frame.o - VNET.LEN, frame.o + frame.len)])
  }
  const coalescer = new Coalescer(write, kinds)
  const offers = packets.map((octets) => {
    const frame = new Frame()
    frame.bytes.set(octets, HEADROOM - VNET.LEN)
    assert.ok(readVnet(frame, octets.length))
    const offer = coalescer.offer(frame)
    if (offer === Offer.PASS) write(frame)
    return offer
  })
  coalescer.flush()
  return { written, offers }
}

const V4 = { src: '198.18.0.10', dst: '203.0.113.2' }
const V6 = { src: '64:ff9b::cb00:7102', dst: 'fd00:6:4::10' }

const udp4 = (fields: UdpFields = {}, more: object = {}): Octets =>
  offered(ip4({ ...V4, ...more }, udp(fields)), fields.checksum ?? 'full')
const udp6 = (fields: UdpFields = {}, more: object = {}): Octets =>
  offered(ip6({ ...V6, ...more }, udp(fields)), fields.checksum ?? 'full')
const tcp4 = (fields: TcpFields = {}, more: object = {}): Octets =>
  offered(ip4({ ...V4, df: true, ...more }, tcp({ flags: 0x10, ...fields })), fields.checksum ?? 'full')
const tcp6 = (fields: TcpFields = {}, more: object = {}): Octets =>
  offered(ip6({ ...V6, ...more }, tcp({ flags: 0x10, ...fields })), fields.checksum ?? 'full')

const broken = (octets: Octets): Octets => octets.map((octet, at) => (at === octets.length - 1 ? octet ^ 1 : octet))
/** Four octets more in the IP packet than the datagram says it has; the kernel has found its checksum to be right. */
const behind = (octets: Octets): Octets => {
  const packet = ip4({ ...V4, df: true }, { protocol: 17, build: () => [...octets.slice(30), 1, 2, 3, 4] })
  return offered(packet, 'checked')
}
const body = data(100)
const next = { seq: 0x01020304 + 100 }

/** Name, packets, and how many of them each written super-packet holds. */
const TABLE: readonly (readonly [string, readonly Octets[], readonly number[]])[] = [
  ['UDP over IPv4, identifications in a row', [udp4(), udp4({}, { id: 1 }), udp4({}, { id: 2 })], [3]],
  ['UDP over IPv6', [udp6(), udp6(), udp6()], [3]],
  ['UDP with partial checksums', [udp6({ checksum: 'partial' }), udp6({ checksum: 'partial' })], [2]],
  ['a shorter datagram ends a train', [udp6(), udp6({ data: data(19) }), udp6()], [2, 1]],
  ['a longer datagram begins another', [udp6(), udp6({ data: data(21) }), udp6({ data: data(21) })], [1, 2]],
  ['an empty datagram goes alone, behind those before it', [udp6(), udp6({ data: [] }), udp6()], [1, 1, 1]],
  ['UDP without checksum goes alone', [udp4({ checksum: 'none' }), udp4({ checksum: 'none' }, { id: 1 })], [1, 1]],
  ['identifications with a gap, DF clear', [udp4(), udp4({}, { id: 2 })], [1, 1]],
  ['identifications with a gap, DF set (RFC 6864 §4.1)', [udp4({}, { df: true }), udp4({}, { df: true, id: 9 })], [2]],
  ['identifications wrap', [udp4({}, { id: 0xffff }), udp4({}, { id: 0 })], [2]],
  ['DF differs', [udp4({}, { df: true }), udp4({}, { id: 1 })], [1, 1]],
  ['another TTL', [udp4(), udp4({}, { id: 1, ttl: 63 })], [1, 1]],
  ['another TOS', [udp4(), udp4({}, { id: 1, tos: 1 })], [1, 1]],
  ['another hop limit', [udp6(), udp6({}, { hops: 63 })], [1, 1]],
  ['another traffic class', [udp6(), udp6({}, { tclass: 1 })], [1, 1]],
  ['two flows in turn', [udp6(), udp6({ dst: 54 }), udp6(), udp6({ dst: 54 })], [2, 2]],
  ['a damaged datagram stays damaged', [udp6(), broken(udp6()), udp6()], [1, 1, 1]],
  ['so does the first one', [broken(udp6()), udp6(), udp6()], [1, 2]],
  [
    'octets behind the end of a datagram stay behind it',
    [behind(udp4({}, { df: true })), behind(udp4({}, { df: true }))],
    [1, 1],
  ],
  ['fragments go alone', [udp4({}, { more: true }), udp4({}, { more: true })], [1, 1]],
  ['TCP over IPv4', [tcp4({ data: body }), tcp4({ data: body, ...next }, { id: 7 })], [2]],
  ['TCP over IPv6', [tcp6({ data: body }), tcp6({ data: body, ...next })], [2]],
  [
    'TCP with options',
    [tcp6({ data: body, options: [1, 1, 1, 0] }), tcp6({ data: body, options: [1, 1, 1, 0], ...next })],
    [2],
  ],
  ['TCP sequence number wraps', [tcp6({ data: body, seq: 0xffffffff }), tcp6({ data: body, seq: 99 })], [2]],
  ['TCP with a gap', [tcp6({ data: body }), tcp6({ data: body, seq: 0x01020304 + 101 })], [1, 1]],
  ['TCP again (a retransmission)', [tcp6({ data: body }), tcp6({ data: body })], [1, 1]],
  ['TCP, another acknowledgement', [tcp6({ data: body }), tcp6({ data: body, ...next, ack: 1 })], [1, 1]],
  ['TCP, another window', [tcp6({ data: body }), tcp6({ data: body, ...next, window: 1 })], [1, 1]],
  [
    'TCP, other options',
    [tcp6({ data: body, options: [1, 1, 1, 0] }), tcp6({ data: body, options: [1, 1, 0, 0], ...next })],
    [1, 1],
  ],
  ['TCP, longer header', [tcp6({ data: body }), tcp6({ data: body, options: [1, 1, 1, 0], ...next })], [1, 1]],
  [
    'TCP PSH ends a train',
    [tcp6({ data: body }), tcp6({ data: body, ...next, flags: 0x18 }), tcp6({ data: body, seq: 0x01020304 + 200 })],
    [2, 1],
  ],
  ['TCP PSH first', [tcp6({ data: body, flags: 0x18 }), tcp6({ data: body, ...next })], [1, 1]],
  [
    'TCP SYN, FIN, RST, URG, ECE, CWR go alone',
    [0x12, 0x11, 0x14, 0x30, 0x50, 0x90].map((flags, index) => tcp6({ data: body, seq: index * 100, flags })),
    [1, 1, 1, 1, 1, 1],
  ],
  [
    'TCP acknowledgement does not overtake data',
    [tcp6({ data: body }), tcp6({ data: [], ...next }), tcp6({ data: body, ...next })],
    [1, 1, 1],
  ],
  ['TCP damaged', [tcp4({ data: body }), broken(tcp4({ data: body, ...next }))], [1, 1]],
  ['other protocols', [offered(ip4(V4, echoRequest4()), 'full'), offered(ip4(V4, opaque(132)), 'full')], [1, 1]],
  ['other protocols overtake nothing', [udp6(), offered(ip6(V6, opaque(132)), 'full'), udp6()], [1, 1, 1]],
  ['at most 64', Array.from({ length: 65 }, () => udp6({ data: data(1) })), [64, 1]],
  ['at most 65,535 bytes', Array.from({ length: 48 }, () => udp6({ data: data(1400) })), [46, 2]],
  [
    'more flows than trains',
    Array.from({ length: 2 * (TRAINS + 1) }, (_, n) => udp6({ dst: n % (TRAINS + 1) })),
    Array.from({ length: 2 * (TRAINS + 1) }, () => 1),
  ],
]

describe('coalescing, packets of one flow that follow each other', () => {
  for (const [name, packets, expected] of TABLE) {
    it(name, () => {
      const { written } = coalesce(packets)
      assert.deepEqual(
        written.map((octets) => segmentsOf(octets).length).toSorted((a, b) => b - a),
        [...expected].toSorted((a, b) => b - a),
      )
    })
  }

  it('of a kind that the TUN does not take: alone', () => {
    assert.deepEqual(coalesce([udp6(), udp6()], { tcp: true, udp: false }).offers, [Offer.PASS, Offer.PASS])
    const packets = [tcp6({ data: body }), tcp6({ data: body, ...next })]
    assert.deepEqual(coalesce(packets, { tcp: false, udp: true }).offers, [Offer.PASS, Offer.PASS])
  })

  it('a super-packet goes as it is', () => {
    const [octets] = coalesce([
      tcp6({ data: body, checksum: 'partial' }),
      tcp6({ data: body, checksum: 'partial', ...next }),
    ]).written
    assert.ok(octets)
    assert.deepEqual(coalesce([octets]), { written: [octets], offers: [Offer.PASS] })
  })

  it('checked by the kernel is not checked again', () => {
    const wrong = broken(udp6())
    const { offers } = coalesce([udp6(), [2, ...wrong.slice(1)]])
    assert.deepEqual(offers, [Offer.TAKEN, Offer.MERGED])
  })
})

/** What the kernel sends for an IPv4 packet with DF set may have any identification. */
const withoutAtomicId = (packet: Octets): string => {
  const isAtomic = (packet[0] ?? 0) >>> 4 === 4 && ((packet[6] ?? 0) & 0x40) !== 0
  return packet.filter((_, at) => !(isAtomic && [4, 5, 10, 11].includes(at))).join(' ')
}

/** Addresses and ports. */
const flowOf = (packet: Octets): string =>
  ((packet[0] ?? 0) >>> 4 === 6 ? packet.slice(8, 44) : packet.slice(12, 24)).join(' ')

const streamsOf = (written: readonly Octets[]): Map<string, string[]> => {
  const streams = new Map<string, string[]>()
  for (const packet of written.flatMap(segmentsOf))
    streams.set(flowOf(packet), [...(streams.get(flowOf(packet)) ?? []), withoutAtomicId(packet)])
  return streams
}

test('whatever comes, the wire sees the same packets, each flow in its order', () => {
  const steps = fc.record({
    flow: fc.nat(1),
    isForeign: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    size: fc.constantFrom(100, 100, 100, 100, 60, 0, 101),
    checksum: fc.constantFrom('full' as const, 'partial' as const),
    flags: fc.constantFrom(0x10, 0x10, 0x10, 0x18, 0x11),
    isBroken: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    tos: fc.integer({ min: 0, max: 9 }).map((n) => (n === 0 ? 8 : 0)),
  })
  const kinds = fc.record({ isTcp: fc.boolean(), isIpv6: fc.boolean(), df: fc.boolean() })
  let merged = 0
  fc.assert(
    fc.property(kinds, fc.array(steps, { minLength: 10, maxLength: 60 }), ({ isIpv6, df, ...kind }, list) => {
      let id = 0
      const seqs = new Map<string, number>()
      const packets = list.map(({ flow, isForeign, size, checksum, flags, isBroken, tos }) => {
        const isTcp = kind.isTcp !== isForeign
        const key = `${isTcp} ${flow}`
        const seq = seqs.get(key) ?? 0xffff_ff00
        seqs.set(key, (seq + size) >>> 0)
        const fields = { src: 1000 + flow, data: data(size), checksum }
        const upper = isTcp ? tcp({ ...fields, seq, flags }) : udp(fields)
        const packet = isIpv6 ? ip6({ ...V6, tclass: tos }, upper) : ip4({ ...V4, tos, df, id: id++ }, upper)
        const octets = offered(packet, checksum)
        return isBroken && checksum === 'full' && size > 0 ? broken(octets) : octets
      })
      const { written, offers } = coalesce(packets)
      merged += offers.filter((offer) => offer === Offer.MERGED).length
      assert.deepEqual(streamsOf(written), streamsOf(packets))
    }),
    { numRuns: 300 },
  )
  assert.ok(merged > 500, `only ${merged} packets were merged`)
})
