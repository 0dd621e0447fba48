/**
 * The Internet checksum (RFC 1071) and its incremental update (RFC 1624 eqn. 3).
 *
 * A "sum" here is the one's complement sum folded to 16 bits, *not* complemented; a "checksum" is what stands in a
 * header: the complement of a sum.
 */

/** Folds an unsigned 32-bit sum of 16-bit words into 16 bits. */
export const fold = (sum: number): number => {
  const once = (sum & 0xffff) + (sum >>> 16)
  return (once & 0xffff) + (once >>> 16)
}

/**
 * One's complement sum of `view[o .. o+lenBytes)` added to `start` (a sum); an odd last octet counts as the high half
 * of a word. Any alignment; `lenBytes` up to 128 KiB (65,536 words of 16 bits stay below 2^32).
 */
export const sumBytes = (view: DataView, o: number, lenBytes: number, start = 0): number => {
  let sum = start
  const end = o + lenBytes
  let at = o
  for (; at + 8 <= end; at += 8)
    sum += view.getUint16(at) + view.getUint16(at + 2) + view.getUint16(at + 4) + view.getUint16(at + 6)
  for (; at + 2 <= end; at += 2) sum += view.getUint16(at)
  if (at < end) sum += view.getUint8(at) << 8
  return fold(sum >>> 0)
}

/** Sum of a 32-bit value (an IPv4 address, a length), signed or unsigned. */
export const sum32 = (value: number): number => fold((value >>> 16) + (value & 0xffff))

/** The sum that replaces `oldSum` by `newSum` when it is added: `newSum - oldSum` in one's complement. */
export const difference = (newSum: number, oldSum: number): number => fold(newSum + (~oldSum & 0xffff))

/** RFC 1624 eqn. 3: the checksum after `delta` (see `difference`) was added to what it covers. */
export const updateChecksum = (checksum: number, delta: number): number => ~fold((~checksum & 0xffff) + delta) & 0xffff

/** Sum of the pseudo-header behind the addresses: upper-layer length and protocol (RFC 8200 §8.1, RFC 9293 §3.1). */
export const sumPseudoTail = (upperLenBytes: number, protocol: number): number => fold(sum32(upperLenBytes) + protocol)
