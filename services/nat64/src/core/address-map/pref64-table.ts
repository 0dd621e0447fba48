import type { Prefix6 } from '@sixgate/addr'

const WORDS = 4

/** 32-bit word `index` of the mask of a prefix length. */
const maskWord = (lenBits: number, index: number): number => {
  const bits = Math.min(32, Math.max(0, lenBits - index * 32))
  return bits === 0 ? 0 : (-1 << (32 - bits)) | 0
}

/**
 * The NAT64 prefixes of one snapshot, in the order of the site document, laid out for the hot path. A prefix is named
 * by its index; where prefixes nest, the longest one matches. IPv4 addresses are signed 32-bit numbers here.
 */
export class Pref64Table {
  readonly #words: Int32Array
  readonly #masks: Int32Array
  readonly #lens: Uint8Array
  /** Indexes by falling length. */
  readonly #order: readonly number[]

  constructor(prefixes: readonly Prefix6[]) {
    this.#words = new Int32Array(prefixes.length * WORDS)
    this.#masks = new Int32Array(prefixes.length * WORDS)
    this.#lens = Uint8Array.from(prefixes, (prefix) => prefix.lenBits)
    for (const [index, prefix] of prefixes.entries()) {
      const view = new DataView(prefix.addr.buffer, prefix.addr.byteOffset)
      for (let word = 0; word < WORDS; word++) {
        this.#words[index * WORDS + word] = view.getInt32(word * 4)
        this.#masks[index * WORDS + word] = maskWord(prefix.lenBits, word)
      }
    }
    this.#order = [...prefixes.keys()].toSorted((a, b) => (prefixes[b]?.lenBits ?? 0) - (prefixes[a]?.lenBits ?? 0))
  }

  /** Index of the prefix that holds the IPv6 address at `view[o..o+16)`, -1 for none. */
  find(view: DataView, o: number): number {
    const words = this.#words
    const masks = this.#masks
    for (const index of this.#order) {
      const w = index * WORDS
      if (
        (view.getInt32(o) & (masks[w] ?? 0)) === words[w] &&
        (view.getInt32(o + 4) & (masks[w + 1] ?? 0)) === words[w + 1] &&
        (view.getInt32(o + 8) & (masks[w + 2] ?? 0)) === words[w + 2] &&
        (view.getInt32(o + 12) & (masks[w + 3] ?? 0)) === words[w + 3]
      )
        return index
    }
    return -1
  }

  /** The IPv4 address inside the IPv6 address at `view[o..]` (RFC 6052 §2.3); the suffix is ignored. */
  extract(view: DataView, o: number, index: number): number {
    switch (this.#lens[index] ?? 0) {
      case 32:
        return view.getInt32(o + 4)
      case 40:
        return (view.getUint16(o + 5) << 16) | (view.getUint8(o + 7) << 8) | view.getUint8(o + 9)
      case 48:
        return (view.getUint16(o + 6) << 16) | view.getUint16(o + 9)
      case 56:
        return (view.getUint8(o + 7) << 24) | (view.getUint8(o + 9) << 16) | view.getUint16(o + 10)
      case 64:
        return view.getInt32(o + 9)
      default:
        return view.getInt32(o + 12)
    }
  }

  /** Writes the IPv4-embedded address of `ip4` to `view[o..o+16)`: u-octet and suffix zero (RFC 6052 §2.2). */
  embed(view: DataView, o: number, index: number, ip4: number): void {
    const w = index * WORDS
    for (let word = 0; word < WORDS; word++) view.setInt32(o + word * 4, this.#words[w + word] ?? 0)
    switch (this.#lens[index] ?? 0) {
      case 32:
        view.setInt32(o + 4, ip4)
        return
      case 40:
        view.setUint16(o + 5, ip4 >>> 16)
        view.setUint8(o + 7, (ip4 >>> 8) & 0xff)
        view.setUint8(o + 9, ip4 & 0xff)
        return
      case 48:
        view.setUint16(o + 6, ip4 >>> 16)
        view.setUint16(o + 9, ip4 & 0xffff)
        return
      case 56:
        view.setUint8(o + 7, ip4 >>> 24)
        view.setUint8(o + 9, (ip4 >>> 16) & 0xff)
        view.setUint16(o + 10, ip4 & 0xffff)
        return
      case 64:
        view.setInt32(o + 9, ip4)
        return
      default:
        view.setInt32(o + 12, ip4)
    }
  }
}
