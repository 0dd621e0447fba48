/** What holds for every packet, whatever it is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CoreLab, eam, HOST_A, HOST_B, pref64Of } from '../testkit/core-lab.ts'
import {
  echoRequest4,
  echoRequest6,
  type Ip4Fields,
  ip4,
  ip6,
  type Octets,
  opaque,
  tcp,
  udp,
  type Upper,
} from '../testkit/packet-builder.ts'
import { faultOf } from '../testkit/packet-checker.ts'
import { VECTORS } from '../testkit/vectors/all.ts'
import { FRAME_BYTES, HEADROOM } from './frame.ts'
import { VNET } from './wire/virtio-net.ts'

const CARRIED = new Set(['TRANSLATED_6TO4', 'TRANSLATED_4TO6', 'HAIRPINNED'])

const octetsArb = (maxLength: number) => fc.uint8Array({ maxLength }).map((octets) => [...octets])
const upperArb: fc.Arbitrary<[six: Upper, four: Upper]> = fc.oneof(
  octetsArb(1300).map((data): [Upper, Upper] => [udp({ data }), udp({ data })]),
  octetsArb(1300).map((data): [Upper, Upper] => [tcp({ data }), tcp({ data })]),
  octetsArb(1300).map((data): [Upper, Upper] => [echoRequest6(data), echoRequest4(data)]),
  octetsArb(300).map((data): [Upper, Upper] => [opaque(132, data), opaque(132, data)]),
)
const server4Arb = fc
  .tuple(fc.integer({ min: 1, max: 126 }), fc.nat(255), fc.nat(255), fc.nat(255))
  .map((parts) => parts.join('.'))

const PREFIXES = [
  ['64:ff9b::/96', (a: readonly string[]) => `64:ff9b::${a.join('.')}`],
  [
    '2001:db8:122::/48',
    (a: readonly string[]) => `2001:db8:122:${hex2(a[0], a[1])}:${hex2('0', a[2])}:${hex2(a[3], '0')}::`,
  ],
  ['2001:db8::/32', (a: readonly string[]) => `2001:db8:${hex2(a[0], a[1])}:${hex2(a[2], a[3])}::`],
] as const
const hex2 = (high = '0', low = '0'): string => (Number(high) * 256 + Number(low)).toString(16)

test('there and back: what the IPv4 side would send back unchanged arrives as it was sent, addresses turned', () => {
  const HOST6 = 'fd00::10'
  for (const [prefix, embed] of PREFIXES) {
    const lab = new CoreLab({ map: { pref64: [pref64Of(prefix)] }, hosts: [[HOST6, HOST_A.ip4, 0]] })
    fc.assert(
      fc.property(
        upperArb,
        server4Arb,
        fc.integer({ min: 2, max: 255 }),
        fc.nat(255),
        ([six, four], server, hops, tos) => {
          const server6 = embed(server.split('.'))
          const there = lab.playPacket(ip6({ src: HOST6, dst: server6, hops, tclass: tos }, six))
          assert.equal(there.verdict, 'TRANSLATED_6TO4')
          const [got] = there.out
          assert.ok(got !== undefined)
          const df = got[6] === 0x40
          const id = (got[4] ?? 0) * 256 + (got[5] ?? 0)
          assert.deepEqual(got, ip4({ src: HOST_A.ip4, dst: server, ttl: hops - 1, tos, df, id }, four))
          const back = lab.playPacket(ip4({ src: server, dst: HOST_A.ip4, ttl: hops, tos, df: true }, four))
          assert.equal(back.verdict, 'TRANSLATED_4TO6')
          assert.deepEqual(back.out, [ip6({ src: server6, dst: HOST6, hops: hops - 1, tclass: tos }, six)])
        },
      ),
    )
  }
})

test('fragments of any IPv4 packet with DF clear put together are the translated packet', () => {
  const lab = new CoreLab({ settings: { lowestIpv6MtuBytes: 1280 } })
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 8000 }), fc.nat(0xffff), (length, id) => {
      const upper = udp({ data: Array.from({ length }, (_, index) => index & 255) })
      const fields: Ip4Fields = { src: '192.0.2.33', dst: HOST_A.ip4, id }
      const { out } = lab.playPacket(ip4(fields, upper))
      for (const packet of out) assert.ok(packet.length <= 1280)
      const whole = ip6({ src: '64:ff9b::192.0.2.33', dst: HOST_A.ip6 }, upper).slice(40)
      if (out.length === 1) assert.deepEqual(out[0]?.slice(40), whole)
      else
        assert.deepEqual(
          out.flatMap((packet) => packet.slice(48)),
          whole,
        )
      const offsets = out.map((packet) => (packet[42] ?? 0) * 256 + (packet[43] ?? 0))
      if (out.length > 1) {
        assert.ok(offsets.slice(0, -1).every((offset) => (offset & 1) === 1) && ((offsets.at(-1) ?? 1) & 1) === 0)
        assert.ok(out.every((packet) => packet.slice(44, 48).join() === [0, 0, id >>> 8, id & 255].join()))
      }
    }),
  )
})

/** The packets of all vectors: something real to mutate. */
const SEEDS = VECTORS.filter((vector) => vector.in.length < 3000).map((vector) => vector.in)

/** Changes a few octets, cuts or lengthens; keeps what is left of the structure. */
const mutatedArb = fc
  .tuple(
    fc.constantFrom(...SEEDS),
    fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 6 }),
    fc.oneof(fc.constant(0), fc.integer({ min: -80, max: 80 })),
  )
  .map(([seed, changes, resize]) => {
    const octets = [...seed]
    for (const [at, value] of changes) if (at < octets.length) octets[at] = value
    return resize <= 0
      ? octets.slice(0, Math.max(0, octets.length + resize))
      : [...octets, ...Array.from({ length: resize }, () => 0)]
  })

const lab = new CoreLab({
  map: {
    pref64: [pref64Of('64:ff9b::/96'), pref64Of('2001:db8:122::/48')],
    eams: [eam('2001:db8:aaaa::/128', '192.0.2.1/32'), eam('2001:db8:cccc::/124', '192.0.2.16/28')],
  },
  settings: { icmpErrorsPerSecond: 1e9, icmpErrorsBurst: 1e9 },
})

/** Plays a packet in a frame whose surroundings are filled with a pattern, and says how far from the packet was written. */
const playGuarded = (octets: Octets): { verdict: string; out: readonly Uint8Array[] } => {
  const { bytes } = lab.frame
  const GUARD = 0xa5
  const TAIL = 4096
  const end = HEADROOM - VNET.LEN + octets.length
  bytes.fill(GUARD, 0, HEADROOM - VNET.LEN)
  bytes.fill(GUARD, end, Math.min(end + TAIL, FRAME_BYTES))
  const outcome = lab.play(octets)
  // The most that headers grow by: an ICMP error about a fragment (56), and the offload header before it.
  assert.ok(
    bytes.subarray(0, HEADROOM - 56 - VNET.LEN).every((octet) => octet === GUARD),
    'wrote too far in front',
  )
  // An RFC 4884 datagram may be padded to 128 octets: that many and an extension may come behind.
  assert.ok(
    bytes.subarray(end + 160, Math.min(end + TAIL, FRAME_BYTES)).every((octet) => octet === GUARD),
    'wrote too far behind',
  )
  return outcome
}

test('mutated packets never throw, never write outside, never become a packet with a bad checksum', () => {
  fc.assert(
    fc.property(mutatedArb, (octets) => {
      const before = faultOf(octets.slice(VNET.LEN))
      const { verdict, out } = playGuarded(octets)
      if (!CARRIED.has(verdict) || octets[0] !== 0) return
      for (const packet of out) {
        const fault = faultOf([...packet.subarray(VNET.LEN)])
        // A transport checksum that was wrong stays wrong: nothing damaged becomes valid, nothing valid becomes damaged.
        if (before === undefined) assert.equal(fault, undefined, `${verdict}: ${Buffer.from(packet).toString('hex')}`)
        else if (fault !== undefined) assert.match(fault, /checksum|without checksum|inner/)
      }
    }),
    { numRuns: 3000 },
  )
})

test('random bytes never throw and never write outside', () => {
  const anyArb = fc.tuple(fc.constantFrom(0x45, 0x60, 0x4f, 0x00), fc.uint8Array({ maxLength: 400 }))
  fc.assert(
    fc.property(anyArb, fc.boolean(), ([first, octets], isForUs) => {
      const packet = [first, ...octets]
      // Half of them get addresses that are translated, so that they come further than the first check.
      const to =
        first === 0x60
          ? ip6({ src: HOST_A.ip6, dst: '64:ff9b::1.2.3.4' }, udp()).slice(8, 40)
          : ip4({ src: '1.2.3.4', dst: HOST_B.ip4 }, udp()).slice(12, 20)
      const at = first === 0x60 ? 8 : 12
      const aimed = isForUs ? packet.map((octet, index) => to[index - at] ?? octet) : packet
      playGuarded([...Array.from({ length: VNET.LEN }, () => 0), ...aimed])
    }),
    { numRuns: 2000 },
  )
})

test('random offload headers never throw and never write outside', () => {
  fc.assert(
    fc.property(fc.constantFrom(...SEEDS), fc.uint8Array({ minLength: 10, maxLength: 10 }), (seed, head) => {
      playGuarded([...head, ...seed.slice(VNET.LEN)])
    }),
    { numRuns: 2000 },
  )
})

test('a packet that is refused stands in the frame as it came', () => {
  for (const vector of VECTORS) {
    if (['TRANSLATED_6TO4', 'TRANSLATED_4TO6', 'HAIRPINNED', 'ECHO_ANSWERED', 'NO_MAPPING'].includes(vector.verdict))
      continue
    const fresh = new CoreLab(vector.options)
    fresh.play(vector.in)
    const now = fresh.frame.bytes.subarray(HEADROOM - VNET.LEN, HEADROOM - VNET.LEN + vector.in.length)
    assert.deepEqual([...now], [...vector.in], vector.id)
  }
})
