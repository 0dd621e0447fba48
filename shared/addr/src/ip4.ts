declare const ip4Brand: unique symbol

/** An IPv4 address as an unsigned 32-bit number in host order: `192.0.2.1` is `0xc0000201`. */
export type Ip4 = number & { readonly [ip4Brand]: true }

/** Brands a number that is already known to be an unsigned 32-bit IPv4 address. */
export const asIp4 = (value: number): Ip4 => (value >>> 0) as Ip4

const DOTTED_QUAD = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/

/**
 * Reads a dotted quad. Exactly four decimal octets without leading zeros (RFC 6943 §3.1.1: other forms are ambiguous).
 * Returns `undefined` for anything else.
 */
export const parseIp4 = (text: string): Ip4 | undefined => {
  const match = DOTTED_QUAD.exec(text)
  if (match === null) return undefined
  let value = 0
  for (const octet of match.slice(1)) {
    const number = Number(octet)
    if (number > 255) return undefined
    value = value * 256 + number
  }
  return asIp4(value)
}

/** Writes a dotted quad. */
export const formatIp4 = (ip: Ip4): string => `${ip >>> 24}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`

/** The four octets in network order, as a new array. */
export const ip4ToBytes = (ip: Ip4): Uint8Array =>
  Uint8Array.of(ip >>> 24, (ip >>> 16) & 255, (ip >>> 8) & 255, ip & 255)

/** Reads four octets in network order from `bytes[offset..offset+4)`; throws a RangeError when they are not there. */
export const ip4FromBytes = (bytes: Uint8Array, offset = 0): Ip4 =>
  asIp4(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset))
