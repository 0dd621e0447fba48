/** IP protocol and next-header numbers (IANA) that the translator treats by name. */
export const PROTOCOL = {
  HOP_BY_HOP: 0,
  ICMP: 1,
  IGMP: 2,
  TCP: 6,
  UDP: 17,
  DCCP: 33,
  ROUTING: 43,
  FRAGMENT: 44,
  ESP: 50,
  AH: 51,
  ICMPV6: 58,
  NO_NEXT_HEADER: 59,
  DESTINATION_OPTIONS: 60,
  UDP_LITE: 136,
} as const

/** RFC 9293 §3.1, bytes from header start. */
export const TCP = {
  PORTS: 0,
  SRC_PORT: 0,
  DST_PORT: 2,
  SEQ: 4,
  ACK: 8,
  DATA_OFFSET: 12,
  FLAGS: 13,
  WINDOW: 14,
  CHECKSUM: 16,
  URGENT: 18,
  LEN: 20,
} as const
/** RFC 9293 §3.1: bits of the octet at `FLAGS`. */
export const TCP_PSH_U8 = 0x08
export const TCP_ACK_U8 = 0x10
export const TCP_FLAG = { FIN: 0x01, SYN: 0x02, RST: 0x04, PSH: TCP_PSH_U8, ACK: TCP_ACK_U8, URG: 0x20 } as const
/** RFC 9293 §3.2, RFC 2018 §3, RFC 7323 §3.2: option kinds that the translator looks at. */
export const TCP_OPTION = { END: 0, NOP: 1, SACK: 5, TIMESTAMPS: 8, TIMESTAMPS_LEN: 10 } as const
/** RFC 768, bytes from header start; UDP-Lite (RFC 3828 §3.1) has its checksum at the same place. */
export const UDP = { PORTS: 0, SRC_PORT: 0, DST_PORT: 2, LENGTH: 4, CHECKSUM: 6, LEN: 8 } as const
/** RFC 4340 §5.1, bytes from header start; the shorter of the two header forms. */
export const DCCP = { CHECKSUM: 6, LEN: 12 } as const
