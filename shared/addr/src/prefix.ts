import { asIp4, formatIp4, type Ip4, parseIp4 } from './ip4.ts'
import { asIp6, formatIp6, IP6_LEN, type Ip6, parseIp6 } from './ip6.ts'

declare const prefixBrand: unique symbol

/** An IPv4 prefix; the bits behind `lenBits` are zero. */
export type Prefix4 = { readonly family: 4; readonly addr: Ip4; readonly lenBits: number } & {
  readonly [prefixBrand]: 4
}
/** An IPv6 prefix; the bits behind `lenBits` are zero. */
export type Prefix6 = { readonly family: 6; readonly addr: Ip6; readonly lenBits: number } & {
  readonly [prefixBrand]: 6
}

/** Network mask of a prefix length 0..32 as an unsigned 32-bit number. */
export const mask4 = (lenBits: number): number => (lenBits === 0 ? 0 : (-1 << (32 - lenBits)) >>> 0)

const maskIp6 = (ip: Ip6, lenBits: number): Ip6 =>
  asIp6(ip.map((octet, index) => octet & (0xff00 >>> Math.min(8, Math.max(0, lenBits - index * 8))) & 255))

/** The prefix of `lenBits` (0..32) that holds `addr`. */
export const prefix4Of = (addr: Ip4, lenBits: number): Prefix4 =>
  ({ family: 4, addr: asIp4(addr & mask4(lenBits)), lenBits }) as Prefix4

/** The prefix of `lenBits` (0..128) that holds `addr`. */
export const prefix6Of = (addr: Ip6, lenBits: number): Prefix6 =>
  ({ family: 6, addr: maskIp6(addr, lenBits), lenBits }) as Prefix6

const splitPrefix = (text: string, maxBits: number): { address: string; lenBits: number } | undefined => {
  const match = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text)
  if (match?.[1] === undefined || Number(match[2]) > maxBits) return undefined
  return { address: match[1], lenBits: Number(match[2]) }
}

/** Reads `a.b.c.d/len`. Returns `undefined` for anything else, host bits set included. */
export const parsePrefix4 = (text: string): Prefix4 | undefined => {
  const parts = splitPrefix(text, 32)
  const addr = parts && parseIp4(parts.address)
  if (parts === undefined || addr === undefined) return undefined
  const prefix = prefix4Of(addr, parts.lenBits)
  return prefix.addr === addr ? prefix : undefined
}

/** Reads `address/len`. Returns `undefined` for anything else, host bits set included. */
export const parsePrefix6 = (text: string): Prefix6 | undefined => {
  const parts = splitPrefix(text, 128)
  const addr = parts && parseIp6(parts.address)
  if (parts === undefined || addr === undefined) return undefined
  const prefix = prefix6Of(addr, parts.lenBits)
  return prefix.addr.every((octet, index) => octet === addr[index]) ? prefix : undefined
}

/** Writes `address/len` with the canonical address text. */
export const formatPrefix = (prefix: Prefix4 | Prefix6): string =>
  `${prefix.family === 4 ? formatIp4(prefix.addr) : formatIp6(prefix.addr)}/${prefix.lenBits}`

/** True when `ip` is inside `prefix`. */
export const contains4 = (prefix: Prefix4, ip: Ip4): boolean => (ip & mask4(prefix.lenBits)) >>> 0 === prefix.addr

/** True when `ip` is inside `prefix`. */
export const contains6 = (prefix: Prefix6, ip: Ip6): boolean => {
  const whole = prefix.lenBits >>> 3
  for (let index = 0; index < whole; index++) if (ip[index] !== prefix.addr[index]) return false
  const restBits = prefix.lenBits & 7
  return restBits === 0 || ((ip[whole] ?? 0) & (0xff00 >>> restBits) & 255) === prefix.addr[whole]
}

/** True when the two prefixes of one family share an address. */
export const overlaps = (a: Prefix4 | Prefix6, b: Prefix4 | Prefix6): boolean => {
  if (a.family === 4 && b.family === 4) return a.lenBits <= b.lenBits ? contains4(a, b.addr) : contains4(b, a.addr)
  if (a.family === 6 && b.family === 6) return a.lenBits <= b.lenBits ? contains6(a, b.addr) : contains6(b, a.addr)
  return false
}

/** Number of addresses in an IPv4 prefix. */
export const size4 = (prefix: Prefix4): number => 2 ** (32 - prefix.lenBits)

/**
 * The address in `prefix` whose interface identifier (the last 64 bits) is that of `suffix`, e.g. `::1`.
 * Throws a RangeError when the prefix is longer than 64 bits.
 */
export const withInterfaceId = (prefix: Prefix6, suffix: Ip6): Ip6 => {
  if (prefix.lenBits > 64)
    throw new RangeError(`${formatPrefix(prefix)}: an interface identifier needs a prefix of at most 64 bits`)
  const bytes = new Uint8Array(IP6_LEN)
  bytes.set(prefix.addr.subarray(0, 8), 0)
  bytes.set(suffix.subarray(8), 8)
  return asIp6(bytes)
}
