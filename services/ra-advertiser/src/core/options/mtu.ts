import type { OptionCodec } from './option-codec.ts'

/** MTU: all nodes on the link use this one (RFC 4861 §4.6.4). */
export interface MtuOption {
  readonly kind: 'mtu'
  readonly mtuBytes: number
}

/**
 * RFC 4861 §4.6.4
 * ```
 * mtu = type(5):u8 units(1):u8 reserved:u16 mtuBytes:u32
 * ```
 */
export const MTU: OptionCodec<MtuOption> = {
  name: 'MTU',
  type: 5,
  allowsUnits: (units) => units === 1,
  encode: ({ mtuBytes }, out) => {
    out.u16(0).u32(mtuBytes)
  },
  decode: (body) => {
    body.skip(2)
    return { kind: 'mtu', mtuBytes: body.u32() }
  },
}
