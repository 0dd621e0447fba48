/** RFC 792 and RFC 4443 §2.1, bytes from header start; both families share the layout. */
export const ICMP = {
  TYPE: 0,
  CODE: 1,
  CHECKSUM: 2,
  /** The 32 bits whose meaning the type decides: identifier and sequence, pointer, MTU, unused. */
  REST: 4,
  LEN: 8,
  /** Parameter Problem: ICMPv4 has 8 bits here, ICMPv6 32 (at `REST`). */
  POINTER4: 4,
  /** RFC 4884 §4.1: length of the original datagram in 32-bit words. */
  LENGTH4: 5,
  /** RFC 4884 §4.2: length of the original datagram in 64-bit words. */
  LENGTH6: 4,
  /** RFC 1191 §4: next-hop MTU of "fragmentation needed", 16 bits. */
  MTU4: 6,
  /** RFC 4443 §3.2: MTU of "packet too big", 32 bits. */
  MTU6: 4,
} as const

/** ICMPv4 types (RFC 792, IANA). */
export const ICMPV4 = {
  ECHO_REPLY: 0,
  UNREACHABLE: 3,
  SOURCE_QUENCH: 4,
  REDIRECT: 5,
  ALTERNATE_HOST: 6,
  ECHO_REQUEST: 8,
  ROUTER_ADVERTISEMENT: 9,
  ROUTER_SOLICITATION: 10,
  TIME_EXCEEDED: 11,
  PARAMETER_PROBLEM: 12,
} as const

/** Codes of ICMPv4 "destination unreachable" (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1). */
export const UNREACHABLE4 = {
  NET: 0,
  HOST: 1,
  PROTOCOL: 2,
  PORT: 3,
  FRAGMENTATION_NEEDED: 4,
  SOURCE_ROUTE_FAILED: 5,
  NET_UNKNOWN: 6,
  HOST_UNKNOWN: 7,
  SOURCE_ISOLATED: 8,
  NET_PROHIBITED: 9,
  HOST_PROHIBITED: 10,
  NET_TOS: 11,
  HOST_TOS: 12,
  PROHIBITED: 13,
  HOST_PRECEDENCE: 14,
  PRECEDENCE_CUTOFF: 15,
} as const

/** ICMPv6 types (RFC 4443, IANA). Below 128: errors. */
export const ICMPV6 = {
  UNREACHABLE: 1,
  PACKET_TOO_BIG: 2,
  TIME_EXCEEDED: 3,
  PARAMETER_PROBLEM: 4,
  FIRST_INFORMATIONAL: 128,
  ECHO_REQUEST: 128,
  ECHO_REPLY: 129,
  MLD_QUERY: 130,
  REDIRECT: 137,
  MLDV2_REPORT: 143,
} as const

/** Codes of ICMPv6 "destination unreachable" (RFC 4443 §3.1). */
export const UNREACHABLE6 = { NO_ROUTE: 0, PROHIBITED: 1, BEYOND_SCOPE: 2, ADDRESS: 3, PORT: 4 } as const

/** Codes of ICMPv6 "parameter problem" (RFC 4443 §3.4). */
export const PARAMETER6 = { ERRONEOUS_FIELD: 0, UNKNOWN_NEXT_HEADER: 1, UNKNOWN_OPTION: 2 } as const
