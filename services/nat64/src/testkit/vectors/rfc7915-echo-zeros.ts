/** RFC 7915 §4.2, §5.2: echo replies whose words are zero, or sum up to nothing. RFC 1624 §3 has what is special about them. */
import { icmp4, icmp6, type Octets } from '../packet-builder.ts'
import { plain, toHost4, toHost6, toServer4, toServer6, type Vector } from './vector.ts'

/** Identifier and sequence number are 0. */
const reply4 = (body: Octets) => icmp4({ type: 0, rest: 0, body })
const reply6 = (body: Octets) => icmp6({ type: 129, rest: 0, body })

const BODIES: readonly (readonly [id: string, says: string, body: Octets])[] = [
  ['echo-zeros', 'an ICMPv4 reply that is all zeros has the checksum 0xffff', Array.from({ length: 16 }, () => 0)],
  ['echo-zeros-odd', 'also of an odd length', Array.from({ length: 9 }, () => 0)],
  ['echo-zeros-empty', 'also without data', []],
  ['echo-zero-sum', 'data that sum up to nothing: the checksum is 0', [0xff, 0xfe, 0x00, 0x01]],
]

export const ECHO_ZEROS: readonly Vector[] = [
  ...BODIES.flatMap(([id, says, body]): Vector[] => [
    {
      rfc: 'rfc7915',
      id: `4.2-${id}`,
      says,
      in: plain(toHost4(reply4(body))),
      out: [plain(toHost6(reply6(body)))],
      verdict: 'TRANSLATED_4TO6',
    },
    {
      rfc: 'rfc7915',
      id: `5.2-${id}`,
      says,
      in: plain(toServer6(reply6(body))),
      out: [plain(toServer4(reply4(body)))],
      verdict: 'TRANSLATED_6TO4',
    },
  ]),
  {
    rfc: 'rfc7915',
    id: '5.3-inner-echo-zeros',
    says: 'an error about such a reply',
    in: plain(toServer6(icmp6({ type: 1, body: toHost6(reply6([])) }))),
    out: [plain(toServer4(icmp4({ type: 3, code: 1, body: toHost4(reply4([]), { ttl: 63 }) })))],
    verdict: 'TRANSLATED_6TO4',
  },
]
