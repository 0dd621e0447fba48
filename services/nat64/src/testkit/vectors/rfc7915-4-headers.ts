/** RFC 7915 §4.1, §4.4–§4.6: IPv4 headers and transports to IPv6. */
import { HOST_A, OWN4, SERVER } from '../core-lab.ts'
import {
  data,
  dccp,
  icmp4,
  ip4,
  type Octets,
  opaque,
  part,
  quote,
  tcp,
  u16,
  udp,
  udpLite,
  type Upper,
} from '../packet-builder.ts'
import { PSEUDO, plain, toHost4, toHost6, type Vector } from './vector.ts'

const rfc = 'rfc7915'
const ok = (id: string, says: string, packet: Octets, ...out: readonly Octets[]): Vector => ({
  rfc,
  id,
  says,
  in: plain(packet),
  out: out.map(plain),
  verdict: 'TRANSLATED_4TO6',
})
const dropped = (id: string, says: string, verdict: Vector['verdict'], packet: Octets, options = {}): Vector => ({
  rfc,
  id,
  says,
  in: plain(packet),
  out: [],
  verdict,
  options,
})

/** An ICMPv4 error of the translator itself about a packet of the server's. */
const ownError4 = (type: number, code: number, about: Octets): Octets =>
  ip4({ src: OWN4, dst: SERVER, tos: 0xc0 }, icmp4({ type, code, body: quote(about, Math.min(about.length, 548)) }))
const answered = (
  id: string,
  says: string,
  verdict: Vector['verdict'],
  packet: Octets,
  ...[type = 0, code = 0]: readonly number[]
): Vector => ({
  ...dropped(id, says, verdict, packet),
  out: [plain(ownError4(type, code, packet))],
})

/** The pieces of a message between server and host A: fragments as IPv4 has them, and as IPv6. */
const fragment4 = (whole: Upper, from: number, to: number, more: boolean): Octets =>
  toHost4(part(whole, PSEUDO.toHost4, from, to), { off8: from / 8, more, id: 0xbeef })
const fragment6 = (whole: Upper, from: number, to: number, more: boolean, id = 0xbeef): Octets =>
  toHost6(part(whole, PSEUDO.toHost6, from, to), { fragment: { off8: from / 8, more, id } })

const LONG = udp({ data: data(1472) })
const SMALL = udp({ data: data(40) })
const NOP = 1
const sourceRoute = (type: number, pointer: number): Octets => [NOP, type, 7, pointer, 192, 0, 2, 99]

export const HEADERS_4TO6: readonly Vector[] = [
  ok('4.1-udp', 'fields of the IPv6 header; UDP checksum', toHost4(udp()), toHost6(udp())),
  ok('4.1-tcp', 'TCP checksum', toHost4(tcp(), { df: true }), toHost6(tcp())),
  ok(
    '4.1-tcp-options',
    'TCP options are payload',
    toHost4(tcp({ options: [2, 4, 5, 180], flags: 2, data: [] })),
    toHost6(tcp({ options: [2, 4, 5, 180], flags: 2, data: [] })),
  ),
  ok('4.1-udp-empty', 'no payload', toHost4(udp({ data: [] })), toHost6(udp({ data: [] }))),
  ok('4.1-udp-odd', 'odd length', toHost4(udp({ data: data(7) })), toHost6(udp({ data: data(7) }))),
  ok('4.1-tos', 'traffic class is copied', toHost4(udp(), { tos: 0xb9 }), toHost6(udp(), { tclass: 0xb9 })),
  {
    ...ok(
      '4.1-tos-override',
      'traffic class can be set by the operator',
      toHost4(udp(), { tos: 0xb9 }),
      toHost6(udp(), { tclass: 0x20 }),
    ),
    options: { settings: { trafficClassOverride: 0x20 } },
  },
  ok('4.1-ttl', 'hop limit = TTL - 1', toHost4(udp(), { ttl: 2 }), toHost6(udp(), { hops: 1 })),
  answered('4.1-ttl-1', 'TTL used up: time exceeded', 'TTL_EXCEEDED', toHost4(udp(), { ttl: 1 }), 11, 0),
  answered('4.1-ttl-0', 'TTL zero: time exceeded', 'TTL_EXCEEDED', toHost4(udp(), { ttl: 0 }), 11, 0),
  ok(
    '4.1-options',
    'options are ignored',
    toHost4(udp(), { options: [NOP, NOP, 68, 4, 5, 0, NOP, 0] }),
    toHost6(udp()),
  ),
  ok(
    '4.1-options-malformed',
    'malformed options are ignored',
    toHost4(udp(), { options: [131, 0, 0, 0] }),
    toHost6(udp()),
  ),
  ok(
    '4.1-source-route-expired',
    'a source route that is used up is ignored',
    toHost4(udp(), { options: sourceRoute(131, 8) }),
    toHost6(udp()),
  ),
  answered(
    '4.1-source-route',
    'loose source route: source route failed',
    'SOURCE_ROUTE',
    toHost4(udp(), { options: sourceRoute(131, 4) }),
    3,
    5,
  ),
  answered(
    '4.1-source-route-strict',
    'strict source route: source route failed',
    'SOURCE_ROUTE',
    toHost4(udp(), { options: sourceRoute(137, 4) }),
    3,
    5,
  ),
  ok(
    '4.1-padding',
    'bytes behind Total Length are cut off',
    [...toHost4(udp({ data: data(3) })), 0, 0, 0, 0],
    toHost6(udp({ data: data(3) })),
  ),
  ok(
    '4.1-fragment-first',
    'first fragment: fragment header, checksum in it',
    fragment4(SMALL, 0, 16, true),
    fragment6(SMALL, 0, 16, true),
  ),
  ok('4.1-fragment-middle', 'middle fragment', fragment4(SMALL, 16, 32, true), fragment6(SMALL, 16, 32, true)),
  ok(
    '4.1-fragment-last',
    'last fragment, length no multiple of 8',
    fragment4(udp({ data: data(37) }), 32, 45, false),
    fragment6(udp({ data: data(37) }), 32, 45, false),
  ),
  ok(
    '4.1-fragment-df',
    'a fragment with DF set stays one',
    toHost4(part(SMALL, PSEUDO.toHost4, 0, 16), { off8: 0, more: true, df: true, id: 7 }),
    fragment6(SMALL, 0, 16, true, 7),
  ),
  dropped(
    '4.1-fragment-misaligned',
    'a fragment that is not the last and no multiple of 8',
    'FRAGMENT_MISALIGNED',
    fragment4(SMALL, 0, 20, true),
  ),
  dropped(
    '4.1-fragment-overflow',
    'a fragment that ends behind 65535',
    'FRAGMENT_OVERFLOW',
    toHost4(opaque(17), { off8: 8191, id: 1 }),
  ),
  ok(
    '4.1-df-set-long',
    'DF set: never cut here; too big is for the next hop to say',
    toHost4(LONG, { df: true }),
    toHost6(LONG),
  ),
  ok(
    '4.1-df-clear-1260',
    'DF clear, 1280 bytes as IPv6: one packet',
    toHost4(udp({ data: data(1232) }), { id: 5 }),
    toHost6(udp({ data: data(1232) })),
  ),
  ok(
    '4.1-df-clear-1261',
    'DF clear, 1281 bytes as IPv6: cut',
    toHost4(udp({ data: data(1233) }), { id: 5 }),
    fragment6(udp({ data: data(1233) }), 0, 1232, true, 5),
    fragment6(udp({ data: data(1233) }), 1232, 1241, false, 5),
  ),
  ok(
    '4.1-df-clear-long',
    'DF clear: cut to 1280 bytes, identification from IPv4',
    toHost4(LONG, { id: 0x4242 }),
    fragment6(LONG, 0, 1232, true, 0x4242),
    fragment6(LONG, 1232, 1480, false, 0x4242),
  ),
  {
    ...ok(
      '4.1-lowest-ipv6-mtu',
      'the size to cut to can be set',
      toHost4(LONG, { id: 1 }),
      fragment6(LONG, 0, 1448, true, 1),
      fragment6(LONG, 1448, 1480, false, 1),
    ),
    options: { settings: { lowestIpv6MtuBytes: 1500 } },
  },
  ok(
    '4.1-fragment-long',
    'a fragment that is too long is cut further, offsets go on',
    toHost4(part(udp({ data: data(2952) }), PSEUDO.toHost4, 1480, 2960), { off8: 185, more: true, id: 9 }),
    fragment6(udp({ data: data(2952) }), 1480, 2712, true, 9),
    fragment6(udp({ data: data(2952) }), 2712, 2960, true, 9),
  ),
  dropped(
    '4.1-illegal-source-loopback',
    'source 127.0.0.1',
    'ILLEGAL_SOURCE',
    ip4({ src: '127.0.0.1', dst: HOST_A.ip4 }, udp()),
  ),
  dropped(
    '4.1-illegal-source-multicast',
    'source 224.0.0.1',
    'ILLEGAL_SOURCE',
    ip4({ src: '224.0.0.1', dst: HOST_A.ip4 }, udp()),
  ),
  dropped(
    '4.1-illegal-source-broadcast',
    'source 255.255.255.255',
    'ILLEGAL_SOURCE',
    ip4({ src: '255.255.255.255', dst: HOST_A.ip4 }, udp()),
  ),
  dropped(
    '4.1-illegal-source-unspecified',
    'source 0.0.0.0',
    'ILLEGAL_SOURCE',
    ip4({ src: '0.0.0.0', dst: HOST_A.ip4 }, udp()),
  ),
  dropped(
    '4.1-header-checksum',
    'a damaged header is not passed on',
    'BAD_HEADER_CHECKSUM',
    toHost4(udp()).map((octet, index) => (index === 8 ? octet + 1 : octet)),
  ),
  dropped('4.1-truncated', 'shorter than Total Length', 'TRUNCATED', toHost4(udp()).slice(0, -1)),
  dropped(
    '4.1-total-length',
    'Total Length below the header length',
    'BAD_LENGTH',
    toHost4(udp(), { totalLength: 19 }),
  ),
  ok('4.1-next-header-sctp', 'other transports are carried as they are', toHost4(opaque(132)), toHost6(opaque(132))),
  ok('4.1-next-header-esp', 'ESP is carried as it is', toHost4(opaque(50)), toHost6(opaque(50))),
  ok('4.1-next-header-gre', 'GRE is carried as it is', toHost4(opaque(47)), toHost6(opaque(47))),
  dropped(
    '4.1-next-header-foreign',
    'protocol 58 in IPv4 would become real ICMPv6',
    'PROTOCOL_FOREIGN',
    toHost4(opaque(58)),
  ),
  dropped(
    '4.1-next-header-extension',
    'protocol 44 in IPv4 would become a fragment header',
    'PROTOCOL_FOREIGN',
    toHost4(opaque(44)),
  ),
  answered(
    '4.4-no-mapping',
    'nobody has this address: host unreachable',
    'NO_MAPPING',
    ip4({ src: SERVER, dst: '198.18.0.99' }, udp()),
    3,
    1,
  ),
  dropped(
    '4.4-not-about-errors',
    'no error about an ICMP error',
    'TTL_EXCEEDED',
    toHost4(icmp4({ type: 3, code: 1, body: toHost4(udp()) }), { ttl: 1 }),
  ),
  dropped(
    '4.4-not-about-later-fragments',
    'no error about a later fragment',
    'TTL_EXCEEDED',
    ip4({ src: SERVER, dst: HOST_A.ip4, ttl: 1, off8: 2, id: 1 }, opaque(17)),
  ),
  answered(
    '4.4-quote',
    'an error quotes 548 bytes: 576 in all',
    'TTL_EXCEEDED',
    toHost4(udp({ data: data(900) }), { ttl: 1 }),
    11,
    0,
  ),
  ok('4.5-dccp', 'DCCP checksum', toHost4(dccp()), toHost6(dccp())),
  ok('4.5-udp-lite', 'UDP-Lite checksum', toHost4(udpLite()), toHost6(udpLite())),
  ok(
    '4.5-udp-zero-result',
    'a computed UDP checksum of zero is sent as ffff',
    toHost4(zeroSum6()),
    toHost6(zeroSum6()),
  ),
  ok('4.5-udp-checksum-zero', 'UDP without checksum gets one', toHost4(udp({ checksum: 'none' })), toHost6(udp())),
  {
    ...dropped(
      '4.5-udp-checksum-zero-drop',
      'UDP without checksum, policy drop: prohibited',
      'UDP_CHECKSUM_ZERO',
      toHost4(udp({ checksum: 'none' })),
      { settings: { udpChecksumZero: 'drop' } },
    ),
    out: [plain(ownError4(3, 13, toHost4(udp({ checksum: 'none' }))))],
  },
  {
    ...ok(
      '4.5-udp-checksum-zero-forward',
      'UDP without checksum, policy forward',
      toHost4(udp({ checksum: 'none' })),
      toHost6(udp({ checksum: 'none' })),
    ),
    options: { settings: { udpChecksumZero: 'forward' } },
  },
  dropped(
    '4.5-udp-checksum-zero-fragment',
    'a fragment of UDP without checksum',
    'UDP_CHECKSUM_ZERO_FRAGMENT',
    fragment4(udp({ data: data(40), checksum: 'none' }), 0, 16, true),
  ),
  dropped(
    '4.5-transport-truncated',
    'a TCP header without its checksum',
    'TRANSPORT_TRUNCATED',
    toHost4(opaque(6, data(16))),
  ),
  dropped('4.2-igmp', 'IGMP is dropped', 'IGMP', toHost4(opaque(2))),
  {
    ...ok(
      '4.1-own-address-ping',
      "a ping to the translator's own address is answered",
      ip4({ src: SERVER, dst: OWN4, id: 3 }, icmp4({ type: 8, rest: 77, body: data(9) })),
    ),
    out: [plain(ip4({ src: OWN4, dst: SERVER, id: 3 }, icmp4({ type: 0, rest: 77, body: data(9) })))],
    verdict: 'ECHO_ANSWERED',
  },
  answered(
    '4.1-own-address-udp',
    "anything else to the translator's own address: protocol unreachable",
    'OWN_ADDRESS',
    ip4({ src: SERVER, dst: OWN4 }, udp()),
    3,
    2,
  ),
]

/** A UDP datagram from server to host A whose checksum over the IPv6 addresses comes out as zero. */
function zeroSum6(): Upper {
  const probe = udp({ data: [0, 0, 1, 2] }).build(PSEUDO.toHost6)
  // With the first payload word 0 the checksum is c; with c in its place the sum becomes ffff and the checksum 0.
  const checksum = (probe[6] ?? 0) * 256 + (probe[7] ?? 0)
  return udp({ data: [...u16(checksum), 1, 2] })
}
