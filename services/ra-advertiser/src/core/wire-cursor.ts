import { asIp6, IP6_LEN, type Ip6 } from '@sixgate/addr'
import { NdpError } from './ndp-error.ts'

/**
 * Reads a message from front to back, network byte order. Every read moves the cursor and throws an NdpError
 * `truncated` when the octets are not there, so a decoder cannot run past its option.
 */
export class Reader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #where: string
  #at = 0

  /** Reads `bytes` (a view, not copied); `where` names the format in errors, e.g. `RDNSS`. */
  constructor(bytes: Uint8Array, where: string) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#where = where
  }

  /** Octets not read yet. */
  get left(): number {
    return this.#bytes.length - this.#at
  }

  u8(): number {
    return this.#view.getUint8(this.#step(1))
  }

  u16(): number {
    return this.#view.getUint16(this.#step(2))
  }

  u32(): number {
    return this.#view.getUint32(this.#step(4))
  }

  /** The next `length` octets as a new array. */
  bytes(length: number): Uint8Array {
    const start = this.#step(length)
    return this.#bytes.slice(start, start + length)
  }

  ip6(): Ip6 {
    return asIp6(this.bytes(IP6_LEN))
  }

  skip(length: number): void {
    this.#step(length)
  }

  #step(length: number): number {
    const start = this.#at
    if (length > this.left)
      throw new NdpError(
        'truncated',
        `${this.#where}: needs ${length} more octets at octet ${start}, only ${this.left} are left`,
      )
    this.#at += length
    return start
  }
}

/** Writes a message from front to back, network byte order; a value that does not fit throws an NdpError `bad-value`. */
export class Writer {
  readonly #octets: number[] = []
  readonly #where: string

  /** `where` names the format in errors, e.g. `PIO`. */
  constructor(where: string) {
    this.#where = where
  }

  get length(): number {
    return this.#octets.length
  }

  u8(value: number): this {
    this.#check(value, 0xff, 'one octet')
    this.#octets.push(value)
    return this
  }

  u16(value: number): this {
    this.#check(value, 0xffff, 'a 16-bit field')
    this.#octets.push(value >>> 8, value & 255)
    return this
  }

  u32(value: number): this {
    this.#check(value, 0xffffffff, 'a 32-bit field')
    this.#octets.push(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)
    return this
  }

  bytes(value: Uint8Array): this {
    for (const octet of value) this.#octets.push(octet)
    return this
  }

  zeros(count: number): this {
    for (let index = 0; index < count; index++) this.#octets.push(0)
    return this
  }

  /** Everything written so far, as a new array. */
  done(): Uint8Array {
    return Uint8Array.from(this.#octets)
  }

  #check(value: number, max: number, field: string): void {
    if (!Number.isInteger(value) || value < 0 || value > max)
      throw new NdpError('bad-value', `${this.#where}: ${value} does not fit in ${field}: allowed are 0 to ${max}`)
  }
}
