/** RFC 7915 figures 3 and 6: which field of the other family's header a Parameter Problem's pointer is about. */

/** No counterpart: the message is silently dropped. */
const NONE = -1

/** Figure 3: IPv4 pointer value 0 … 19 → IPv6 pointer value. */
const POINTER_4TO6: readonly number[] = [
  0, // version, IHL → version, traffic class
  1, // type of service → traffic class, flow label
  4, // total length → payload length
  4,
  NONE, // identification
  NONE,
  NONE, // flags, fragment offset
  NONE,
  7, // TTL → hop limit
  6, // protocol → next header
  NONE, // header checksum
  NONE,
  8, // source address
  8,
  8,
  8,
  24, // destination address
  24,
  24,
  24,
]

/** The IPv6 pointer of an IPv4 pointer, -1 for none. */
export const pointer4to6 = (pointer: number): number => POINTER_4TO6[pointer] ?? NONE

/** Figure 6: the IPv4 pointer of an IPv6 pointer, -1 for none. */
export const pointer6to4 = (pointer: number): number => {
  if (pointer <= 1) return pointer // version, traffic class → version, IHL; type of service
  if (pointer <= 3) return NONE // flow label
  if (pointer <= 5) return 2 // payload length → total length
  if (pointer === 6) return 9 // next header → protocol
  if (pointer === 7) return 8 // hop limit → TTL
  if (pointer <= 23) return 12 // source address
  return pointer <= 39 ? 16 : NONE // destination address
}
