/*
 * attributes  = *( attribute pad )           pad: zeros up to a multiple of 4; may be missing after the last one
 * attribute   = length:u16 type:u16 payload   length counts the 4 octets of the header and the payload, without pad
 * type        = nested:1 net-byte-order:1 number:14
 * payload     = octets / u8 / u16 / u32 / text NUL / attributes (nested)
 * Numbers are in host byte order; the hosts here (x64, arm64) are little-endian.
 */
import { NLA } from './constants.ts'
import { malformed } from './error.ts'

/** Attribute payloads by type number; of several with one number the last counts, as in the kernel. Views, not copies. */
export type Attributes = ReadonlyMap<number, DataView>

/** Round up to the 4-octet alignment of netlink. */
export const align4 = (length: number): number => (length + 3) & ~3

/** A part of `view` from `offset` on; throws `NetlinkError` when it is not wholly there. */
export const slice = (view: DataView, offset: number, lenBytes = view.byteLength - offset): DataView => {
  if (offset < 0 || lenBytes < 0 || offset + lenBytes > view.byteLength)
    throw malformed(`${lenBytes} octets at ${offset} in a message of ${view.byteLength}`)
  return new DataView(view.buffer, view.byteOffset + offset, lenBytes)
}

/**
 * Reads all attributes from `offset` to the end of `view`. Throws `NetlinkError` for a length that is too short or
 * reaches beyond the end; fewer than 4 octets left over are padding.
 */
export const decodeAttributes = (view: DataView, offset = 0): Attributes => {
  const attributes = new Map<number, DataView>()
  let at = offset
  while (view.byteLength - at >= NLA.HEADER_LEN) {
    const length = view.getUint16(at, true)
    if (length < NLA.HEADER_LEN) throw malformed(`attribute length ${length} at ${at}, the least is ${NLA.HEADER_LEN}`)
    const payload = slice(view, at + NLA.HEADER_LEN, length - NLA.HEADER_LEN)
    attributes.set(view.getUint16(at + 2, true) & NLA.TYPE_MASK_U16, payload)
    at += align4(length)
  }
  return attributes
}

const need = (payload: DataView, lenBytes: number): DataView => {
  if (payload.byteLength < lenBytes) throw malformed(`attribute of ${payload.byteLength} octets, ${lenBytes} needed`)
  return payload
}

/** The first octet; `undefined` when the attribute is absent. Throws `NetlinkError` when it is too short, as all readers here. */
export const readU8 = (payload: DataView | undefined): number | undefined =>
  payload === undefined ? undefined : need(payload, 1).getUint8(0)

/** An unsigned 16-bit number in host order. */
export const readU16 = (payload: DataView | undefined): number | undefined =>
  payload === undefined ? undefined : need(payload, 2).getUint16(0, true)

/** An unsigned 32-bit number in host order. */
export const readU32 = (payload: DataView | undefined): number | undefined =>
  payload === undefined ? undefined : need(payload, 4).getUint32(0, true)

/** A copy of the octets. */
export const readBytes = (payload: DataView | undefined): Uint8Array | undefined =>
  payload === undefined
    ? undefined
    : Uint8Array.from(new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength))

/** Text up to the first NUL. */
export const readText = (payload: DataView | undefined): string | undefined => {
  const bytes = readBytes(payload)
  if (bytes === undefined) return undefined
  const end = bytes.indexOf(0)
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('utf8')
}

/** One encoded attribute, padded. */
export type EncodedAttribute = Uint8Array

/** An attribute with these octets as payload. */
export const attribute = (type: number, payload: Uint8Array): EncodedAttribute => {
  const length = NLA.HEADER_LEN + payload.length
  if (length > 0xffff) throw malformed(`attribute ${type} of ${length} octets, at most 65535 can be written`)
  const bytes = new Uint8Array(align4(length))
  const view = new DataView(bytes.buffer)
  view.setUint16(0, length, true)
  view.setUint16(2, type, true)
  bytes.set(payload, NLA.HEADER_LEN)
  return bytes
}

export const attributeU8 = (type: number, value: number): EncodedAttribute => attribute(type, Uint8Array.of(value))

export const attributeU16 = (type: number, value: number): EncodedAttribute =>
  attribute(type, Uint8Array.of(value & 255, value >>> 8))

export const attributeU32 = (type: number, value: number): EncodedAttribute => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return attribute(type, bytes)
}

/** Text with its final NUL. */
export const attributeText = (type: number, text: string): EncodedAttribute =>
  attribute(type, Buffer.from(`${text}\0`, 'utf8'))

/** Nested attributes. With the NESTED flag where the kernel's strict policies ask for it; rtnetlink's old ones go without. */
export const nested = (type: number, parts: readonly EncodedAttribute[], flag = false): EncodedAttribute =>
  attribute(flag ? type | NLA.F_NESTED : type, concat(parts))

/** Puts parts, each of which is padded, behind each other. */
export const concat = (parts: readonly Uint8Array[]): Uint8Array => {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
