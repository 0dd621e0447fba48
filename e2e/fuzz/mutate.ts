import type { Random } from '@sixgate/testkit'
import { textOf, utf8 } from './target.ts'

const ODD8 = [0, 1, 2, 7, 8, 0x0a, 0x1b, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xfe, 0xff]
const LONGEST = 16_384

/** An input with one to six faults: octets changed, inserted, removed, cut, doubled, taken from another seed. */
export const mutateBytes = (seed: Uint8Array, random: Random, others: readonly Uint8Array[]): Uint8Array => {
  let bytes = [...seed]
  const place = (): number => random.below(bytes.length + 1)
  const faults: readonly (() => void)[] = [
    () => void (bytes[Math.min(place(), Math.max(0, bytes.length - 1))] = random.below(256)),
    () => void (bytes[Math.min(place(), Math.max(0, bytes.length - 1))] = random.pick(ODD8)),
    () => void bytes.splice(place(), random.below(16)),
    () => void bytes.splice(place(), 0, ...Array.from({ length: random.below(16) }, () => random.below(256))),
    () => (bytes = bytes.slice(0, place())),
    () => {
      const from = place()
      bytes.splice(place(), 0, ...bytes.slice(from, from + random.below(64)))
    },
    () => {
      const other = random.pick(others)
      const from = random.below(other.length + 1)
      bytes.splice(place(), random.below(32), ...other.slice(from, from + random.below(64)))
    },
  ]
  for (let count = random.below(6); count >= 0; count--) random.pick(faults)()
  return Uint8Array.from(bytes.slice(0, LONGEST))
}

/** A text with one to four faults: words replaced by odd ones, lines doubled, moved, removed, indented; now and then octets. */
export const mutateText = (
  seed: Uint8Array,
  random: Random,
  [others, words]: readonly [readonly Uint8Array[], readonly string[]],
): Uint8Array => {
  if (random.oneIn(8)) return mutateBytes(seed, random, others)
  let text = textOf(seed)
  const replaceOne = (pattern: RegExp, by: () => string): void => {
    const matches = [...text.matchAll(pattern)]
    if (matches.length === 0) return
    const { index, 0: found } = random.pick(matches)
    text = text.slice(0, index) + by() + text.slice(index + found.length)
  }
  const lines = (change: (lines: string[], at: number) => void): void => {
    const all = text.split('\n')
    change(all, random.below(all.length))
    text = all.join('\n')
  }
  const faults: readonly (() => void)[] = [
    () => replaceOne(/[\w.:/"-]+/g, () => random.pick(words)),
    () => replaceOne(/\d+/g, () => random.pick(['0', '-1', '1', '65536', '4294967296', '1e999', '0.5', '2.2.2.2'])),
    () => replaceOne(/(?<=: ?)[^\n,}]+/g, () => random.pick(words)),
    () =>
      replaceOne(/[{}[\]:,"'-]/g, () =>
        random.pick(['', '{', '}', '[', ']', ':', ',', '"', "'", '&a ', '*a', '|', '!!']),
      ),
    () => lines((all, at) => all.splice(at, 0, all[at] ?? '')),
    () => lines((all, at) => all.splice(at, 1)),
    () => lines((all, at) => (all[at] = `  ${all[at] ?? ''}`)),
    () => lines((all, at) => (all[at] = (all[at] ?? '').trimStart())),
    () => lines((all, at) => all.push(...all.splice(at, 1 + random.below(4)))),
  ]
  for (let count = random.below(4); count >= 0; count--) random.pick(faults)()
  return utf8(text.slice(0, LONGEST))
}
