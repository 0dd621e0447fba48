import { decodeDnsName, encodeDnsName } from '../dns-name.ts'
import { NdpError } from '../ndp-error.ts'
import type { OptionCodec } from './option-codec.ts'

/** DNS Search List: suffixes that hosts try behind a short name (RFC 8106 §5.2). */
export interface Dnssl {
  readonly kind: 'dnssl'
  /** Seconds that the names may be used; 0 withdraws them, 0xffffffff is for ever. */
  readonly lifetimeS: number
  /** At least one, without final dot. */
  readonly names: readonly string[]
}

/**
 * RFC 8106 §5.2
 * ```
 * dnssl = type(31):u8 units(≥ 2):u8 reserved:u16 lifetimeS:u32 1*name padding:zeros
 * ```
 */
export const DNSSL: OptionCodec<Dnssl> = {
  name: 'DNSSL',
  type: 31,
  // RFC 8106 §5.3.1: "the Length value is greater than or equal to 2".
  allowsUnits: (units) => units >= 2,
  encode: ({ lifetimeS, names }, out) => {
    if (names.length === 0) throw new NdpError('bad-value', 'DNSSL: needs at least one name (RFC 8106 §5.2)')
    out.u16(0).u32(lifetimeS)
    for (const name of names) encodeDnsName(name, out)
  },
  decode: (body) => {
    body.skip(2)
    const lifetimeS = body.u32()
    const names: string[] = []
    while (body.left > 0) {
      const name = decodeDnsName(body)
      // The rest is padding: "simply padded with zeros".
      if (name === undefined) break
      names.push(name)
    }
    if (names.length === 0) throw new NdpError('bad-value', 'DNSSL: holds no name')
    return { kind: 'dnssl', lifetimeS, names }
  },
}
