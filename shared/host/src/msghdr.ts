/** struct msghdr of 64-bit Linux: byte offsets. */
export const MSGHDR = {
  NAME_U64: 0,
  NAMELEN_U32: 8,
  IOV_U64: 16,
  IOVLEN_U64: 24,
  CONTROL_U64: 32,
  CONTROLLEN_U64: 40,
  FLAGS_I32: 48,
  SIZE: 56,
} as const

/** struct iovec of 64-bit Linux. */
export const IOVEC = { BASE_U64: 0, LEN_U64: 8, SIZE: 16 } as const

/** struct cmsghdr of 64-bit Linux; the data follows, each entry padded to 8 octets. */
export const CMSGHDR = { LEN_U64: 0, LEVEL_I32: 8, TYPE_I32: 12, SIZE: 16 } as const
