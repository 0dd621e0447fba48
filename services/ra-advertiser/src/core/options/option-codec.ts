import type { Reader, Writer } from '../wire-cursor.ts'

/**
 * How one option kind looks on the wire. Type, Length and the padding to whole units of 8 octets (RFC 4861 §4.6) are
 * written and read in one place, `ndp-options.ts`; a codec knows what lies between: the body, from octet 2 on.
 */
export interface OptionCodec<Option> {
  /** Name in messages for operators, e.g. `RDNSS`. */
  readonly name: string
  /** IANA "IPv6 Neighbor Discovery Option Formats". */
  readonly type: number
  /** Length fields that the RFC allows, in units of 8 octets. */
  readonly allowsUnits: (units: number) => boolean
  /** Writes the body; throws NdpError `bad-value` when the option cannot be written. */
  readonly encode: (option: Option, out: Writer) => void
  /** Reads the body, whose size is `allowsUnits` × 8 − 2 octets; throws NdpError. */
  readonly decode: (body: Reader) => Option
}

/** Lifetime of 32 bits that never ends (RFC 4861 §4.6.2, RFC 4191 §2.3, RFC 8106 §5.1), in seconds. */
export const INFINITE_LIFETIME_S = 0xffffffff
