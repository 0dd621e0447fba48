import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { VECTORS } from './all.ts'
import type { Vector } from './vector.ts'

/** Where the vectors lie: one directory per RFC. A `.pkt` file is what a read or write of the TUN sees: 10 octets of virtio-net header, then the IP packet. */
export const TESTDATA = new URL('../../../testdata/', import.meta.url).pathname

export const inFile = ({ rfc, id }: Vector): string => join(TESTDATA, rfc, `${id}-in.pkt`)
export const outFile = ({ rfc, id }: Vector, index: number): string =>
  join(TESTDATA, rfc, `${id}-out${index === 0 ? '' : `-${index + 1}`}.pkt`)

/** Every file that the vectors consist of, with its octets. */
export const vectorFiles = (): Map<string, Uint8Array> => {
  const files = new Map<string, Uint8Array>()
  for (const vector of VECTORS) {
    files.set(inFile(vector), Uint8Array.from(vector.in))
    for (const [index, packet] of vector.out.entries()) files.set(outFile(vector, index), Uint8Array.from(packet))
  }
  return files
}

/** Files of vectors that are on disk; `fuzz/` holds what fuzzing found (src/fuzz/findings.ts). */
export const presentFiles = (): string[] => {
  if (!existsSync(TESTDATA)) return []
  return readdirSync(TESTDATA, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.pkt') && !name.startsWith('fuzz/'))
    .map((name) => join(TESTDATA, name))
}

/** The octets of a vector from its files. */
export const readVector = (vector: Vector): { in: Uint8Array; out: Uint8Array[] } => ({
  in: readFileSync(inFile(vector)),
  out: vector.out.map((_, index) => readFileSync(outFile(vector, index))),
})

/** Writes all files, and removes those of vectors that are no more. */
export const writeVectors = (): number => {
  const files = vectorFiles()
  for (const file of presentFiles()) if (!files.has(file)) rmSync(file)
  for (const [file, octets] of files) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, octets)
  }
  return files.size
}
