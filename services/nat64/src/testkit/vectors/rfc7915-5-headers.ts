/** RFC 7915 §5.1, §5.4–§5.6: IPv6 headers and transports to IPv4. */
import { HOST_A, OWN6, SERVER6, STRANGER6 } from '../core-lab.ts'
import {
  data,
  dccp,
  type Extension,
  icmp6,
  type Ip6Fields,
  ip6,
  type Octets,
  opaque,
  part,
  quote,
  tcp,
  type Upper,
  u16,
  udp,
  udpLite,
} from '../packet-builder.ts'
import { PSEUDO, plain, toServer4, toServer6, type Vector } from './vector.ts'

const rfc = 'rfc7915'
const ok = (id: string, says: string, packet: Octets, out: Octets): Vector => ({
  rfc,
  id,
  says,
  in: plain(packet),
  out: [plain(out)],
  verdict: 'TRANSLATED_6TO4',
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

/** An ICMPv6 error of the translator itself about a packet of host A's. */
const ownError6 = (type: number, code: number, rest: number, about: Octets, to: string = HOST_A.ip6): Octets =>
  ip6({ src: OWN6, dst: to }, icmp6({ type, code, rest, body: quote(about, Math.min(about.length, 1232)) }))
const answered = (
  id: string,
  says: string,
  verdict: Vector['verdict'],
  packet: Octets,
  error: readonly [type: number, code: number, rest?: number],
): Vector => ({
  ...dropped(id, says, verdict, packet),
  out: [plain(ownError6(error[0], error[1], error[2] ?? 0, packet))],
})

const fragment6 = (whole: Upper, from: number, to: number, more: boolean, fields: Partial<Ip6Fields> = {}): Octets =>
  toServer6(part(whole, PSEUDO.toServer6, from, to), { fragment: { off8: from / 8, more, id: 0x1234beef }, ...fields })
const fragment4 = (whole: Upper, from: number, to: number, more: boolean): Octets =>
  toServer4(part(whole, PSEUDO.toServer4, from, to), { off8: from / 8, more, id: 0xbeef })

const HOP_BY_HOP: Extension = { protocol: 0, body: [1, 4, 0, 0, 0, 0] }
const DESTINATION: Extension = { protocol: 60, body: [1, 12, ...data(12)] }
const routing = (segmentsLeft: number): Extension => ({ protocol: 43, body: [2, segmentsLeft, ...data(20)] })
const SMALL = udp({ data: data(40) })
const from = (src: string): Octets => ip6({ src, dst: SERVER6 }, udp())

export const HEADERS_6TO4: readonly Vector[] = [
  ok('5.1-udp', 'fields of the IPv4 header; UDP checksum', toServer6(udp()), toServer4(udp())),
  ok('5.1-tcp', 'TCP checksum', toServer6(tcp()), toServer4(tcp())),
  ok('5.1-udp-empty', 'no payload', toServer6(udp({ data: [] })), toServer4(udp({ data: [] }))),
  ok('5.1-udp-odd', 'odd length', toServer6(udp({ data: data(7) })), toServer4(udp({ data: data(7) }))),
  ok(
    '5.1-traffic-class',
    'type of service is the traffic class',
    toServer6(udp(), { tclass: 0xb9, flow: 0xabcde }),
    toServer4(udp(), { tos: 0xb9 }),
  ),
  {
    ...ok(
      '5.1-traffic-class-override',
      'type of service can be set by the operator',
      toServer6(udp(), { tclass: 0xb9 }),
      toServer4(udp(), { tos: 0 }),
    ),
    options: { settings: { tosOverride: 0 } },
  },
  ok(
    '5.1-df-1260',
    '1260 bytes as IPv4: DF clear',
    toServer6(udp({ data: data(1232) })),
    toServer4(udp({ data: data(1232) })),
  ),
  ok(
    '5.1-df-1261',
    '1261 bytes as IPv4: DF set',
    toServer6(udp({ data: data(1233) })),
    toServer4(udp({ data: data(1233) }), { df: true }),
  ),
  ok('5.1-hop-limit', 'TTL = hop limit - 1', toServer6(udp(), { hops: 2 }), toServer4(udp(), { ttl: 1 })),
  answered(
    '5.1-hop-limit-1',
    'hop limit used up: time exceeded',
    'HOP_LIMIT_EXCEEDED',
    toServer6(udp(), { hops: 1 }),
    [3, 0],
  ),
  answered(
    '5.1-hop-limit-0',
    'hop limit zero: time exceeded',
    'HOP_LIMIT_EXCEEDED',
    toServer6(udp(), { hops: 0 }),
    [3, 0],
  ),
  ok(
    '5.1-extensions',
    'hop-by-hop and destination options are skipped',
    toServer6(udp(), { extensions: [HOP_BY_HOP, DESTINATION] }),
    toServer4(udp()),
  ),
  ok(
    '5.1-routing-used-up',
    'a routing header without segments left is skipped',
    toServer6(tcp(), { extensions: [routing(0), DESTINATION] }),
    toServer4(tcp()),
  ),
  answered(
    '5.1-routing',
    'segments left: parameter problem, pointer at the field',
    'SEGMENTS_LEFT',
    toServer6(udp(), { extensions: [HOP_BY_HOP, routing(1)] }),
    [4, 0, 51],
  ),
  dropped(
    '5.1-extension-truncated',
    'an extension header longer than the packet',
    'EXTENSION_TRUNCATED',
    toServer6(opaque(60, [17, 9, 0, 0, 0, 0, 0, 0])),
  ),
  dropped(
    '5.1-extension-cut',
    'an extension header cut in its first octets',
    'TRUNCATED',
    toServer6(opaque(0, [17, 0, 1])),
  ),
  dropped('5.1-truncated', 'shorter than Payload Length', 'TRUNCATED', toServer6(udp()).slice(0, -1)),
  ok('5.1-padding', 'bytes behind Payload Length are cut off', [...toServer6(udp()), 0, 0], toServer4(udp())),
  dropped('5.1-too-big', 'more than 65535 bytes as IPv4', 'TOO_BIG_FOR_IPV4', toServer6(opaque(47, data(65_516)))),
  ok(
    '5.1-largest',
    '65535 bytes as IPv4',
    toServer6(opaque(47, data(65_515))),
    toServer4(opaque(47, data(65_515)), { df: true }),
  ),
  ok(
    '5.1-next-header-sctp',
    'other transports are carried as they are',
    toServer6(opaque(132)),
    toServer4(opaque(132)),
  ),
  ok('5.1-next-header-esp', 'ESP is carried as it is', toServer6(opaque(50)), toServer4(opaque(50))),
  ok(
    '5.1-next-header-ah',
    'AH is carried as it is (its check fails at the far end)',
    toServer6(opaque(51)),
    toServer4(opaque(51)),
  ),
  ok('5.1-next-header-none', 'no next header: carried', toServer6(opaque(59, [])), toServer4(opaque(59, []))),
  dropped(
    '5.1-next-header-foreign',
    'protocol 1 in IPv6 would become real ICMPv4',
    'PROTOCOL_FOREIGN',
    toServer6(opaque(1)),
  ),
  dropped('5.1-illegal-source-unspecified', 'source ::', 'ILLEGAL_SOURCE', from('::')),
  dropped('5.1-illegal-source-loopback', 'source ::1', 'ILLEGAL_SOURCE', from('::1')),
  dropped('5.1-illegal-source-multicast', 'source ff02::1', 'ILLEGAL_SOURCE', from('ff02::1')),
  dropped('5.1-illegal-source-link-local', 'source fe80::1', 'ILLEGAL_SOURCE', from('fe80::1')),
  dropped('5.1-illegal-source-mapped', 'source ::ffff:192.0.2.1', 'ILLEGAL_SOURCE', from('::ffff:192.0.2.1')),
  dropped(
    '5.1-source-in-pref64',
    'a source inside pref64 (RFC 6146 §3.5)',
    'SOURCE_IN_PREF64',
    from('64:ff9b::192.0.2.1'),
  ),
  ok(
    '5.1.1-fragment-first',
    'first fragment: low 16 bits of the identification, DF clear',
    fragment6(SMALL, 0, 16, true),
    fragment4(SMALL, 0, 16, true),
  ),
  ok('5.1.1-fragment-middle', 'middle fragment', fragment6(SMALL, 16, 32, true), fragment4(SMALL, 16, 32, true)),
  ok(
    '5.1.1-fragment-last',
    'last fragment',
    fragment6(udp({ data: data(37) }), 32, 45, false),
    fragment4(udp({ data: data(37) }), 32, 45, false),
  ),
  ok(
    '5.1.1-atomic',
    'a fragment header on a whole packet',
    fragment6(SMALL, 0, 48, false),
    toServer4(SMALL, { id: 0xbeef }),
  ),
  ok(
    '5.1.1-atomic-long',
    'with a fragment header DF is clear, however long',
    fragment6(udp({ data: data(1400) }), 0, 1408, false),
    toServer4(udp({ data: data(1400) }), { id: 0xbeef }),
  ),
  ok(
    '5.1.1-extensions',
    'extension headers before the fragment header are skipped',
    fragment6(SMALL, 0, 16, true, { extensions: [HOP_BY_HOP] }),
    fragment4(SMALL, 0, 16, true),
  ),
  dropped(
    '5.1.1-fragment-then-extension',
    'an extension header behind the fragment header',
    'FRAGMENT_THEN_EXTENSION',
    toServer6(udp(), { fragment: { id: 1 }, inFragment: [DESTINATION] }),
  ),
  dropped(
    '5.1.1-fragment-then-ah',
    'AH behind the fragment header',
    'FRAGMENT_THEN_EXTENSION',
    toServer6(opaque(51), { fragment: { id: 1 } }),
  ),
  ok(
    '5.1.1-fragment-then-esp',
    'ESP behind the fragment header is no extension header',
    toServer6(opaque(50), { fragment: { id: 1 } }),
    toServer4(opaque(50), { id: 1 }),
  ),
  dropped(
    '5.1.1-misaligned',
    'a fragment that is not the last and no multiple of 8',
    'FRAGMENT_MISALIGNED',
    fragment6(SMALL, 0, 20, true),
  ),
  dropped(
    '5.1.1-overflow',
    'a fragment that ends behind 65535',
    'FRAGMENT_OVERFLOW',
    toServer6(opaque(17), { fragment: { off8: 8191 } }),
  ),
  answered(
    '5.4-not-in-pref64',
    'no route to a destination outside pref64',
    'NOT_IN_PREF64',
    ip6({ src: HOST_A.ip6, dst: '2001:db8:9::1' }, udp()),
    [1, 0],
  ),
  answered(
    '5.4-forbidden-loopback',
    '127.0.0.1 is never translated to: prohibited',
    'DESTINATION_FORBIDDEN',
    ip6({ src: HOST_A.ip6, dst: '64:ff9b::127.0.0.1' }, udp()),
    [1, 1],
  ),
  answered(
    '5.4-forbidden-multicast',
    'nor 224.0.0.1',
    'DESTINATION_FORBIDDEN',
    ip6({ src: HOST_A.ip6, dst: '64:ff9b::224.0.0.1' }, udp()),
    [1, 1],
  ),
  answered(
    '5.4-forbidden-link-local',
    'nor 169.254.1.1',
    'DESTINATION_FORBIDDEN',
    ip6({ src: HOST_A.ip6, dst: '64:ff9b::169.254.1.1' }, udp()),
    [1, 1],
  ),
  answered(
    '5.4-quote',
    'an error quotes 1232 bytes: 1280 in all',
    'HOP_LIMIT_EXCEEDED',
    toServer6(udp({ data: data(1300) }), { hops: 1 }),
    [3, 0],
  ),
  dropped(
    '5.4-not-about-errors',
    'no error about an ICMPv6 error',
    'HOP_LIMIT_EXCEEDED',
    toServer6(icmp6({ type: 1, body: toServer6(udp()) }), { hops: 1 }),
  ),
  dropped(
    '5.6-needs-mapping',
    'a host without mapping waits for one',
    'NEEDS_MAPPING',
    ip6({ src: STRANGER6, dst: SERVER6 }, udp()),
  ),
  ok('5.5-dccp', 'DCCP checksum', toServer6(dccp()), toServer4(dccp())),
  ok('5.5-udp-lite', 'UDP-Lite checksum', toServer6(udpLite()), toServer4(udpLite())),
  ok(
    '5.5-udp-zero-result',
    'a computed UDP checksum of zero is sent as ffff',
    toServer6(zeroSum4()),
    toServer4(zeroSum4()),
  ),
  ok(
    '5.5-udp-checksum-zero',
    'IPv6 UDP without checksum (RFC 6935) has none in IPv4 either',
    toServer6(udp({ checksum: 'none' })),
    toServer4(udp({ checksum: 'none' })),
  ),
  dropped(
    '5.5-transport-truncated',
    'a UDP header without its checksum',
    'TRANSPORT_TRUNCATED',
    toServer6(opaque(17, data(7))),
  ),
]

/** A UDP datagram from host A to the server whose checksum over the IPv4 addresses comes out as zero. */
function zeroSum4(): Upper {
  const probe = udp({ data: [0, 0, 1, 2] }).build(PSEUDO.toServer4)
  return udp({ data: [...u16((probe[6] ?? 0) * 256 + (probe[7] ?? 0)), 1, 2] })
}
