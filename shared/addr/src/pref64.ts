import { asIp4, type Ip4 } from './ip4.ts'
import { asIp6, IP6_LEN, type Ip6 } from './ip6.ts'
import { contains6, parsePrefix6, type Prefix6 } from './prefix.ts'

declare const pref64Brand: unique symbol

/** A NAT64 prefix: one of the six lengths of RFC 6052 §2.2, u-octet (bits 64–71) zero. */
export type Pref64 = Prefix6 & { readonly [pref64Brand]: true }

/** Prefix lengths that RFC 6052 §2.2 allows, in bits. */
export const PREF64_LENGTHS = [32, 40, 48, 56, 64, 96] as const

/** Byte offset of the u-octet, bits 64 to 71, always zero (RFC 6052 §2.2). */
const U_OCTET = 8

/** Why a text is no NAT64 prefix, or the prefix. */
export type Pref64Result =
  | { readonly ok: true; readonly pref64: Pref64 }
  | { readonly ok: false; readonly reason: string }

/** Reads a NAT64 prefix; the reason says what is allowed (RFC 6052 §2.2). */
export const parsePref64 = (text: string): Pref64Result => {
  const prefix = parsePrefix6(text)
  if (prefix === undefined) return { ok: false, reason: 'must be an IPv6 prefix like 64:ff9b::/96, host bits zero' }
  if (!PREF64_LENGTHS.some((lenBits) => lenBits === prefix.lenBits))
    return { ok: false, reason: 'length must be 32, 40, 48, 56, 64 or 96 (RFC 6052 §2.2)' }
  if (prefix.lenBits === 96 && prefix.addr[U_OCTET] !== 0)
    return { ok: false, reason: 'bits 64 to 71 (the u-octet) must be zero (RFC 6052 §2.2)' }
  return { ok: true, pref64: prefix as Pref64 }
}

/** The byte positions of the four IPv4 octets: they step over the u-octet (table of RFC 6052 §2.2). */
const octetPositions = (lenBits: number): readonly [number, number, number, number] => {
  const first = lenBits >>> 3
  const step = (index: number): number => (lenBits < 96 && first + index >= U_OCTET ? first + index + 1 : first + index)
  return [step(0), step(1), step(2), step(3)]
}

/** The IPv4-embedded IPv6 address of `ip` in `pref64`, suffix zero (RFC 6052 §2.3). */
export const embedIp4 = (pref64: Pref64, ip: Ip4): Ip6 => {
  const bytes = new Uint8Array(IP6_LEN)
  bytes.set(pref64.addr)
  const positions = octetPositions(pref64.lenBits)
  for (const [index, position] of positions.entries()) bytes[position] = (ip >>> (24 - 8 * index)) & 255
  return asIp6(bytes)
}

/**
 * The IPv4 address inside an IPv4-embedded IPv6 address; the suffix is ignored (RFC 6052 §2.3).
 * Returns `undefined` when `ip` is outside the prefix.
 */
export const extractIp4 = (pref64: Pref64, ip: Ip6): Ip4 | undefined => {
  if (!contains6(pref64, ip)) return undefined
  let value = 0
  for (const position of octetPositions(pref64.lenBits)) value = value * 256 + (ip[position] ?? 0)
  return asIp4(value)
}
