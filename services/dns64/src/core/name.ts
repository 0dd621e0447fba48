import { DnsWireError, HEADER, u16 } from './wire.ts'

/** RFC 1035 §2.3.4: octets of a name on the wire, its length octets and the root's included. */
export const MAX_NAME = 255
/** RFC 1035 §2.3.4: octets of a label; what starts with more is no label but a pointer, or nothing that is defined. */
export const MAX_LABEL = 63
const POINTER_LEN = 2

/**
 * A name in lower case, uncompressed wire form, one character per octet (`'\x03www\x07example\0'`): equal names have
 * equal keys (RFC 4343), and the key of the parent is the rest behind the first label.
 */
export type NameKey = string

/**
 * Expands the name at `o` into `out` (at least MAX_NAME octets), case kept.
 *
 * name = *( len(1..63) octets ) ( 0 | pointer ), pointer = 11 + 14 bits offset (RFC 1035 §4.1.4)
 *
 * A pointer must lead before the piece it ends: every jump goes strictly backwards, and the name stops at 255 octets,
 * so the work is bounded whatever the bytes are. Returns the expanded length; throws DnsWireError.
 */
export const expandName = (b: Uint8Array, o: number, end: number, out: Uint8Array): number => {
  let pieceStart = o
  let at = o
  let length = 0
  for (;;) {
    if (at >= end) throw new DnsWireError('cut-short', at, 'a name reaches behind the end')
    const octet = b[at] ?? 0
    if (octet === 0) {
      out[length] = 0
      return length + 1
    }
    if (octet <= MAX_LABEL) {
      if (at + 1 + octet > end) throw new DnsWireError('cut-short', at, 'a label reaches behind the end')
      if (length + octet + 2 > MAX_NAME) throw new DnsWireError('name-too-long', o, 'a name exceeds 255 octets')
      for (let i = 0; i <= octet; i++) out[length + i] = b[at + i] ?? 0
      length += octet + 1
      at += octet + 1
      continue
    }
    const target = pointerTarget(b, at, pieceStart, end)
    pieceStart = target
    at = target
  }
}

/** A compression pointer to the first name of its message. */
export const TO_FIRST_NAME_U16 = 0xc000 | HEADER.LEN

/**
 * Checks the whole name at `o` as expandName does, without writing it down. Names are to be checked in the order of the
 * message. Returns the offset behind the piece at `o`; throws DnsWireError.
 */
export const checkName = (b: Uint8Array, o: number, end: number): number => {
  // Most owners are a pointer to the question, whose name was checked before all others.
  if (o > HEADER.LEN && o + POINTER_LEN <= end && u16(b, o) === TO_FIRST_NAME_U16) return o + POINTER_LEN
  let behind = 0
  let pieceStart = o
  let at = o
  let length = 0
  for (;;) {
    if (at >= end) throw new DnsWireError('cut-short', at, 'a name reaches behind the end')
    const octet = b[at] ?? 0
    if (octet === 0) return behind === 0 ? at + 1 : behind
    if (octet <= MAX_LABEL) {
      if (at + 1 + octet > end) throw new DnsWireError('cut-short', at, 'a label reaches behind the end')
      if (length + octet + 2 > MAX_NAME) throw new DnsWireError('name-too-long', o, 'a name exceeds 255 octets')
      length += octet + 1
      at += octet + 1
      continue
    }
    const target = pointerTarget(b, at, pieceStart, end)
    if (behind === 0) behind = at + POINTER_LEN
    pieceStart = target
    at = target
  }
}

/** Where the pointer at `at` leads, which ends the piece of a name that began at `pieceStart`; throws DnsWireError. */
const pointerTarget = (b: Uint8Array, at: number, pieceStart: number, end: number): number => {
  const octet = b[at] ?? 0
  if (octet < 0xc0) throw new DnsWireError('label-type', at, `label type 0x${octet.toString(16)} is not defined`)
  if (at + POINTER_LEN > end) throw new DnsWireError('cut-short', at, 'a compression pointer is cut short')
  const target = ((octet & 0x3f) << 8) | (b[at + 1] ?? 0)
  if (target >= pieceStart || target < HEADER.LEN)
    throw new DnsWireError('pointer', at, `compression pointer to ${target} does not lead to an earlier name`)
  return target
}

/** The offset behind the name at `o`. Looks at labels only, follows no pointer: use expandName to check the whole name. */
export const skipName = (b: Uint8Array, o: number, end: number): number => {
  let at = o
  while (at < end) {
    const octet = b[at] ?? 0
    if (octet === 0) return at + 1
    if (octet >= 0xc0) {
      if (at + POINTER_LEN > end) break
      return at + POINTER_LEN
    }
    if (octet > MAX_LABEL) throw new DnsWireError('label-type', at, `label type 0x${octet.toString(16)} is not defined`)
    at += octet + 1
  }
  throw new DnsWireError('cut-short', at, 'a name reaches behind the end')
}

/** ASCII upper case to lower case, every other octet unchanged (RFC 4343 §3). */
export const lowerOctet = (octet: number): number => (octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet)

const lower = Buffer.alloc(MAX_NAME)

/** The key of an expanded name. Length octets are below 64, so lowering the whole form leaves them alone. */
export const keyOfName = (name: Uint8Array): NameKey => {
  for (let i = 0; i < name.length; i++) lower[i] = lowerOctet(name[i] ?? 0)
  return lower.toString('latin1', 0, name.length)
}

const scratch = new Uint8Array(MAX_NAME)

/** The key of the name at `o` of a message; throws DnsWireError. */
export const readNameKey = (b: Uint8Array, o: number, end: number): NameKey =>
  keyOfName(scratch.subarray(0, expandName(b, o, end, scratch)))

/** The expanded name at `o` of a message, a new array, case kept; throws DnsWireError. */
export const readName = (b: Uint8Array, o: number, end: number): Uint8Array =>
  scratch.slice(0, expandName(b, o, end, scratch))

/** The expanded wire form of a key. */
export const nameOfKey = (key: NameKey): Uint8Array => {
  const name = new Uint8Array(key.length)
  // Not Uint8Array.from: with an iterator it took a tenth of the time of a miss.
  for (let i = 0; i < name.length; i++) name[i] = key.charCodeAt(i)
  return name
}

/** The key behind the first label; undefined for the root. */
export const parentKey = (key: NameKey): NameKey | undefined => {
  const first = key.charCodeAt(0)
  return first === 0 ? undefined : key.slice(first + 1)
}

/** The key of the last label alone, the name below the root; that of the root for the root. */
export const lastLabelKey = (key: NameKey): NameKey => {
  let last = 0
  for (let at = 0; key.charCodeAt(at) > 0; at += key.charCodeAt(at) + 1) last = at
  return key.slice(last)
}

/** True when `key` is `ancestor` or a name below it. */
export const isWithin = (key: NameKey, ancestor: NameKey): boolean => {
  if (!key.endsWith(ancestor)) return false
  const boundary = key.length - ancestor.length
  let at = 0
  while (at < boundary) at += key.charCodeAt(at) + 1
  return at === boundary
}

/** The labels of a key from the left, without the root. */
export const labelsOf = (key: NameKey): string[] => {
  const labels: string[] = []
  for (let at = 0; key.charCodeAt(at) > 0; at += key.charCodeAt(at) + 1)
    labels.push(key.slice(at + 1, at + 1 + key.charCodeAt(at)))
  return labels
}

/**
 * The key of a name that this program itself writes down (ASCII, no escapes), with or without the last dot.
 * Throws a RangeError for an empty or too long label.
 */
export const keyOfText = (text: string): NameKey => {
  if (text === '.' || text === '') return '\0'
  const labels = (text.endsWith('.') ? text.slice(0, -1) : text).toLowerCase().split('.')
  for (const label of labels)
    if (label.length === 0 || label.length > MAX_LABEL) throw new RangeError(`${text}: a label has 1 to 63 octets`)
  const key = `${labels.map((label) => String.fromCharCode(label.length) + label).join('')}\0`
  if (key.length > MAX_NAME) throw new RangeError(`${text}: a name has at most 255 octets`)
  return key
}

/** Master file text of a key for logs and messages: `www.example.`, odd octets as `\DDD` (RFC 1035 §5.1). */
export const textOfKey = (key: NameKey): string => {
  const labels = labelsOf(key).map((label) =>
    Array.from(label, (character) => {
      const octet = character.charCodeAt(0)
      if (character === '.' || character === '\\') return `\\${character}`
      return octet > 0x20 && octet < 0x7f ? character : `\\${String(octet).padStart(3, '0')}`
    }).join(''),
  )
  return `${labels.join('.')}.`
}
