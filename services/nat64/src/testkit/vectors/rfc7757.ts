/** RFC 7757: explicit address mappings (§3, example of §3.2 figure 1) and hairpinning (§4). */
import { eam, HOST_A, HOST_B, OWN4, OWN6, SERVER, SERVER6 } from '../core-lab.ts'
import { echoReply6, echoRequest6, icmp6, ip4, ip6, type Octets, tcp, udp } from '../packet-builder.ts'
import { offloaded, plain, type Vector } from './vector.ts'

const rfc = 'rfc7757'

/** The table of RFC 7757 §3.2, figure 1, as far as one table can hold it. */
const EAMS = [
  eam('2001:db8:aaaa::/128', '192.0.2.1/32'),
  eam('2001:db8:bbbb::b/128', '192.0.2.2/32'),
  eam('2001:db8:cccc::/124', '192.0.2.16/28'),
  eam('2001:db8:dddd::/64', '192.0.2.128/26'),
  eam('2001:db8:eeee:8::/62', '192.0.2.192/29'),
  eam('64:ff9b::/127', '192.0.2.224/31'),
]
const options = { map: { eams: EAMS } }

/** §3.2, figure 2: addresses and what they are mapped to. */
const EXAMPLES = [
  ['128', '2001:db8:aaaa::', '192.0.2.1'],
  ['128-b', '2001:db8:bbbb::b', '192.0.2.2'],
  ['124', '2001:db8:cccc::5', '192.0.2.21'],
  ['64', '2001:db8:dddd:0:fc00::', '192.0.2.191'],
  ['62', '2001:db8:eeee:a:8000::', '192.0.2.197'],
  ['127', '64:ff9b::1', '192.0.2.225'],
] as const

const PEER4 = '198.51.100.7'
const PEER6 = '64:ff9b::198.51.100.7'

const examples = EXAMPLES.flatMap(([id, host6, host4]): Vector[] => [
  {
    rfc,
    id: `3.3.2-${id}`,
    says: `${host6} is ${host4}`,
    in: plain(ip6({ src: host6, dst: PEER6 }, tcp())),
    out: [plain(ip4({ src: host4, dst: PEER4, ttl: 63 }, tcp()))],
    verdict: 'TRANSLATED_6TO4',
    options,
  },
  {
    rfc,
    id: `3.3.1-${id}`,
    says: `${host4} is ${host6}`,
    in: plain(ip4({ src: PEER4, dst: host4 }, tcp())),
    out: [plain(ip6({ src: PEER6, dst: host6, hops: 63 }, tcp()))],
    verdict: 'TRANSLATED_4TO6',
    options,
  },
])

const hairpin = (id: string, says: string, packet: Octets, out: Octets, more = {}): Vector => ({
  rfc,
  id,
  says,
  in: plain(packet),
  out: [plain(out)],
  verdict: 'HAIRPINNED',
  options: more,
})

/** Host A and host B as each sees the other: through pref64. */
const A_SEEN = `64:ff9b::${HOST_A.ip4}`
const B_SEEN = `64:ff9b::${HOST_B.ip4}`
const A_TO_B = ip6({ src: HOST_A.ip6, dst: B_SEEN }, udp())
const A_TO_B_ARRIVED = ip6({ src: A_SEEN, dst: HOST_B.ip6, hops: 62 }, udp())
/** Two hosts with explicit maps. */
const C = { ip6: '2001:db8:aaaa::', seen: '64:ff9b::192.0.2.1' }
const D = { ip6: '2001:db8:bbbb::b', seen: '64:ff9b::192.0.2.2' }
const C_TO_D = ip6({ src: C.ip6, dst: D.seen }, udp())
const C_TO_D_ARRIVED = ip6({ src: C.seen, dst: D.ip6, hops: 62 }, udp())

export const EXPLICIT_MAPS: readonly Vector[] = [
  ...examples,
  {
    rfc,
    id: '3.3-longest',
    says: 'the longest prefix wins in both directions',
    in: plain(ip6({ src: '2001:db8:aaaa::1', dst: PEER6 }, udp())),
    out: [plain(ip4({ src: '203.0.113.1', dst: PEER4, ttl: 63 }, udp()))],
    verdict: 'TRANSLATED_6TO4',
    options: {
      map: { eams: [eam('2001:db8:aaaa::/112', '192.0.0.0/16'), eam('2001:db8:aaaa::1/128', '203.0.113.1/32')] },
    },
  },
  {
    rfc,
    id: '3.3-remote',
    says: 'a destination with an explicit map needs no pref64',
    in: plain(ip6({ src: HOST_A.ip6, dst: '2001:db8:aaaa::' }, udp())),
    out: [plain(ip4({ src: HOST_A.ip4, dst: '192.0.2.1', ttl: 63 }, udp()))],
    verdict: 'TRANSLATED_6TO4',
    options,
  },
  {
    rfc,
    id: '3.3-remote-answer',
    says: 'and its answer comes from the mapped address',
    in: plain(ip4({ src: '192.0.2.1', dst: HOST_A.ip4 }, udp())),
    out: [plain(ip6({ src: '2001:db8:aaaa::', dst: HOST_A.ip6, hops: 63 }, udp()))],
    verdict: 'TRANSLATED_4TO6',
    options,
  },
  hairpin(
    '4.2-dynamic',
    'between two hosts with dynamic mappings: the source is seen through pref64',
    A_TO_B,
    A_TO_B_ARRIVED,
  ),
  hairpin(
    '4.2-explicit',
    'between two hosts with explicit maps: the source is seen through pref64',
    C_TO_D,
    C_TO_D_ARRIVED,
    options,
  ),
  hairpin(
    '4.2-error',
    'an error on the way back: inner addresses as the first host knows them',
    ip6({ src: HOST_B.ip6, dst: A_SEEN }, icmp6({ type: 1, code: 4, body: A_TO_B_ARRIVED })),
    ip6(
      { src: B_SEEN, dst: HOST_A.ip6, hops: 62 },
      icmp6({ type: 1, code: 4, body: ip6({ src: HOST_A.ip6, dst: B_SEEN, hops: 62 }, udp()) }),
    ),
  ),
  hairpin(
    '4.2-error-explicit',
    'the same between hosts with explicit maps',
    ip6({ src: D.ip6, dst: C.seen }, icmp6({ type: 1, code: 4, body: C_TO_D_ARRIVED })),
    ip6(
      { src: D.seen, dst: C.ip6, hops: 62 },
      icmp6({ type: 1, code: 4, body: ip6({ src: C.ip6, dst: D.seen, hops: 62 }, udp()) }),
    ),
    options,
  ),
  {
    ...hairpin('4.2-offload', 'a TCP super-packet stays one', [], []),
    in: offloaded(
      { gso: 4, hdrLen: 60, gsoSize: 1000, csumStart: 40, csumOffset: 16 },
      ip6({ src: HOST_A.ip6, dst: B_SEEN }, tcp({ checksum: 'partial', data: Array(3000).fill(5) })),
    ),
    out: [
      offloaded(
        { gso: 4, hdrLen: 60, gsoSize: 1000, csumStart: 40, csumOffset: 16 },
        ip6({ src: A_SEEN, dst: HOST_B.ip6, hops: 62 }, tcp({ checksum: 'partial', data: Array(3000).fill(5) })),
      ),
    ],
  },
  {
    rfc,
    id: '4.2-nobody',
    says: 'a free pool address: the answer comes back to the host that asked',
    in: plain(ip6({ src: HOST_A.ip6, dst: '64:ff9b::198.18.0.99' }, udp())),
    out: [
      plain(
        ip6(
          { src: OWN6, dst: HOST_A.ip6, hops: 63, tclass: 0xc0 },
          icmp6({ type: 1, code: 0, body: ip6({ src: HOST_A.ip6, dst: '64:ff9b::198.18.0.99', hops: 63 }, udp()) }),
        ),
      ),
    ],
    verdict: 'NO_MAPPING',
  },
  {
    rfc,
    id: '4.2-own-ping',
    says: "a ping to the translator's own address through pref64",
    in: plain(ip6({ src: HOST_A.ip6, dst: `64:ff9b::${OWN4}` }, echoRequest6())),
    out: [plain(ip6({ src: `64:ff9b::${OWN4}`, dst: HOST_A.ip6, hops: 63 }, echoReply6()))],
    verdict: 'ECHO_ANSWERED',
  },
  {
    rfc,
    id: '4-not-hairpin',
    says: 'a source with an explicit map that comes from the IPv4 network keeps its mapped address',
    in: plain(ip4({ src: '192.0.2.2', dst: HOST_A.ip4 }, udp())),
    out: [plain(ip6({ src: D.ip6, dst: HOST_A.ip6, hops: 63 }, udp()))],
    verdict: 'TRANSLATED_4TO6',
    options,
  },
  {
    rfc,
    id: '4-server',
    says: 'traffic with the IPv4 network is no hairpin',
    in: plain(ip6({ src: C.ip6, dst: SERVER6 }, udp())),
    out: [plain(ip4({ src: '192.0.2.1', dst: SERVER, ttl: 63 }, udp()))],
    verdict: 'TRANSLATED_6TO4',
    options: { map: { eams: EAMS.slice(0, 2) } },
  },
]
