import { asIp6, IP6_LEN, type Prefix6, prefix6Of } from '@sixgate/addr'
import { NdpError } from '../ndp-error.ts'
import { type Preference, preferenceFromFlags, preferenceToFlags } from '../preference.ts'
import type { OptionCodec } from './option-codec.ts'

/** Route Information: a prefix that is reached through this router (RFC 4191 §2.3). */
export interface RouteInformation {
  readonly kind: 'rio'
  readonly prefix: Prefix6
  readonly preference: Preference
  /** Seconds; 0xffffffff is for ever, 0 withdraws the route. */
  readonly lifetimeS: number
}

/** Units that a prefix length needs: the prefix field has 0, 8 or 16 octets (RFC 4191 §2.3). */
const unitsFor = (lenBits: number): number => (lenBits === 0 ? 1 : lenBits <= 64 ? 2 : 3)

/**
 * RFC 4191 §2.3
 * ```
 * rio = type(24):u8 units(1|2|3):u8 prefixLenBits:u8 flags:u8 lifetimeS:u32 prefix:octets[(units − 1) × 8]
 * ```
 */
export const RIO: OptionCodec<RouteInformation> = {
  name: 'RIO',
  type: 24,
  allowsUnits: (units) => units >= 1 && units <= 3,
  encode: ({ prefix, preference, lifetimeS }, out) => {
    out
      .u8(prefix.lenBits)
      .u8(preferenceToFlags(preference))
      .u32(lifetimeS)
      .bytes(prefix.addr.subarray(0, (unitsFor(prefix.lenBits) - 1) * 8))
  },
  decode: (body) => {
    const lenBits = body.u8()
    if (lenBits > 128) throw new NdpError('bad-value', `RIO: prefix length ${lenBits}: allowed are 0 to 128`)
    const preference = preferenceFromFlags(body.u8())
    // RFC 4191 §2.3: with the reserved value "the Route Information Option MUST be ignored".
    if (preference === undefined) throw new NdpError('bad-value', 'RIO: preference 10 (binary) is reserved')
    const lifetimeS = body.u32()
    const units = body.left / 8 + 1
    if (units < unitsFor(lenBits))
      throw new NdpError('bad-length', `RIO: length ${units} is too short for a prefix of ${lenBits} bits`)
    const addr = new Uint8Array(IP6_LEN)
    addr.set(body.bytes(body.left))
    return { kind: 'rio', prefix: prefix6Of(asIp6(addr), lenBits), preference, lifetimeS }
  },
}
