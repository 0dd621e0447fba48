/** Random packets of a site, usual and unusual ones, with their offload headers. */
import fc from 'fast-check'
import { eam, HOST_A, HOST_B, type LabOptions, OWN4, pref64Of, STRANGER6 } from './core-lab.ts'
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
} from './packet-builder.ts'
import { offloaded, plain } from './vectors/vector.ts'

/** The site whose packets these are. */
export const RANDOM_SITE: LabOptions = {
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
const offloads = (to4: fc.Arbitrary<boolean>) =>
  fc
    .record({
      to4,
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
const damaged = (packet: fc.Arbitrary<Octets>) =>
  fc
    .record({
      packet,
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

/** Of both families. */
export const randomPacket = fc.oneof(
  { arbitrary: damaged(fc.oneof(packet4, packet6)), weight: 4 },
  { arbitrary: offloads(fc.boolean()), weight: 1 },
)

/** As hosts of the LAN send them. */
export const randomPacket6 = fc.oneof(
  { arbitrary: damaged(packet6), weight: 4 },
  { arbitrary: offloads(fc.constant(true)), weight: 1 },
)

/** As servers send them to the pool. */
export const randomPacket4 = fc.oneof(
  { arbitrary: damaged(packet4), weight: 4 },
  { arbitrary: offloads(fc.constant(false)), weight: 1 },
)
