import type { Frame } from './frame.ts'

/**
 * RFC 4884: multi-part ICMP messages. The original datagram is padded with zeros to whole words, at least 128 octets,
 * and its length stands in the ICMP header; the extension structure follows. Translation changes the datagram's length,
 * so the extension moves and the length is written anew (RFC 7915 §4.3, §5.3).
 */

/** RFC 4884 §3: "the original datagram field MUST contain at least 128 octets". */
const MIN_DATAGRAM_BYTES = 128

/**
 * Where the original datagram ends: behind `lengthField` words of `wordBytes`, or at `end` when there is no extension
 * (length 0, or more than there is).
 */
export const originalDatagramEnd = (from: number, end: number, lengthField: number, wordBytes: number): number => {
  const declared = from + lengthField * wordBytes
  return lengthField === 0 || declared > end ? end : declared
}

/** A stretch of the buffer. */
export interface Span {
  start: number
  end: number
}

/** What the new message can hold. */
export interface DatagramRoom {
  /** Size of a word of the length field: 4 in ICMPv4, 8 in ICMPv6. */
  readonly wordBytes: number
  /** Most octets of datagram and extension together. */
  readonly maxBytes: number
}

/**
 * Fits the datagram `[datagram.start, datagram.end)` to whole words and puts the extension (`[extension.start,
 * extension.end)`) behind it. Moves `datagram.end` and `extension` to where they are now. Returns the length field, or 0
 * when there is no room for the extension: it is left out then, and `extension` is empty.
 */
export const placeExtension = (frame: Frame, datagram: Span, extension: Span, room: DatagramRoom): number => {
  const { bytes } = frame
  const extensionBytes = extension.end - extension.start
  const { wordBytes } = room
  const most = Math.min(255 * wordBytes, (room.maxBytes - extensionBytes) & ~(wordBytes - 1))
  const whole = Math.max(MIN_DATAGRAM_BYTES, datagram.end - datagram.start + wordBytes - 1) & ~(wordBytes - 1)
  const lenBytes = Math.min(whole, most)
  if (extensionBytes === 0 || lenBytes < MIN_DATAGRAM_BYTES) {
    extension.start = datagram.end
    extension.end = datagram.end
    return 0
  }
  const newEnd = datagram.start + lenBytes
  bytes.copyWithin(newEnd, extension.start, extension.end)
  if (newEnd > datagram.end) bytes.fill(0, datagram.end, newEnd)
  datagram.end = newEnd
  extension.start = newEnd
  extension.end = newEnd + extensionBytes
  return lenBytes / wordBytes
}
