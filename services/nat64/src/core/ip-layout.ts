/**
 * Where things stand in one IP packet, of either family: filled by `readIpv6` and `readIpv4` into a record that is used
 * again for every packet. Offsets are those of the buffer.
 */
export interface IpLayout {
  /** First byte of the IP header. */
  start: number
  /** Behind the last byte of the packet that is in the buffer. */
  end: number
  /** First byte behind the IP header(s): the upper-layer header, or a later fragment's payload. */
  upper: number
  /** Upper-layer bytes by the length fields: `end - upper`, or more for the truncated packet inside an ICMP error. */
  upperLenBytes: number
  /** Upper-layer protocol, numbered as in this packet's family. */
  protocol: number
  /** Traffic class, type of service. */
  tos: number
  /** Hop limit, TTL. */
  hops: number
  /** It has a fragment header (IPv6), or is not whole (IPv4). */
  isFragment: boolean
  /** Offset in units of 8 octets; 0 unless `isFragment`. */
  fragOff8: number
  /** More fragments follow; false unless `isFragment`. */
  moreFragments: boolean
  /** Identification: 32 bits in IPv6 (valid iff `isFragment`), 16 in IPv4. */
  id: number
  /** Valid for IPv4. */
  dontFragment: boolean
  /** Offset from `start` of the octet that a Parameter Problem points at; valid iff the verdict asks for one. */
  offendingOctet: number
}

/** A record to be filled. */
export const makeIpLayout = (): IpLayout => ({
  start: 0,
  end: 0,
  upper: 0,
  upperLenBytes: 0,
  protocol: 0,
  tos: 0,
  hops: 0,
  isFragment: false,
  fragOff8: 0,
  moreFragments: false,
  id: 0,
  dontFragment: false,
  offendingOctet: 0,
})

/** Whether a packet is read for itself, or as the (perhaps truncated) packet that an ICMP error is about. */
export type Nesting = 'outer' | 'inner'
