/** RFC 6052: the six prefix lengths with the RFC's own addresses (§2.4), several prefixes, and §3.1. */
import { HOST_A, HOST_B, OWN6, pref64Of, SERVER } from '../core-lab.ts'
import {
  echoReply4,
  echoReply6,
  echoRequest4,
  echoRequest6,
  icmp6,
  ip4,
  ip6,
  type Octets,
  tcp,
  udp,
} from '../packet-builder.ts'
import { plain, type Vector } from './vector.ts'

const rfc = 'rfc6052'

/** §2.4, table 1 and 2: 192.0.2.33 in each prefix. */
const TABLE = [
  [32, '2001:db8::/32', '2001:db8:c000:221::'],
  [40, '2001:db8:100::/40', '2001:db8:1c0:2:21::'],
  [48, '2001:db8:122::/48', '2001:db8:122:c000:2:2100::'],
  [56, '2001:db8:122:300::/56', '2001:db8:122:3c0:0:221::'],
  [64, '2001:db8:122:344::/64', '2001:db8:122:344:c0:2:2100::'],
  [96, '2001:db8:122:344::/96', '2001:db8:122:344::192.0.2.33'],
] as const

/** A host outside those prefixes. */
const HOST6 = 'fd00:6:4::10'
const HOST4 = HOST_A.ip4
const hosts = [[HOST6, HOST4, 0]] as const

const lengths = TABLE.flatMap(([length, prefix, server6]): Vector[] => [
  {
    rfc,
    id: `2.4-${length}-6to4`,
    says: `192.0.2.33 out of a /${length}`,
    in: plain(ip6({ src: HOST6, dst: server6 }, tcp())),
    out: [plain(ip4({ src: HOST4, dst: SERVER, ttl: 63 }, tcp()))],
    verdict: 'TRANSLATED_6TO4',
    options: { map: { pref64: [pref64Of(prefix)] }, hosts },
  },
  {
    rfc,
    id: `2.4-${length}-4to6`,
    says: `192.0.2.33 into a /${length}`,
    in: plain(ip4({ src: SERVER, dst: HOST4 }, tcp())),
    out: [plain(ip6({ src: server6, dst: HOST6, hops: 63 }, tcp()))],
    verdict: 'TRANSLATED_4TO6',
    options: { map: { pref64: [pref64Of(prefix)] }, hosts },
  },
])

/** One host with a mapping for each of two prefixes: answers come back through the prefix that was asked. */
const TWO = {
  map: { pref64: [pref64Of('64:ff9b::/96'), pref64Of('2001:db8:122::/48')] },
  hosts: [
    [HOST6, HOST_A.ip4, 0],
    [HOST6, HOST_B.ip4, 1],
  ],
} as const

const several: readonly Vector[] = [
  ['several-first', '64:ff9b::192.0.2.33', HOST_A.ip4],
  ['several-second', '2001:db8:122:c000:2:2100::', HOST_B.ip4],
].flatMap(([id, server6 = '', host4 = '']): Vector[] => [
  {
    rfc,
    id: `${id}-6to4`,
    says: 'several prefixes: a mapping for each',
    in: plain(ip6({ src: HOST6, dst: server6 }, echoRequest6())),
    out: [plain(ip4({ src: host4, dst: SERVER, ttl: 63 }, echoRequest4()))],
    verdict: 'TRANSLATED_6TO4',
    options: TWO,
  },
  {
    rfc,
    id: `${id}-4to6`,
    says: 'several prefixes: the answer through the one that was asked',
    in: plain(ip4({ src: SERVER, dst: host4 }, echoReply4())),
    out: [plain(ip6({ src: server6, dst: HOST6, hops: 63 }, echoReply6()))],
    verdict: 'TRANSLATED_4TO6',
    options: TWO,
  },
])

const policy = (
  id: string,
  says: string,
  destination: string,
  wellKnownPrefixPolicy: 'strict' | 'allow-private' | 'off',
  refused: boolean,
): Vector => {
  const packet: Octets = ip6({ src: HOST_A.ip6, dst: `64:ff9b::${destination}` }, udp())
  const error = ip6({ src: OWN6, dst: HOST_A.ip6 }, icmp6({ type: 1, code: 1, body: packet }))
  return {
    rfc,
    id,
    says,
    in: plain(packet),
    out: [plain(refused ? error : ip4({ src: HOST_A.ip4, dst: destination, ttl: 63 }, udp()))],
    verdict: refused ? 'DESTINATION_PRIVATE' : 'TRANSLATED_6TO4',
    options: { map: { wellKnownPrefixPolicy } },
  }
}

export const PREFIXES: readonly Vector[] = [
  ...lengths,
  ...several,
  {
    rfc,
    id: '2.2-suffix',
    says: 'a suffix is ignored when the address is taken out (§2.3)',
    in: plain(ip6({ src: HOST6, dst: '2001:db8:122:344:c0:2:2100:1234' }, udp())),
    out: [plain(ip4({ src: HOST4, dst: SERVER, ttl: 63 }, udp()))],
    verdict: 'TRANSLATED_6TO4',
    options: { map: { pref64: [pref64Of('2001:db8:122:344::/64')] }, hosts },
  },
  policy('3.1-strict-private', 'strict: no private address in 64:ff9b::/96', '10.1.2.3', 'strict', true),
  policy('3.1-strict-shared', 'strict: nor a shared one', '100.64.0.1', 'strict', true),
  policy('3.1-strict-special', 'strict: nor one for documentation', '198.51.100.1', 'strict', true),
  policy('3.1-strict-global', 'strict: global addresses pass', '8.8.8.8', 'strict', false),
  policy('3.1-private', 'allow-private: private addresses pass', '10.1.2.3', 'allow-private', false),
  policy('3.1-private-special', 'allow-private: special ones do not', '198.51.100.1', 'allow-private', true),
  policy('3.1-off', 'off: all pass', '198.51.100.1', 'off', false),
  {
    ...policy('3.1-own-prefix', '', '10.1.2.3', 'strict', false),
    says: 'strict does not concern a prefix of one’s own',
    in: plain(ip6({ src: HOST6, dst: '2001:db8:122:344::10.1.2.3' }, udp())),
    out: [plain(ip4({ src: HOST4, dst: '10.1.2.3', ttl: 63 }, udp()))],
    options: { map: { pref64: [pref64Of('2001:db8:122:344::/96')], wellKnownPrefixPolicy: 'strict' }, hosts },
  },
]
