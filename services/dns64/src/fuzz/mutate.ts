import type { Random } from '@sixgate/testkit'

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
