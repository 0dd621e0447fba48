import type { Prefix4, Prefix6 } from '@sixgate/addr'

/**
 * An explicit address mapping (RFC 7757 §3.1): the IPv4 suffix is carried in the bits behind the IPv6 prefix, so that
 * `128 - prefix6.lenBits` must not be less than `32 - prefix4.lenBits`.
 */
export interface Eam {
  readonly prefix6: Prefix6
  readonly prefix4: Prefix4
}

/** Why two entries cannot be in one table, for the operator; `undefined` when they can. */
export const eamConflict = (a: Eam, b: Eam): string | undefined => {
  // RFC 7757 §3.1: overlapping is allowed (longest match decides), the same prefix twice is not.
  const same6 = a.prefix6.lenBits === b.prefix6.lenBits && a.prefix6.addr.every((o, i) => o === b.prefix6.addr[i])
  const same4 = a.prefix4.lenBits === b.prefix4.lenBits && a.prefix4.addr === b.prefix4.addr
  if (same6) return 'the IPv6 prefix is mapped twice'
  return same4 ? 'the IPv4 prefix is mapped twice' : undefined
}

interface Compiled {
  readonly words: readonly [number, number, number, number]
  readonly masks: readonly [number, number, number, number]
  readonly len6Bits: number
  readonly addr4: number
  readonly mask4: number
  readonly len4Bits: number
}

const maskWord = (lenBits: number, index: number): number => {
  const bits = Math.min(32, Math.max(0, lenBits - index * 32))
  return bits === 0 ? 0 : (-1 << (32 - bits)) | 0
}

const four = (make: (index: number) => number): [number, number, number, number] => [make(0), make(1), make(2), make(3)]

const compile = (eam: Eam): Compiled => {
  const view = new DataView(eam.prefix6.addr.buffer, eam.prefix6.addr.byteOffset)
  return {
    words: four((index) => view.getInt32(index * 4)),
    masks: four((index) => maskWord(eam.prefix6.lenBits, index)),
    len6Bits: eam.prefix6.lenBits,
    addr4: eam.prefix4.addr | 0,
    mask4: maskWord(eam.prefix4.lenBits, 0),
    len4Bits: eam.prefix4.lenBits,
  }
}

/** Reads `count` ≤ 32 bits that start at bit `from` of the 16 octets at `view[o..]`. */
const readBits = (view: DataView, o: number, from: number, count: number): number => {
  let value = 0
  for (let bit = from; bit < from + count; bit++)
    value = (value << 1) | ((view.getUint8(o + (bit >>> 3)) >>> (7 - (bit & 7))) & 1)
  return value
}

/** Sets those of the `count` low bits of `value` that are 1, from bit `from` of the (zero) octets at `view[o..]`. */
const writeBits = (view: DataView, o: number, from: number, count: number, value: number): void => {
  for (let index = 0; index < count; index++) {
    if (((value >>> (count - 1 - index)) & 1) === 0) continue
    const bit = from + index
    const at = o + (bit >>> 3)
    view.setUint8(at, view.getUint8(at) | (0x80 >>> (bit & 7)))
  }
}

/**
 * The explicit address mapping table of one snapshot (RFC 7757 §3). Static hosts are entries of /128 and /32. Lookups
 * go from the longest prefix to the shortest, once for each direction. IPv4 addresses are signed 32-bit numbers here;
 * 0 stands for "no entry" (0.0.0.0 is never mapped).
 */
export class Eamt {
  readonly #by6: readonly Compiled[]
  readonly #by4: readonly Compiled[]

  constructor(entries: readonly Eam[]) {
    const compiled = entries.map(compile)
    this.#by6 = compiled.toSorted((a, b) => b.len6Bits - a.len6Bits)
    this.#by4 = compiled.toSorted((a, b) => b.len4Bits - a.len4Bits)
  }

  get size(): number {
    return this.#by6.length
  }

  /** RFC 7757 §3.3.2: the IPv4 address of the IPv6 address at `view[o..]`, 0 for none. */
  to4(view: DataView, o: number): number {
    const entries = this.#by6
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index] as Compiled
      const { words, masks } = entry
      if (
        (view.getInt32(o + 12) & masks[3]) === words[3] &&
        (view.getInt32(o + 8) & masks[2]) === words[2] &&
        (view.getInt32(o + 4) & masks[1]) === words[1] &&
        (view.getInt32(o) & masks[0]) === words[0]
      )
        return entry.addr4 | readBits(view, o, entry.len6Bits, 32 - entry.len4Bits)
    }
    return 0
  }

  /** True when an entry covers `ip4`. */
  has4(ip4: number): boolean {
    return this.#find4(ip4) !== undefined
  }

  /** RFC 7757 §3.3.1: writes the IPv6 address of `ip4` to `view[o..o+16)`; false when no entry covers it. */
  to6(ip4: number, view: DataView, o: number): boolean {
    const entry = this.#find4(ip4)
    if (entry === undefined) return false
    for (let word = 0; word < 4; word++) view.setInt32(o + word * 4, entry.words[word] ?? 0)
    const suffixBits = 32 - entry.len4Bits
    writeBits(view, o, entry.len6Bits, suffixBits, ip4)
    return true
  }

  #find4(ip4: number): Compiled | undefined {
    const entries = this.#by4
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index] as Compiled
      if ((ip4 & entry.mask4) === entry.addr4) return entry
    }
    return undefined
  }
}
