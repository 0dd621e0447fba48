import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '@sixgate/testkit'
import { mutateBytes, mutateText } from './mutate.ts'
import type { Target } from './target.ts'

/** A run ends with so many findings: the rest are mostly the same ones again. */
const ENOUGH = 10
const SLOW_MS = 5000

const directoryOf = ({ name }: Target): string => join(import.meta.dirname, 'testdata', name)

/** Inputs that a run ever stumbled over: `testdata/TARGET/KIND--HASH`. */
export const findingsOf = (
  target: Target,
): readonly { readonly file: string; readonly kind: string; readonly input: Uint8Array }[] => {
  const directory = directoryOf(target)
  if (!existsSync(directory)) return []
  return readdirSync(directory)
    .toSorted()
    .map((file) => ({
      file,
      kind: file.split('--')[0] ?? '',
      input: Uint8Array.from(readFileSync(join(directory, file))),
    }))
}

const keep = (target: Target, kind: string, input: Uint8Array): string => {
  const file = join(directoryOf(target), `${kind}--${createHash('sha256').update(input).digest('hex').slice(0, 8)}`)
  mkdirSync(directoryOf(target), { recursive: true })
  writeFileSync(file, input)
  return file
}

/** What is wrong with the way an input is treated; undefined: nothing. */
export const complaintAbout = async (target: Target, kind: string, input: Uint8Array): Promise<string | undefined> => {
  const startMs = performance.now()
  try {
    const complaint = await target.judge(kind, input)
    const tookMs = performance.now() - startMs
    return complaint ?? (tookMs > (target.slowMs ?? SLOW_MS) ? `it took ${Math.round(tookMs)} ms` : undefined)
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : `thrown: ${String(error)}`
  }
}

export interface Report {
  readonly inputs: number
  /** Complaint and where the input is kept. */
  readonly findings: readonly string[]
}

/** Odd inputs until `isOver`; each kind of complaint is kept once (`isKept`). */
export const fuzz = async (
  target: Target,
  random: Random,
  isOver: (inputs: number) => boolean,
  isKept = true,
): Promise<Report> => {
  const kinds = Object.keys(target.seeds)
  const found = new Map<string, string>()
  let inputs = 0
  for (; !isOver(inputs) && found.size < ENOUGH; inputs++) {
    const kind = random.pick(kinds)
    const seeds = target.seeds[kind] ?? []
    const seed = random.pick(seeds)
    const input =
      target.words === undefined ? mutateBytes(seed, random, seeds) : mutateText(seed, random, [seeds, target.words])
    const complaint = await complaintAbout(target, kind, input)
    // The place in the code tells one mistake from another; what came does not.
    const sort = `${kind} ${(complaint ?? '').split('\n').slice(0, 3).join(' ').replaceAll(/\d+/g, '#').slice(0, 200)}`
    if (complaint !== undefined && !found.has(sort))
      found.set(sort, `${complaint}\n      ${isKept ? keep(target, kind, input) : Buffer.from(input).toString('hex')}`)
  }
  return { inputs, findings: [...found.values()] }
}
