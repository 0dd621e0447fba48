/** RFC 7915 §4.2, §4.3, §5.2, §5.3, §7: ICMP, in both directions, every row of the tables. */
import { HOST_A, HOST_B, OWN4, OWN6, prefix4Of, SERVER, SERVER6, STRANGER6 } from '../core-lab.ts'
import {
  data,
  echoReply4,
  echoReply6,
  echoRequest4,
  echoRequest6,
  icmp4,
  icmp6,
  ip4,
  ip6,
  type Octets,
  opaque,
  part,
  quote,
  tcp,
  type Upper,
  udp,
} from '../packet-builder.ts'
import { PSEUDO, plain, toHost4, toHost6, toServer4, toServer6, type Vector } from './vector.ts'

const rfc = 'rfc7915'
type Verdict = Vector['verdict']

const vector = (id: string, says: string, verdict: Verdict, packet: Octets, out: readonly Octets[] = []): Vector => ({
  rfc,
  id,
  says,
  in: plain(packet),
  out: out.map(plain),
  verdict,
})

/** What host A sent, as the server's side quotes it and as host A must see it quoted. */
const SENT4 = toServer4(udp())
const SENT6 = toServer6(udp(), { hops: 63 })
/** What the server sent, as host A's side quotes it and as the server must see it quoted. */
const GOT6 = toHost6(udp())
const GOT4 = toHost4(udp(), { ttl: 63 })

/** ICMPv4 head → ICMPv6 head: `[type, code, rest]`; `undefined`: dropped. */
type Head = readonly [type: number, code: number, rest?: number]

const error4to6 = (
  id: string,
  says: string,
  from: Head,
  to: Head | Verdict,
  ...[quoted4 = SENT4, quoted6 = SENT6]: Octets[]
): Vector => {
  const packet = toHost4(icmp4({ type: from[0], code: from[1], rest: from[2] ?? 0, body: quoted4 }))
  if (typeof to === 'string') return vector(id, says, to, packet)
  return vector(id, says, 'TRANSLATED_4TO6', packet, [
    toHost6(icmp6({ type: to[0], code: to[1], rest: to[2] ?? 0, body: quoted6 })),
  ])
}

const error6to4 = (
  id: string,
  says: string,
  from: Head,
  to: Head | Verdict,
  ...[quoted6 = GOT6, quoted4 = GOT4]: Octets[]
): Vector => {
  const packet = toServer6(icmp6({ type: from[0], code: from[1], rest: from[2] ?? 0, body: quoted6 }))
  if (typeof to === 'string') return vector(id, says, to, packet)
  return vector(id, says, 'TRANSLATED_6TO4', packet, [
    toServer4(icmp4({ type: to[0], code: to[1], rest: to[2] ?? 0, body: quoted4 })),
  ])
}

/** §4.2, type 3: what each code becomes. */
const UNREACHABLE_4TO6: readonly (readonly [code: number, to: Head | Verdict])[] = [
  [0, [1, 0]],
  [1, [1, 0]],
  [2, [4, 1, 6]],
  [3, [1, 4]],
  [5, [1, 0]],
  [6, [1, 0]],
  [7, [1, 0]],
  [8, [1, 0]],
  [9, [1, 1]],
  [10, [1, 1]],
  [11, [1, 0]],
  [12, [1, 0]],
  [13, [1, 1]],
  [14, 'ICMP_CODE_UNKNOWN'],
  [15, [1, 1]],
  [16, 'ICMP_CODE_UNKNOWN'],
]

/** §5.2, type 1. */
const UNREACHABLE_6TO4: readonly (readonly [code: number, to: Head | Verdict])[] = [
  [0, [3, 1]],
  [1, [3, 10]],
  [2, [3, 1]],
  [3, [3, 1]],
  [4, [3, 3]],
  [5, 'ICMP_CODE_UNKNOWN'],
  [6, 'ICMP_CODE_UNKNOWN'],
]

/** Figure 3: IPv4 pointer → IPv6 pointer. */
const POINTER_4TO6: readonly (readonly [number, number | undefined])[] = [
  [0, 0],
  [1, 1],
  [2, 4],
  [3, 4],
  [4, undefined],
  [5, undefined],
  [6, undefined],
  [7, undefined],
  [8, 7],
  [9, 6],
  [10, undefined],
  [11, undefined],
  [12, 8],
  [15, 8],
  [16, 24],
  [19, 24],
  [20, undefined],
]

/** Figure 6: IPv6 pointer → IPv4 pointer. */
const POINTER_6TO4: readonly (readonly [number, number | undefined])[] = [
  [0, 0],
  [1, 1],
  [2, undefined],
  [3, undefined],
  [4, 2],
  [5, 2],
  [6, 9],
  [7, 8],
  [8, 12],
  [23, 12],
  [24, 16],
  [39, 16],
  [40, undefined],
]

/** §4.2 code 4 and §7: MTU of "fragmentation needed" → MTU of "packet too big"; MTUs of both sides 1500. */
const MTU_4TO6: readonly (readonly [mtu4: number, mtu6: number])[] = [
  [1500, 1500],
  [1480, 1500],
  [1400, 1420],
  [1261, 1281],
  [1260, 1280],
  [576, 1280],
  [68, 1280],
  [1, 1280],
  [65_535, 1500],
]

/** §5.2 type 2: MTU of "packet too big" → MTU of "fragmentation needed"; MTUs of both sides 1500. */
const MTU_6TO4: readonly (readonly [mtu6: number, mtu4: number])[] = [
  [1500, 1480],
  [1420, 1400],
  [1281, 1261],
  [1280, 1260],
  [1279, 1260],
  [0, 1260],
  [9000, 1480],
  [0xffff_ffff, 1480],
]

const QUERIES_4: readonly (readonly [type: number, name: string, verdict: Verdict])[] = [
  [4, 'source quench', 'ICMP_UNKNOWN'],
  [5, 'redirect', 'ICMP_SINGLE_HOP'],
  [6, 'alternate host address', 'ICMP_UNKNOWN'],
  [9, 'router advertisement', 'ICMP_SINGLE_HOP'],
  [10, 'router solicitation', 'ICMP_SINGLE_HOP'],
  [13, 'timestamp', 'ICMP_UNKNOWN'],
  [14, 'timestamp reply', 'ICMP_UNKNOWN'],
  [15, 'information request', 'ICMP_UNKNOWN'],
  [16, 'information reply', 'ICMP_UNKNOWN'],
  [17, 'address mask request', 'ICMP_UNKNOWN'],
  [18, 'address mask reply', 'ICMP_UNKNOWN'],
  [42, 'extended echo request', 'ICMP_UNKNOWN'],
]

const QUERIES_6: readonly (readonly [type: number, name: string, verdict: Verdict])[] = [
  [130, 'MLD query', 'ICMP_SINGLE_HOP'],
  [131, 'MLD report', 'ICMP_SINGLE_HOP'],
  [132, 'MLD done', 'ICMP_SINGLE_HOP'],
  [133, 'router solicitation', 'ICMP_SINGLE_HOP'],
  [134, 'router advertisement', 'ICMP_SINGLE_HOP'],
  [135, 'neighbour solicitation', 'ICMP_SINGLE_HOP'],
  [136, 'neighbour advertisement', 'ICMP_SINGLE_HOP'],
  [137, 'redirect', 'ICMP_SINGLE_HOP'],
  [143, 'MLDv2 report', 'ICMP_SINGLE_HOP'],
  [138, 'router renumbering', 'ICMP_UNKNOWN'],
  [160, 'extended echo request', 'ICMP_UNKNOWN'],
  [200, 'private experimentation', 'ICMP_UNKNOWN'],
]

/** A later fragment that quotes: offset 2 × 8. */
const later = (whole: Upper, pseudo: Octets): Upper => part(whole, pseudo, 16)
const LONG = udp({ data: data(1472) })

export const ICMP_4TO6: readonly Vector[] = [
  vector('4.2-echo-request', 'echo request 8 → 128', 'TRANSLATED_4TO6', toHost4(echoRequest4()), [
    toHost6(echoRequest6()),
  ]),
  vector('4.2-echo-reply', 'echo reply 0 → 129', 'TRANSLATED_4TO6', toHost4(echoReply4(data(9))), [
    toHost6(echoReply6(data(9))),
  ]),
  vector(
    '4.2-echo-long',
    'a long ping with DF clear is cut',
    'TRANSLATED_4TO6',
    toHost4(echoRequest4(data(1400)), { id: 3 }),
    [
      toHost6(part(echoRequest6(data(1400)), PSEUDO.toHost6, 0, 1232), { fragment: { more: true, id: 3 } }),
      toHost6(part(echoRequest6(data(1400)), PSEUDO.toHost6, 1232), { fragment: { off8: 154, id: 3 } }),
    ],
  ),
  vector(
    '4.2-fragmented',
    'fragmented ICMP is not translated (§1.2)',
    'FRAGMENTED_ICMP',
    toHost4(part(echoRequest4(data(64)), [], 0, 40), { more: true, id: 1 }),
  ),
  vector('4.2-truncated', 'an ICMP header that is cut', 'TRANSPORT_TRUNCATED', toHost4(opaque(1, [8, 0, 0, 0, 1]))),
  ...QUERIES_4.map(([type, name, verdict]) => error4to6(`4.2-type-${type}`, `${name} is dropped`, [type, 0], verdict)),
  ...UNREACHABLE_4TO6.map(([code, to]) =>
    error4to6(`4.2-unreachable-${code}`, `unreachable code ${code}`, [3, code], to),
  ),
  error4to6('4.2-time-exceeded-0', 'time exceeded 11/0 → 3/0', [11, 0], [3, 0]),
  error4to6('4.2-time-exceeded-1', 'time exceeded 11/1 → 3/1', [11, 1], [3, 1]),
  ...POINTER_4TO6.map(([from, to]) =>
    error4to6(
      `4.2-pointer-${from}`,
      `parameter problem, pointer ${from}`,
      [12, 0, from << 24],
      to === undefined ? 'ICMP_POINTER_UNKNOWN' : [4, 0, to],
    ),
  ),
  error4to6('4.2-parameter-2', 'parameter problem code 2 (bad length)', [12, 2, 2 << 24], [4, 0, 4]),
  error4to6('4.2-parameter-1', 'parameter problem code 1 (missing option) is dropped', [12, 1, 0], 'ICMP_CODE_UNKNOWN'),
  ...MTU_4TO6.map(([mtu4, mtu6]) =>
    error4to6(`7-mtu4-${mtu4}`, `fragmentation needed, MTU ${mtu4} → ${mtu6}`, [3, 4, mtu4], [2, 0, mtu6]),
  ),
  error4to6(
    '7-plateau',
    'MTU 0: the greatest plateau below Total Length (1492 < 1500)',
    [3, 4, 0],
    [2, 0, 1500],
    quote(toServer4(LONG, { df: true }), 28),
    quote(toServer6(LONG, { hops: 63 }), 48),
  ),
  error4to6('7-plateau-low', 'MTU 0, small packet: 1280 at least', [3, 4, 0], [2, 0, 1280]),
  error4to6(
    '4.3-inner-tcp',
    'inner TCP: checksum over IPv6 addresses',
    [11, 0],
    [3, 0],
    toServer4(tcp()),
    toServer6(tcp(), { hops: 63 }),
  ),
  error4to6(
    '4.3-inner-8',
    'inner packet cut behind 8 octets of transport',
    [3, 3],
    [1, 4],
    quote(toServer4(tcp()), 28),
    quote(toServer6(tcp(), { hops: 63 }), 48),
  ),
  error4to6(
    '4.3-inner-echo',
    'inner ping',
    [3, 1],
    [1, 0],
    toServer4(echoRequest4()),
    toServer6(echoRequest6(), { hops: 63 }),
  ),
  error4to6(
    '4.3-inner-fragment',
    'inner later fragment: with fragment header',
    [11, 1],
    [3, 1],
    toServer4(later(udp(), PSEUDO.toServer4), { off8: 2, id: 9 }),
    toServer6(later(udp(), PSEUDO.toServer6), { hops: 63, fragment: { off8: 2, id: 9 } }),
  ),
  error4to6(
    '4.3-inner-options',
    'inner options are left out',
    [11, 0],
    [3, 0],
    toServer4(udp(), { options: [1, 1, 1, 0] }),
    SENT6,
  ),
  error4to6(
    '4.3-inner-ttl',
    'the inner TTL is not counted down, not even to zero',
    [11, 0],
    [3, 0],
    toServer4(udp(), { ttl: 1, tos: 3 }),
    toServer6(udp(), { hops: 1, tclass: 3 }),
  ),
  error4to6(
    '4.3-nested',
    'an error about an error is dropped',
    [3, 1],
    'INNER_NESTED_ERROR',
    toServer4(icmp4({ type: 11, body: GOT4 })),
  ),
  error4to6('4.3-inner-truncated', 'an inner header that is cut', [3, 1], 'INNER_TRUNCATED', quote(SENT4, 19)),
  error4to6(
    '4.3-inner-not-ours',
    'the inner source is no host of ours',
    [3, 1],
    'INNER_UNTRANSLATABLE',
    ip4({ src: '198.18.0.99', dst: SERVER }, udp()),
  ),
  error4to6('4.3-inner-not-ip', 'the inner packet is no IPv4', [3, 1], 'INNER_UNTRANSLATABLE', SENT6),
  error4to6(
    '4.3-inner-query',
    'about an ICMP query that no host of ours sends',
    [3, 1],
    'INNER_UNTRANSLATABLE',
    toServer4(icmp4({ type: 13 })),
  ),
  vector(
    '4.3-checksum',
    'a damaged error does not become valid',
    'BAD_ICMP_CHECKSUM',
    toHost4(
      opaque(
        1,
        icmp4({ type: 3, code: 1, body: SENT4 })
          .build([])
          .map((octet, index) => (index === 40 ? octet ^ 1 : octet)),
      ),
    ),
  ),
  error4to6(
    '4.3-long',
    'an error of 1500 bytes is cut to 1280',
    [3, 3],
    [1, 4],
    quote(toServer4(LONG), 1472),
    quote(toServer6(LONG, { hops: 63 }), 1232),
  ),
  vector(
    '4.3-router',
    'an error of a router on the way: its address in pref64',
    'TRANSLATED_4TO6',
    ip4({ src: '203.0.113.9', dst: HOST_A.ip4 }, icmp4({ type: 11, body: SENT4 })),
    [ip6({ src: '64:ff9b::203.0.113.9', dst: HOST_A.ip6, hops: 63 }, icmp6({ type: 3, body: SENT6 }))],
  ),
]

/** The gateway's own IPv4 address on some other link. */
const GATEWAY4 = '203.0.113.1'

export const ICMP_OWN: readonly Vector[] = [
  {
    ...vector(
      '6791-gateway',
      "an error of the gateway's own kernel: from the router that the hosts know",
      'TRANSLATED_4TO6',
      ip4({ src: GATEWAY4, dst: HOST_A.ip4 }, icmp4({ type: 11, body: SENT4 })),
      [ip6({ src: OWN6, dst: HOST_A.ip6, hops: 63 }, icmp6({ type: 3, body: SENT6 }))],
    ),
    options: { map: { forbidden4: [prefix4Of(`${GATEWAY4}/32`)] } },
  },
  {
    ...vector(
      '6791-gateway-ping',
      "but an answer of the gateway's own comes from where it was asked",
      'TRANSLATED_4TO6',
      ip4({ src: GATEWAY4, dst: HOST_A.ip4 }, echoReply4()),
      [ip6({ src: `64:ff9b::${GATEWAY4}`, dst: HOST_A.ip6, hops: 63 }, echoReply6())],
    ),
    options: { map: { forbidden4: [prefix4Of(`${GATEWAY4}/32`)] } },
  },
]

export const ICMP_6TO4: readonly Vector[] = [
  vector('5.2-echo-request', 'echo request 128 → 8', 'TRANSLATED_6TO4', toServer6(echoRequest6()), [
    toServer4(echoRequest4()),
  ]),
  vector('5.2-echo-reply', 'echo reply 129 → 0', 'TRANSLATED_6TO4', toServer6(echoReply6(data(9))), [
    toServer4(echoReply4(data(9))),
  ]),
  vector(
    '5.2-echo-atomic',
    'a whole ping with fragment header',
    'TRANSLATED_6TO4',
    toServer6(echoRequest6(), { fragment: { id: 7 } }),
    [toServer4(echoRequest4(), { id: 7 })],
  ),
  vector(
    '5.2-fragmented',
    'fragmented ICMPv6 is not translated (§1.2)',
    'FRAGMENTED_ICMP',
    toServer6(part(echoRequest6(data(64)), PSEUDO.toServer6, 0, 40), { fragment: { more: true, id: 1 } }),
  ),
  vector(
    '5.2-truncated',
    'an ICMPv6 header that is cut',
    'TRANSPORT_TRUNCATED',
    toServer6(opaque(58, [128, 0, 0, 0, 1])),
  ),
  ...QUERIES_6.map(([type, name, verdict]) => error6to4(`5.2-type-${type}`, `${name} is dropped`, [type, 0], verdict)),
  ...UNREACHABLE_6TO4.map(([code, to]) =>
    error6to4(`5.2-unreachable-${code}`, `unreachable code ${code}`, [1, code], to),
  ),
  error6to4('5.2-time-exceeded-0', 'time exceeded 3/0 → 11/0', [3, 0], [11, 0]),
  error6to4('5.2-time-exceeded-1', 'time exceeded 3/1 → 11/1', [3, 1], [11, 1]),
  ...POINTER_6TO4.map(([from, to]) =>
    error6to4(
      `5.2-pointer-${from}`,
      `parameter problem, pointer ${from}`,
      [4, 0, from],
      to === undefined ? 'ICMP_POINTER_UNKNOWN' : [12, 0, to << 24],
    ),
  ),
  error6to4('5.2-parameter-1', 'unknown next header → protocol unreachable', [4, 1, 6], [3, 2]),
  error6to4('5.2-parameter-2', 'unknown option is dropped', [4, 2, 48], 'ICMP_CODE_UNKNOWN'),
  error6to4('5.2-error-unknown', 'an unknown error type is dropped', [100, 0], 'ICMP_UNKNOWN'),
  ...MTU_6TO4.map(([mtu6, mtu4]) =>
    error6to4(`7-mtu6-${mtu6}`, `packet too big, MTU ${mtu6} → ${mtu4}`, [2, 0, mtu6], [3, 4, mtu4]),
  ),
  error6to4(
    '7-mtu6-fragment',
    'packet too big about a fragment: 28 less',
    [2, 0, 1400],
    [3, 4, 1372],
    toHost6(later(udp(), PSEUDO.toHost6), { fragment: { off8: 2, id: 9 } }),
    toHost4(later(udp(), PSEUDO.toHost4), { ttl: 63, off8: 2, id: 9 }),
  ),
  error6to4(
    '5.3-inner-tcp',
    'inner TCP: checksum over IPv4 addresses',
    [3, 0],
    [11, 0],
    toHost6(tcp()),
    toHost4(tcp(), { ttl: 63 }),
  ),
  error6to4(
    '5.3-inner-8',
    'inner packet cut behind 8 octets of transport',
    [1, 4],
    [3, 3],
    quote(toHost6(tcp()), 48),
    quote(toHost4(tcp(), { ttl: 63 }), 28),
  ),
  error6to4(
    '5.3-inner-echo',
    'inner ping',
    [1, 0],
    [3, 1],
    toHost6(echoRequest6()),
    toHost4(echoRequest4(), { ttl: 63 }),
  ),
  error6to4(
    '5.3-inner-extension',
    'inner extension headers are left out',
    [3, 0],
    [11, 0],
    toHost6(udp(), { extensions: [{ protocol: 60, body: data(6) }] }),
    GOT4,
  ),
  error6to4(
    '5.3-inner-long',
    'an inner packet of 1300 bytes: DF set in its header',
    [3, 0],
    [11, 0],
    quote(toHost6(udp({ data: data(1252) })), 1200),
    quote(toHost4(udp({ data: data(1252) }), { ttl: 63, df: true }), 1180),
  ),
  error6to4(
    '5.3-nested',
    'an error about an error is dropped',
    [1, 0],
    'INNER_NESTED_ERROR',
    toHost6(icmp6({ type: 3, body: SENT6 })),
  ),
  error6to4('5.3-inner-truncated', 'an inner header that is cut', [1, 0], 'INNER_TRUNCATED', quote(GOT6, 39)),
  error6to4(
    '5.3-inner-not-ours',
    'the inner destination is no host of ours',
    [1, 0],
    'INNER_UNTRANSLATABLE',
    ip6({ src: SERVER6, dst: STRANGER6 }, udp()),
  ),
  error6to4(
    '5.3-inner-not-pref64',
    'the inner source is in no pref64',
    [1, 0],
    'INNER_UNTRANSLATABLE',
    ip6({ src: STRANGER6, dst: HOST_A.ip6 }, udp()),
  ),
  vector(
    '5.3-checksum',
    'a damaged error does not become valid',
    'BAD_ICMP_CHECKSUM',
    toServer6(
      opaque(
        58,
        icmp6({ type: 1, body: GOT6 })
          .build(PSEUDO.toServer6)
          .map((octet, index) => (index === 60 ? octet ^ 1 : octet)),
      ),
    ),
  ),
  vector(
    '6791-router',
    "an error of a router without mapping: the translator's own address (RFC 6791)",
    'TRANSLATED_6TO4',
    ip6({ src: STRANGER6, dst: SERVER6 }, icmp6({ type: 3, body: GOT6 })),
    [ip4({ src: OWN4, dst: SERVER, ttl: 63 }, icmp4({ type: 11, body: GOT4 }))],
  ),
  vector(
    '6791-other-host',
    'an error of a host that has a mapping: its address',
    'TRANSLATED_6TO4',
    ip6({ src: HOST_B.ip6, dst: SERVER6 }, icmp6({ type: 1, code: 4, body: GOT6 })),
    [ip4({ src: HOST_B.ip4, dst: SERVER, ttl: 63 }, icmp4({ type: 3, code: 3, body: GOT4 }))],
  ),
]
