/** Numbers from a seed: the same seed, the same run (mulberry32). */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** A whole number from 0 to `below` − 1. */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) % below
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }
}

/** A message with one to six faults: octets changed, inserted, removed, cut, copied from elsewhere, counts and pointers bent. */
export const mutate = (message: Uint8Array, random: Random): Uint8Array => {
  let bytes = [...message]
  const place = (): number => random.below(Math.max(1, bytes.length))
  const faults: readonly (() => void)[] = [
    () => (bytes[place()] = random.below(256)),
    () => (bytes[place()] = random.pick([0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xff])),
    () => bytes.splice(place(), random.below(8)),
    () => bytes.splice(place(), 0, ...Array.from({ length: random.below(8) }, () => random.below(256))),
    () => (bytes = bytes.slice(0, place())),
    () => bytes.push(...bytes.slice(place(), place() + random.below(64))),
    // A compression pointer anywhere, to anywhere near the front.
    () => bytes.splice(place(), 2, 0xc0 | random.below(2), random.below(256)),
    // One of the counts.
    () => (bytes[4 + random.below(8)] = random.pick([0, 1, 2, 255])),
  ]
  for (let i = random.below(6); i >= 0; i--) random.pick(faults)()
  return Uint8Array.from(bytes.slice(0, 4096))
}
