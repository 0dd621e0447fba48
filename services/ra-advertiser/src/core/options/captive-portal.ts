import { NdpError } from '../ndp-error.ts'
import type { OptionCodec } from './option-codec.ts'

/** Captive portal: where the API is that tells whether a host is captive (RFC 8910 §2.3). */
export interface CaptivePortal {
  readonly kind: 'captive-portal'
  /** https URI of the API (RFC 8908), or `urn:ietf:params:capport:unrestricted` for a network without captive portal. */
  readonly uri: string
}

/** RFC 3986 §2: a URI is printable ASCII without blanks. */
const URI = /^[\x21-\x7e]+$/

const NUL = 0

/**
 * RFC 8910 §2.3
 * ```
 * captivePortal = type(37):u8 units:u8 uri:octets padding:zeros   "padded with NUL (0x00) to make the total option length a multiple of 8 bytes"
 * ```
 */
export const CAPTIVE_PORTAL: OptionCodec<CaptivePortal> = {
  name: 'captive portal',
  type: 37,
  allowsUnits: (units) => units >= 1,
  encode: ({ uri }, out) => {
    if (!URI.test(uri))
      throw new NdpError('bad-value', `captive portal: "${uri}": must be a URI of printable ASCII (RFC 8910 §2)`)
    out.bytes(Uint8Array.from(uri, (character) => character.charCodeAt(0)))
  },
  decode: (body) => {
    const octets = body.bytes(body.left)
    const end = octets.findLastIndex((octet) => octet !== NUL) + 1
    const uri = String.fromCharCode(...octets.subarray(0, end))
    if (!URI.test(uri)) throw new NdpError('bad-value', 'captive portal: is no URI of printable ASCII')
    return { kind: 'captive-portal', uri }
  },
}
