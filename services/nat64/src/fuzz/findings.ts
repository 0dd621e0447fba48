/**
 * Packets that a fuzz run stumbled over, kept as regressions: `testdata/fuzz/<seed>--<name>.pkt`, or `….1.pkt`, `….2.pkt` …
 * where it takes several to one site, one after the other.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Octets } from '../testkit/packet-builder.ts'
import { TESTDATA } from '../testkit/vectors/files.ts'
import type { Vector } from '../testkit/vectors/vector.ts'
import { Judge } from './judge.ts'

const DIRECTORY = join(TESTDATA, 'fuzz')

/** What is wrong with how a new site treats the last of `packets`, the others played before. */
export const complaintOf = ({ options }: Vector, packets: readonly Octets[]): string | undefined => {
  const judge = new Judge(options)
  let complaint: string | undefined
  for (const octets of packets) {
    try {
      complaint = judge.judge(octets).complaint
    } catch (error) {
      complaint = error instanceof Error ? (error.stack ?? error.message) : String(error)
    }
  }
  return complaint
}

/** The vector that a packet was made from; its site document is the one to replay with. */
export const seedName = ({ rfc, id }: Vector): string => `${rfc}.${id}`

/** Writes packets; returns the file of the last one. */
export const keepFinding = (seed: Vector, packets: readonly Octets[]): string => {
  const bytes = packets.map((octets) => Uint8Array.from(octets))
  const hash = createHash('sha256')
  for (const packet of bytes) hash.update(packet)
  const stem = join(DIRECTORY, `${seedName(seed)}--${hash.digest('hex').slice(0, 8)}`)
  const fileOf = (index: number): string => (packets.length === 1 ? `${stem}.pkt` : `${stem}.${index + 1}.pkt`)
  mkdirSync(DIRECTORY, { recursive: true })
  for (const [index, packet] of bytes.entries()) writeFileSync(fileOf(index), packet)
  return fileOf(packets.length - 1)
}

/** All packets that were ever kept. */
export const findings = (): { name: string; seed: string; packets: readonly Octets[] }[] => {
  if (!existsSync(DIRECTORY)) return []
  const files = readdirSync(DIRECTORY, { encoding: 'utf8' }).filter((file) => file.endsWith('.pkt'))
  const numberOf = (file: string): number => Number(/\.(\d+)\.pkt$/.exec(file)?.[1] ?? 1)
  return [...Map.groupBy(files.toSorted(), (file) => file.replace(/(\.\d+)?\.pkt$/, ''))].map(([name, parts]) => ({
    name,
    seed: name.split('--')[0] ?? '',
    packets: parts
      .toSorted((a, b) => numberOf(a) - numberOf(b))
      .map((file) => [...readFileSync(join(DIRECTORY, file))]),
  }))
}
