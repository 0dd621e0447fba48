/** Random packets through both translators: what the kernel translates, TypeScript translates to the same bytes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HostError } from '@sixgate/host'
import { enterNamespace } from '@sixgate/testkit'
import fc from 'fast-check'
import { VNET } from '../core/wire/virtio-net.ts'
import { comparable, untouched } from '../testkit/comparable.ts'
import { CoreLab, eam, HOST_A, HOST_B, type LabOptions, OWN4, pref64Of, STRANGER6 } from '../testkit/core-lab.ts'
import { FastPathLab } from '../testkit/fast-path-lab.ts'
import {
  dccp,
  echoReply4,
  echoReply6,
  echoRequest4,
  echoRequest6,
  icmp4,
  icmp6,
  ip4,
  ip6,
  type Octets,
  tcp,
  udp,
} from '../testkit/packet-builder.ts'
import { offloaded, plain } from '../testkit/vectors/vector.ts'

const skip = enterNamespace()
const RUNS = Number(process.env.FUZZ_RUNS ?? 1500)

const OPTIONS: LabOptions = {
  map: {
    pref64: [pref64Of('64:ff9b::/96'), pref64Of('2001:db8:64::/96'), pref64Of('2001:db8:ff00::/40')],
    eams: [eam('2001:db8:1::e0/124', '198.51.100.240/28'), eam('2001:db8:1::50/128', '198.18.0.50/32')],
    wellKnownPrefixPolicy: 'allow-private',
  },
  hosts: [
    [HOST_A.ip6, HOST_A.ip4, 0],
    [HOST_A.ip6, '198.18.0.20', 1],
    [HOST_A.ip6, '198.18.0.21', 2],
    [HOST_B.ip6, HOST_B.ip4, 0],
    // Mapped explicitly as well, which goes first.
    ['2001:db8:1::50', '198.18.0.60', 0],
  ],
}

const SERVERS = [
  '1.1.1.1',
  '192.0.2.33',
  '10.1.2.3',
  '127.0.0.1',
  '224.0.0.1',
  '198.18.0.11',
  '198.51.100.241',
  OWN4,
  '0.1.2.3',
]
const LOCAL4 = [HOST_A.ip4, '198.18.0.20', '198.18.0.21', HOST_B.ip4, '198.18.0.50', '198.18.0.60', '198.18.0.99', OWN4]
const LOCAL6 = [HOST_A.ip6, HOST_B.ip6, STRANGER6, '2001:db8:1::50', '2001:db8:1::e1', 'fe80::1', '::1']
const hex4 = (text: string): string =>
  text
    .split('.')
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join('')
    .replace(/(....)(....)/, '$1:$2')
const remote6 = (server: string): readonly string[] => [
  `64:ff9b::${server}`,
  `2001:db8:64::${server}`,
  `64:ff9b:0:1::${hex4(server)}`,
  '2001:db8:ff01:0203:0004::',
]

/** Mostly the first of the list. */
const mostly = <T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof({ arbitrary: fc.constant(usual), weight: 6 }, { arbitrary: fc.constantFrom(usual, ...others), weight: 2 })
const payload = fc.uint8Array({ maxLength: 1400 }).map((bytes) => [...bytes])
const checksum = mostly('full' as const, 'none' as const)
const transports = [
  fc.record({ data: payload, checksum, src: fc.nat(65535) }).map((fields) => udp(fields)),
  fc
    .record({ data: payload, options: mostly<Octets>([], [1, 1, 1, 1], [8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1]) })
    .map((fields) => tcp(fields)),
] as const
const upper4 = fc.oneof(
  ...transports,
  payload.map(echoRequest4),
  payload.map(echoReply4),
  fc.record({ type: fc.nat(18), code: fc.nat(4), body: payload }).map(icmp4),
  fc.constant(dccp()),
)
const upper6 = fc.oneof(
  ...transports,
  payload.map(echoRequest6),
  payload.map(echoReply6),
  fc.record({ type: fc.nat(255), code: fc.nat(4), body: payload }).map(icmp6),
  fc.constant(dccp()),
)
const hops = mostly(64, 0, 1, 2, 255)
const tos = mostly(0, 3, 0xb8, 0xff)
const fragment = mostly<{ off8?: number; more?: boolean }>({}, { more: true }, { off8: 3 })
const packet4 = fc
  .record({
    src: mostly(...(SERVERS as [string])),
    dst: mostly(...(LOCAL4 as [string])),
    ttl: hops,
    tos,
    df: fc.boolean(),
    fragment,
    options: mostly<Octets>([], [1, 1, 1, 0]),
    upper: upper4,
  })
  .map(({ upper, fragment: where, ...fields }) => ip4({ ...fields, ...where }, upper))
const packet6 = fc
  .record({
    src: mostly(...(LOCAL6 as [string])),
    server: fc.constantFrom(...SERVERS),
    which: mostly(0, 1, 2, 3),
    hops,
    tclass: tos,
    flow: fc.nat(0xfffff),
    extension: mostly(false, true),
    fragment: mostly<{ more?: boolean } | undefined>(undefined, { more: true }, {}),
    upper: upper6,
  })
  .map(({ upper, server, which, extension, fragment: where, ...fields }) =>
    ip6(
      {
        ...fields,
        dst: remote6(server)[which] ?? '',
        ...(extension ? { extensions: [{ protocol: 60, body: [1, 4, 0, 0, 0, 0] }] } : {}),
        ...(where === undefined ? {} : { fragment: where }),
      },
      upper,
    ),
  )

/** Super-packets and partial checksums, as a local socket or a NIC with offloads hands them over. */
const offloads = fc
  .record({
    to4: fc.boolean(),
    isTcp: fc.boolean(),
    size: fc.integer({ min: 1, max: 9000 }),
    segment: mostly<number | undefined>(1200, undefined, 536, 1440, 1460),
    df: fc.boolean(),
  })
  .map(({ to4, isTcp, size, segment, df }) => {
    const body = Array.from({ length: size }, (_, index) => (index * 7) & 0xff)
    const upper = isTcp ? tcp({ data: body, checksum: 'partial' }) : udp({ data: body, checksum: 'partial' })
    const packet = to4
      ? ip6({ src: HOST_A.ip6, dst: '64:ff9b::1.1.1.1' }, upper)
      : ip4({ src: '1.1.1.1', dst: HOST_A.ip4, df }, upper)
    const csumStart = to4 ? 40 : 20
    const isCut = segment !== undefined && size > segment
    const gso = isTcp ? (to4 ? 4 : 1) : 5
    return offloaded(
      {
        hdrLen: csumStart + (isTcp ? 20 : 8),
        csumStart,
        csumOffset: isTcp ? 16 : 6,
        ...(isCut ? { gso, gsoSize: segment } : {}),
      },
      packet,
    )
  })

/** Damage: octets that change, or go missing, or are too many. */
const damaged = fc
  .record({
    packet: fc.oneof(packet4, packet6),
    flips: mostly<number>(0, 1, 2),
    places: fc.tuple(fc.nat(70), fc.nat(70)),
    value: fc.nat(255),
    cut: mostly(0, 1, 20, -3),
  })
  .map(({ packet, flips, places, value, cut }) => {
    const octets = packet.map((octet, index) => (places.slice(0, flips).includes(index) ? value : octet))
    return plain(
      cut >= 0 ? octets.slice(0, octets.length - cut) : [...octets, ...Array.from({ length: -cut }, () => 0)],
    )
  })

test(`${RUNS} random packets`, { skip }, (t) => {
  const lab = new FastPathLab(OPTIONS)
  const core = new CoreLab(OPTIONS)
  const by = { kernel: 0, typescript: 0, refused: 0 }
  try {
    fc.assert(
      fc.property(fc.oneof({ arbitrary: damaged, weight: 4 }, { arbitrary: offloads, weight: 1 }), (octets) => {
        const input = Uint8Array.from(octets)
        // Nothing of it would arrive at a TUN.
        if (input.length <= VNET.LEN) return
        let passage
        try {
          passage = lab.play(input)
        } catch (error) {
          // The kernel does not take every offload header.
          if (!(error instanceof HostError) || error.code !== 'EINVAL') throw error
          by.refused += 1
          return
        }
        by[passage.by] += 1
        if (passage.by === 'typescript') {
          assert.equal(untouched(passage.packet), untouched(input), 'fell through, but changed')
          return
        }
        const { verdict, out } = core.play(input)
        assert.match(verdict, /^TRANSLATED_/)
        assert.equal(out.length, 1)
        assert.equal(comparable(passage.packet), comparable(out[0] ?? new Uint8Array(0)))
      }),
      { numRuns: RUNS },
    )
  } finally {
    lab.close()
  }
  t.diagnostic(JSON.stringify(by))
  // Else nothing was compared.
  assert.ok(by.kernel > RUNS / 10 && by.typescript > RUNS / 10, JSON.stringify(by))
})
