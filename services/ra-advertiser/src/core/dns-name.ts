import { NdpError } from './ndp-error.ts'
import type { Reader, Writer } from './wire-cursor.ts'

/** RFC 1035 §2.3.4: longest label and longest name (with its length octets and the root), in octets. */
const LABEL_MAX_LEN = 63
const NAME_MAX_LEN = 255

const DOT = 0x2e
const BACKSLASH = 0x5c

/** Octets of a label as text: printable ASCII as it is, `.` and `\` with a backslash, the rest as \DDD (RFC 1035 §5.1). */
const labelToText = (label: Uint8Array): string => {
  let text = ''
  for (const octet of label) {
    if (octet === DOT || octet === BACKSLASH) text += `\\${String.fromCharCode(octet)}`
    else if (octet > 0x20 && octet < 0x7f) text += String.fromCharCode(octet)
    else text += `\\${String(octet).padStart(3, '0')}`
  }
  return text
}

const LABEL_PART = /\\(\d{3})|\\([^\d])|([^\\])/gy

/** The inverse of labelToText for every label of a name at once. */
const labelsOf = (name: string): Uint8Array[] => {
  const labels: number[][] = [[]]
  let end = 0
  for (const match of name.matchAll(LABEL_PART)) {
    end = match.index + match[0].length
    const octet = match[1] === undefined ? (match[2] ?? match[3] ?? '').charCodeAt(0) : Number(match[1])
    if (match[3] === '.') labels.push([])
    else if (octet <= (match[1] === undefined ? 127 : 255)) labels.at(-1)?.push(octet)
    else throw new NdpError('bad-value', `domain name "${name}": only ASCII and \\DDD up to 255 are allowed`)
  }
  if (end !== name.length) throw new NdpError('bad-value', `domain name "${name}": a backslash at its end`)
  if (labels.at(-1)?.length === 0) labels.pop()
  return labels.map((label) => Uint8Array.from(label))
}

/**
 * Writes `name` (text, with or without the final dot) uncompressed:
 * ```
 * name = 1*( length:u8 (1..63) label:octets[length] ) 0:u8
 * ```
 * RFC 1035 §3.1; RFC 8106 §5.2 and RFC 9463 §6.1 use it without compression. Throws NdpError `bad-value`.
 */
export const encodeDnsName = (name: string, out: Writer): void => {
  const labels = labelsOf(name)
  if (labels.length === 0) throw new NdpError('bad-value', `domain name "${name}": needs at least one label`)
  const lenBytes = labels.reduce((sum, label) => sum + label.length + 1, 1)
  if (lenBytes > NAME_MAX_LEN)
    throw new NdpError('bad-value', `domain name "${name}": ${lenBytes} octets, allowed are ${NAME_MAX_LEN}`)
  for (const label of labels) {
    if (label.length === 0 || label.length > LABEL_MAX_LEN)
      throw new NdpError(
        'bad-value',
        `domain name "${name}": a label of ${label.length} octets, allowed are 1 to ${LABEL_MAX_LEN}`,
      )
    out.u8(label.length).bytes(label)
  }
  out.u8(0)
}

/** Reads one name; undefined is the lone root label, which RFC 8106 §5.2 uses as padding. Throws NdpError. */
export const decodeDnsName = (body: Reader): string | undefined => {
  const labels: string[] = []
  let lenBytes = 1
  for (let length = body.u8(); length !== 0; length = body.u8()) {
    if (length > LABEL_MAX_LEN)
      throw new NdpError('bad-value', `domain name: label length ${length}: compression is not allowed here`)
    lenBytes += length + 1
    if (lenBytes > NAME_MAX_LEN) throw new NdpError('bad-value', `domain name: longer than ${NAME_MAX_LEN} octets`)
    labels.push(labelToText(body.bytes(length)))
  }
  return labels.length === 0 ? undefined : labels.join('.')
}
