/** log2 of the number of counters. */
const COUNTERS_LOG2 = 12

/**
 * IPv4 identifications (RFC 7915 §5.1: "set according to a Fragment Identification generator"). To keep reuse within
 * one (source, destination, protocol) rare, as RFC 6864 §4.3 and RFC 7915 §7 want, packets count in one of 4096
 * counters chosen by those three; each starts at a random value.
 */
export class IdentificationGenerator {
  readonly #counters = new Uint16Array(1 << COUNTERS_LOG2)

  /** `random`: gives an unsigned 16-bit number. */
  constructor(random: () => number) {
    for (let index = 0; index < this.#counters.length; index++) this.#counters[index] = random()
  }

  /** The first of `count` identifications in a row: the kernel numbers the segments of a super-packet upwards. */
  next(src4: number, dst4: number, protocol: number, count: number): number {
    const mixed = Math.imul(Math.imul(src4, 0x9e3779b1) ^ dst4, 0x85ebca6b) ^ Math.imul(protocol, 0xc2b2ae35)
    const index = mixed >>> (32 - COUNTERS_LOG2)
    const id = this.#counters[index] ?? 0
    this.#counters[index] = id + count
    return id
  }
}
