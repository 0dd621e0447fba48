/** RFC 8200 §3, bytes from header start. */
export const IPV6 = {
  /** Version (4 bits), Traffic Class (8), Flow Label (20). */
  VERSION_CLASS_FLOW: 0,
  PAYLOAD_LEN: 4,
  NEXT_HEADER: 6,
  HOP_LIMIT: 7,
  SRC: 8,
  DST: 24,
  LEN: 40,
} as const

/** RFC 8200 §4.2–4.4: every option-like extension header starts so; its length is `(HDR_EXT_LEN + 1) * 8` octets. */
export const EXTENSION6 = { NEXT_HEADER: 0, HDR_EXT_LEN: 1, MIN_LEN: 8 } as const

/** RFC 8200 §4.4: routing header, bytes from its start. */
export const ROUTING6 = { SEGMENTS_LEFT: 3 } as const

/** RFC 8200 §4.5: fragment header, bytes from its start. */
export const FRAGMENT6 = { NEXT_HEADER: 0, RESERVED: 1, OFFSET_FLAGS: 2, ID: 4, LEN: 8 } as const

/** RFC 8200 §4.5: "more fragments" in the 16 bits at `OFFSET_FLAGS`. */
export const FRAGMENT6_M_U16 = 0x0001

/** RFC 8200 §5: every link carries packets of this size. */
export const IPV6_MIN_MTU = 1280
