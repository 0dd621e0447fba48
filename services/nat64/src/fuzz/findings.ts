/** Packets that a fuzz run stumbled over, kept as regressions: `testdata/fuzz/<seed>--<hash>.pkt`. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Octets } from '../testkit/packet-builder.ts'
import { TESTDATA } from '../testkit/vectors/files.ts'
import type { Vector } from '../testkit/vectors/vector.ts'

const DIRECTORY = join(TESTDATA, 'fuzz')

/** The vector that a packet was made from; its site document is the one to replay with. */
export const seedName = ({ rfc, id }: Vector): string => `${rfc}.${id}`

/** Writes a packet; returns its file. */
export const keepFinding = (seed: Vector, octets: Octets): string => {
  const bytes = Uint8Array.from(octets)
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 8)
  const file = join(DIRECTORY, `${seedName(seed)}--${hash}.pkt`)
  mkdirSync(DIRECTORY, { recursive: true })
  writeFileSync(file, bytes)
  return file
}

/** All packets that were ever kept. */
export const findings = (): { name: string; seed: string; octets: Octets }[] => {
  if (!existsSync(DIRECTORY)) return []
  return readdirSync(DIRECTORY)
    .filter((file) => file.endsWith('.pkt'))
    .toSorted()
    .map((file) => ({
      name: file,
      seed: file.split('--')[0] ?? '',
      octets: [...readFileSync(join(DIRECTORY, file))],
    }))
}
