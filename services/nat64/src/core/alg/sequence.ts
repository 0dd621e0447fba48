/** TCP sequence numbers: unsigned 32-bit numbers that wrap around (RFC 9293 §3.4). */

/** `a` plus `count`, which may be negative. */
export const advance = (a: number, count: number): number => (a + count) >>> 0

/** How far `a` is behind `b` in sequence space: negative when it comes before. */
export const distance = (a: number, b: number): number => (a - b) | 0

/** The later one of two. */
export const latest = (a: number, b: number): number => (distance(a, b) > 0 ? a : b)
