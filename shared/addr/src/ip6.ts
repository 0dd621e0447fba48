import { formatIp4, ip4FromBytes, ip4ToBytes, parseIp4 } from './ip4.ts'

declare const ip6Brand: unique symbol

/** An IPv6 address: 16 octets in network order. Never written to after it was made. */
export type Ip6 = Uint8Array & { readonly [ip6Brand]: true }

/** IPv6 address length in octets. */
export const IP6_LEN = 16

/** Brands 16 octets that the caller will not write to any more; throws a RangeError for another length. */
export const asIp6 = (bytes: Uint8Array): Ip6 => {
  if (bytes.length !== IP6_LEN) throw new RangeError(`an IPv6 address has 16 octets, came ${bytes.length}`)
  return bytes as Ip6
}

const HEX_GROUP = /^[0-9a-fA-F]{1,4}$/

/** The octets of one side of `::`, or undefined. A dotted quad is allowed as the last item of the last side. */
const parseGroups = (text: string, mayEndInIp4: boolean): number[] | undefined => {
  if (text === '') return []
  const octets: number[] = []
  const groups = text.split(':')
  for (const [index, group] of groups.entries()) {
    if (HEX_GROUP.test(group)) {
      const value = Number.parseInt(group, 16)
      octets.push(value >>> 8, value & 255)
      continue
    }
    const ip4 = mayEndInIp4 && index === groups.length - 1 ? parseIp4(group) : undefined
    if (ip4 === undefined) return undefined
    octets.push(...ip4ToBytes(ip4))
  }
  return octets
}

/**
 * Reads an IPv6 address in any form of RFC 4291 §2.2 (with `::`, with a trailing dotted quad), without zone.
 * Returns `undefined` for anything else.
 */
export const parseIp6 = (text: string): Ip6 | undefined => {
  const sides = text.split('::')
  if (sides.length > 2) return undefined
  const [left = '', right] = sides
  const head = parseGroups(left, right === undefined)
  const tail = right === undefined ? [] : parseGroups(right, true)
  if (head === undefined || tail === undefined) return undefined
  const known = head.length + tail.length
  // RFC 4291 §2.2: "::" stands for one or more groups of zeros, so at most 14 octets may be written beside it.
  if (right === undefined ? known !== IP6_LEN : known > IP6_LEN - 2) return undefined
  const bytes = new Uint8Array(IP6_LEN)
  bytes.set(head, 0)
  bytes.set(tail, IP6_LEN - tail.length)
  return asIp6(bytes)
}

/** The longest run of two or more zero groups, the first one of equals (RFC 5952 §4.2); length 0 when there is none. */
const longestZeroRun = (groups: readonly number[]): { start: number; length: number } => {
  let best = { start: 0, length: 0 }
  let start = 0
  for (let index = 0; index <= groups.length; index++) {
    if (groups[index] === 0) continue
    if (index - start > Math.max(best.length, 1)) best = { start, length: index - start }
    start = index + 1
  }
  return best
}

const isIp4Mapped = (ip: Ip6): boolean => ip.subarray(0, 10).every((b) => b === 0) && ip[10] === 255 && ip[11] === 255

/** Writes the canonical text of RFC 5952 (lower case, longest zero run shortened, IPv4-mapped with a dotted quad). */
export const formatIp6 = (ip: Ip6): string => {
  if (isIp4Mapped(ip)) return `::ffff:${formatIp4(ip4FromBytes(ip, 12))}`
  const view = new DataView(ip.buffer, ip.byteOffset, ip.byteLength)
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(index * 2))
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':')
  const run = longestZeroRun(groups)
  if (run.length === 0) return hex(groups)
  return `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}`
}

/** True when both hold the same 16 octets. */
export const equalIp6 = (a: Ip6, b: Ip6): boolean => a.every((octet, index) => octet === b[index])

/** 32 lower-case hex digits: a key for maps and KV entries. */
export const ip6ToHex = (ip: Ip6): string => Array.from(ip, (octet) => octet.toString(16).padStart(2, '0')).join('')

/** Reads 32 hex digits; `undefined` for anything else. */
export const ip6FromHex = (hex: string): Ip6 | undefined =>
  /^[0-9a-fA-F]{32}$/.test(hex)
    ? asIp6(
        Uint8Array.from({ length: IP6_LEN }, (_, index) => Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16)),
      )
    : undefined
