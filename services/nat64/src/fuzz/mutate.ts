/** Turns real packets into odd ones that still look enough like packets to come far. */
import type { Random } from '@sixgate/testkit'
import { checksumOf, type Octets, u16, u32 } from '../testkit/packet-builder.ts'
import { takeApart } from '../testkit/packet-checker.ts'

/** Octets of the offload header. */
const HEAD = 10
/** What a read of the TUN gives at most. */
const LONGEST = 65_535

const ODD8 = [0, 1, 2, 4, 5, 6, 17, 33, 41, 43, 44, 50, 51, 58, 59, 60, 127, 128, 136, 255]
const ODD16 = [
  0, 1, 7, 8, 19, 20, 39, 40, 48, 575, 576, 1260, 1280, 1500, 0x1fff, 0x2000, 0x4000, 0x7fff, 0x8000, 0xffff,
]

type Mutation = (octets: number[], random: Random, seeds: readonly Octets[]) => number[]

/** Mostly headers: that is where decisions are made. */
const place = (octets: Octets, random: Random): number =>
  Math.min(octets.length - 1, HEAD + random.below(random.oneIn(4) ? octets.length : 80))

const set16 = (octets: number[], at: number, value: number): void => {
  for (const [index, octet] of u16(value).entries()) if (at + index < octets.length) octets[at + index] = octet
}

const MUTATIONS: readonly Mutation[] = [
  (octets, random) => octets.with(place(octets, random), random.below(256)),
  (octets, random) => octets.with(place(octets, random), random.pick(ODD8)),
  (octets, random) => {
    const at = place(octets, random)
    return octets.with(at, (octets[at] ?? 0) ^ (1 << random.below(8)))
  },
  (octets, random) => {
    set16(octets, place(octets, random) & ~1, random.pick(ODD16))
    return octets
  },
  // cut and lengthen
  (octets, random) => octets.slice(0, Math.max(HEAD + 1, octets.length - random.below(random.oneIn(2) ? 9 : 200))),
  (octets, random) => octets.slice(0, HEAD + 1 + random.below(octets.length - HEAD)),
  (octets, random) => [
    ...octets,
    ...Array.from({ length: random.below(random.oneIn(8) ? 3000 : 40) }, () => random.below(256)),
  ],
  // double, remove or zero a run: extension headers, options, RFC 4884 objects
  (octets, random) => {
    const at = place(octets, random)
    return [...octets.slice(0, at), ...octets.slice(at, at + 8), ...octets.slice(at)]
  },
  (octets, random) => octets.toSpliced(place(octets, random), 1 + random.below(8)),
  (octets, random) => {
    const at = place(octets, random)
    return octets.fill(0, at, at + 1 + random.below(8))
  },
  // the head of one packet, the tail of another
  (octets, random, seeds) => {
    const at = place(octets, random)
    return [...octets.slice(0, at), ...random.pick(seeds).slice(at)]
  },
  // another packet inside: as the body of an ICMP error or of anything else
  (octets, random, seeds) => {
    const at = HEAD + random.pick([20, 28, 40, 48, 56])
    return [...octets.slice(0, at), ...random.pick(seeds).slice(HEAD)]
  },
  // the packet in an ICMP error towards its sender
  (octets, random) => asErrorAbout(octets, random),
  // offload header
  (octets, random) => octets.with(random.below(HEAD), random.oneIn(2) ? random.pick(ODD8) : random.below(256)),
  (octets, random) => {
    const packet = octets.slice(HEAD)
    return [...offloadFor(packet, random), ...packet]
  },
  (octets) => octets.fill(0, 0, HEAD),
]

/** Offload header that fits a TCP or UDP packet, whose checksum becomes partial; none for others. */
const offloadFor = (packet: number[], random: Random): Octets => {
  const none = Array.from({ length: HEAD }, () => 0)
  const taken = takeApart(packet)
  if (typeof taken === 'string' || !taken.whole || taken.upper.length !== taken.upperLength) return none
  const { protocol, family, pseudo, upper, upperLength } = taken
  const field = protocol === 6 ? 16 : protocol === 17 ? 6 : 0
  if (field === 0 || upper.length < field + 2) return none
  const start = packet.length - upper.length
  set16(packet, start + field, 0xffff - checksumOf([...pseudo, ...u32(upperLength), 0, 0, 0, protocol]))
  const gso = random.oneIn(2) ? 0 : protocol === 17 ? 5 : family === 4 ? 1 : 4
  const size = gso === 0 ? 0 : random.pick([1, 8, 100, 536, 1220, 1400, 1440, 9000])
  const little = (value: number): Octets => u16(value).toReversed()
  const ecn = gso === 0 || random.oneIn(2) ? 0 : 0x80
  const head = start + (protocol === 6 ? 20 : 8)
  return [1, gso | ecn, ...little(head), ...little(size), ...little(start), ...little(field)]
}

const asErrorAbout = (octets: number[], random: Random): number[] => {
  const packet = octets.slice(HEAD)
  const four = (packet[0] ?? 0) >>> 4 === 4
  const type = random.pick(four ? [3, 4, 5, 11, 12] : [1, 2, 3, 4])
  const body = [
    type,
    random.below(16),
    0,
    0,
    ...(random.oneIn(2) ? [0, 0, 5, 0] : [0, random.below(40), 5, 220]),
    ...packet,
  ]
  const plain = Array.from({ length: HEAD }, () => 0)
  if (four) {
    const turned = [...packet.slice(16, 20), ...packet.slice(12, 16)]
    return [...plain, 0x45, 0, ...u16(20 + body.length), 0, 0, 0, 0, 64, 1, 0, 0, ...turned, ...body]
  }
  const turned = [...packet.slice(24, 40), ...packet.slice(8, 24)]
  return [...plain, 0x60, 0, 0, 0, ...u16(body.length), 58, 64, ...turned, ...body]
}

/** Puts lengths and checksums right, as far as the packet can be understood, so that it is not refused for those. */
const repair = (octets: number[]): number[] => {
  const packet = octets.slice(HEAD)
  if (packet.length < 20) return octets
  const four = (packet[0] ?? 0) >>> 4 === 4
  if (four) {
    set16(packet, 2, packet.length)
    set16(packet, 10, 0)
    set16(packet, 10, checksumOf(packet.slice(0, ((packet[0] ?? 0) & 15) * 4)))
  } else set16(packet, 4, packet.length - 40)
  const taken = takeApart(packet)
  if (typeof taken === 'string' || !taken.whole || octets[0] === 1) return [...octets.slice(0, HEAD), ...packet]
  const { protocol, family, pseudo, upper, upperLength } = taken
  const field = { 1: 2, 6: 16, 17: 6, 33: 6, 58: 2, 136: 6 }[protocol]
  if (field === undefined || upper.length < field + 2) return [...octets.slice(0, HEAD), ...packet]
  const at = packet.length - upper.length + field
  set16(packet, at, 0)
  const covered = packet.slice(packet.length - upper.length)
  const head = protocol === 1 && family === 4 ? [] : [...pseudo, ...u32(upperLength), 0, 0, 0, protocol]
  const sum = checksumOf([...head, ...covered])
  set16(packet, at, protocol === 17 && sum === 0 ? 0xffff : sum)
  return [...octets.slice(0, HEAD), ...packet]
}

/** A packet made from `seed` by some mutations, repaired two times in three. */
export const mutate = (seed: Octets, random: Random, seeds: readonly Octets[]): Octets => {
  let octets = [...seed]
  for (let left = 1 + random.below(5); left > 0; left--) {
    octets = random.pick(MUTATIONS)(octets, random, seeds).slice(0, LONGEST)
    if (octets.length <= HEAD) octets.push(...Array.from({ length: HEAD + 1 - octets.length }, () => 0x60))
  }
  return random.below(3) > 0 ? repair(octets) : octets
}
