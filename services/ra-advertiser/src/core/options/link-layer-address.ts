import { NdpError } from '../ndp-error.ts'
import type { OptionCodec } from './option-codec.ts'

/** Source Link-Layer Address: where to send frames for the sender of this message (RFC 4861 §4.6.1). */
export interface SourceLinkLayerAddress {
  readonly kind: 'slla'
  /** Link-layer address; 6 octets on Ethernet. Read back with the zero padding of other link types. */
  readonly address: Uint8Array
}

/**
 * RFC 4861 §4.6.1
 * ```
 * slla = type(1):u8 units:u8 address:octets[units × 8 − 2]
 * ```
 */
export const SLLA: OptionCodec<SourceLinkLayerAddress> = {
  name: 'SLLA',
  type: 1,
  allowsUnits: (units) => units >= 1,
  encode: ({ address }, out) => {
    if (address.length === 0) throw new NdpError('bad-value', 'SLLA: a link-layer address of no octets')
    out.bytes(address)
  },
  decode: (body) => ({ kind: 'slla', address: body.bytes(body.left) }),
}
