import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT } from '../harness/engine.ts'
import { machineNow } from '../harness/whereabouts.ts'
import { CLOCK_FAULTS } from './clock-faults.ts'
import { FAULTS } from './faults.ts'
import { chaosMd, type Outcome } from './table.ts'

/** Outcomes of this and of earlier runs, by name: a run may be of some faults only. */
const KEPT = join(ROOT, 'e2e/chaos/outcomes.json')
/** Goes up when Outcome changes: what another version kept does not count. */
const KEPT_FORMAT = 4
const NAMES = [...FAULTS, ...CLOCK_FAULTS].map(({ name }) => name)

/** How long a fault goes on is a choice of the run (CHAOS_MINUTES): it is the same one. */
const faultOf = (name: string): string => name.replace(/[\d.]+ min,/, 'some min,')
const isOf =
  (name: string) =>
  (outcome: Outcome): boolean =>
    faultOf(outcome.name) === faultOf(name)

const readKept = async (): Promise<Outcome[]> => {
  try {
    const kept = JSON.parse(await readFile(KEPT, 'utf8')) as { readonly format?: number; readonly outcomes: Outcome[] }
    return kept.format === KEPT_FORMAT ? kept.outcomes : []
  } catch {
    return []
  }
}

/** Writes e2e/CHAOS.md, with what earlier runs saw of other faults. */
export const keepOutcomes = async (outcomes: readonly Outcome[]): Promise<void> => {
  const kept = (await readKept()).filter(({ name }) => !outcomes.some(isOf(name)))
  const all = [...kept, ...outcomes]
  const inOrder = NAMES.flatMap((name) => all.find(isOf(name)) ?? [])
  await writeFile(KEPT, `${JSON.stringify({ format: KEPT_FORMAT, outcomes: inOrder }, undefined, 1)}\n`)
  const about = `${inOrder.length} of ${NAMES.length} faults; last run on ${machineNow()}; fast path off.`
  const missing = NAMES.filter((name) => !inOrder.some(isOf(name)))
  await writeFile(join(ROOT, 'e2e/CHAOS.md'), chaosMd(inOrder, missing, about))
}

const LINE = 'chaos outcome: '

/** For the console of a guest, whose files are not kept. */
export const toLine = (outcome: Outcome): string => LINE + JSON.stringify(outcome)

/** What `toLine` wrote, among whatever else. */
export const fromLines = (text: string): readonly Outcome[] =>
  text
    .split('\n')
    .filter((line) => line.includes(LINE))
    .map((line) => JSON.parse(line.slice(line.indexOf(LINE) + LINE.length)) as Outcome)
