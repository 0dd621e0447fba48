/** RFC 791 §3.1, bytes from header start. */
export const IPV4 = {
  VERSION_IHL: 0,
  TOS: 1,
  TOTAL_LEN: 2,
  ID: 4,
  FLAGS_FRAG: 6,
  TTL: 8,
  PROTOCOL: 9,
  CHECKSUM: 10,
  SRC: 12,
  DST: 16,
  /** Header length without options. */
  LEN: 20,
} as const

/** RFC 791 §3.1: "don't fragment" in the 16 bits at `FLAGS_FRAG`. */
export const IPV4_DF_U16 = 0x4000
/** RFC 791 §3.1: "more fragments" in the 16 bits at `FLAGS_FRAG`. */
export const IPV4_MF_U16 = 0x2000
/** RFC 791 §3.1: fragment offset in units of 8 octets, in the 16 bits at `FLAGS_FRAG`. */
export const IPV4_FRAG_OFF8_U16 = 0x1fff
/** The largest IPv4 datagram: Total Length has 16 bits. */
export const IPV4_MAX_LEN = 65_535

/** RFC 791 §3.1: option types that the translator looks at. */
export const IPV4_OPTION = { END: 0, NOP: 1, LOOSE_SOURCE_ROUTE: 131, STRICT_SOURCE_ROUTE: 137 } as const
