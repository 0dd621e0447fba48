import { asIp6, formatPrefix, IP6_LEN, type Prefix6, prefix6Of } from '@sixgate/addr'
import { NdpError } from '../ndp-error.ts'
import type { OptionCodec } from './option-codec.ts'

/** PREF64: the prefix that NAT64 translates (RFC 8781 §4). */
export interface Pref64Option {
  readonly kind: 'pref64'
  readonly prefix: Prefix6
  /** Seconds, 0 withdraws the prefix. Rounded up to a multiple of 8 on the wire; at most 65528. */
  readonly lifetimeS: number
}

/** RFC 8781 §4: prefix length code → length in bits. 6 and 7 are not assigned. */
const LENGTH_OF_CODE: readonly number[] = [96, 64, 56, 48, 40, 32]

/** RFC 8781 §4: the lifetime has 13 bits in units of 8 seconds. */
export const PREF64_LIFETIME_MAX_S = 8191 * 8

/** Octets of the prefix that are sent: the highest 96 bits. */
const SENT_PREFIX_LEN = 12

/**
 * RFC 8781 §4
 * ```
 * pref64 = type(38):u8 units(2):u8 scaledLifetime8S:13 prefixLengthCode:3 prefix:octets[12]
 * ```
 */
export const PREF64: OptionCodec<Pref64Option> = {
  name: 'PREF64',
  type: 38,
  allowsUnits: (units) => units === 2,
  encode: ({ prefix, lifetimeS }, out) => {
    const code = LENGTH_OF_CODE.indexOf(prefix.lenBits)
    if (code < 0)
      throw new NdpError(
        'bad-value',
        `PREF64 ${formatPrefix(prefix)}: length must be 32, 40, 48, 56, 64 or 96 (RFC 8781 §4)`,
      )
    if (!(lifetimeS >= 0 && lifetimeS <= PREF64_LIFETIME_MAX_S))
      throw new NdpError(
        'bad-value',
        `PREF64 ${formatPrefix(prefix)}: lifetime ${lifetimeS} s: allowed are 0 to ${PREF64_LIFETIME_MAX_S} s`,
      )
    // RFC 8781 §4.1: "the interval … divided by 8, rounded up", so that a short lifetime never becomes 0 = withdrawn.
    out.u16((Math.ceil(lifetimeS / 8) << 3) | code).bytes(prefix.addr.subarray(0, SENT_PREFIX_LEN))
  },
  decode: (body) => {
    const field = body.u16()
    const lenBits = LENGTH_OF_CODE[field & 0b111]
    // RFC 8781 §4: "The receiver MUST ignore the PREF64 option if the Prefix Length Code field is not set to one of [these]".
    if (lenBits === undefined)
      throw new NdpError('bad-value', `PREF64: prefix length code ${field & 0b111}: allowed are 0 to 5`)
    const addr = new Uint8Array(IP6_LEN)
    addr.set(body.bytes(SENT_PREFIX_LEN))
    return { kind: 'pref64', prefix: prefix6Of(asIp6(addr), lenBits), lifetimeS: (field >>> 3) * 8 }
  },
}
