/** Puts what the faults of a guest were like into e2e/CHAOS.md: node take.ts CONSOLE-LOG, see `make chaos-clock`. */
import { readFile } from 'node:fs/promises'
import { commitNow } from '../harness/whereabouts.ts'
import { fromLines, keepOutcomes } from './kept.ts'

const [file = ''] = process.argv.slice(2)
const outcomes = fromLines(await readFile(file, 'utf8'))
if (outcomes.length === 0) throw new Error(`${file}: no outcome of a fault is in it`)
// The guest's clock is what was jumped with, and it does not know what it was made of.
const [when, commit] = [new Date().toISOString().slice(0, 16).replace('T', ' '), await commitNow()]
await keepOutcomes(outcomes.map((outcome) => ({ ...outcome, when, commit: `${commit}, guest` })))
process.stdout.write(`e2e/CHAOS.md: ${outcomes.length} rows of the guest\n`)
