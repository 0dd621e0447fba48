/** What is wrong with a Neighbor Discovery message or option. */
export type NdpErrorCode =
  /** Fewer octets than the format says. */
  | 'truncated'
  /** A Length field that the format does not allow. */
  | 'bad-length'
  /** A message or option of another type than the caller asked for. */
  | 'bad-type'
  /** A field holds a value that the format does not allow (or, encoding, that does not fit in the field). */
  | 'bad-value'

/** The one error that codecs of this service throw, on whatever octets or values they are given. */
export class NdpError extends Error {
  readonly code: NdpErrorCode

  constructor(code: NdpErrorCode, message: string) {
    super(message)
    this.name = 'NdpError'
    this.code = code
  }
}
