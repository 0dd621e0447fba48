import { fieldChanges } from './document-diff.ts'
import type { History, Revision } from './history.ts'

/** A revision without its texts, as commands and the page list it. */
export interface RevisionSummary {
  readonly revision: number
  readonly atMs: number
  readonly who: string
  readonly outcome: Revision['outcome']
  readonly reasons: readonly string[]
  /** Paths of the fields that are otherwise than in the entry before; undefined for the oldest one kept. */
  readonly changed: readonly string[] | undefined
}

/** What was made of a revision and the one before it: the page asks every 5 s, and fifty documents of 12 kB took 15 ms each time. */
const compared = new WeakMap<Revision, { readonly before: Revision | undefined; readonly summary: RevisionSummary }>()

const summaryOf = (one: Revision, before: Revision | undefined): RevisionSummary => {
  const known = compared.get(one)
  if (known !== undefined && known.before === before) return known.summary
  const { revision, atMs, who, outcome, reasons = [], document } = one
  const changed =
    before === undefined
      ? undefined
      : fieldChanges(JSON.parse(before.document), JSON.parse(document)).map(({ path }) => path)
  const summary = { revision, atMs, who, outcome, reasons, changed }
  compared.set(one, { before, summary })
  return summary
}

/** Newest first. */
export const summariesOf = (history: History): RevisionSummary[] =>
  history.map((one, index) => summaryOf(one, history[index - 1])).toReversed()

const MAX_FIELDS = 3

const changedCell = (changed: readonly string[] | undefined): string => {
  if (changed === undefined) return '-'
  if (changed.length === 0) return 'nothing'
  const more = changed.length > MAX_FIELDS ? ` … ${changed.length} in all` : ''
  return `${changed.slice(0, MAX_FIELDS).join(' ')}${more}`
}

/** Rows of `sixgate config history`, head first. `showTime` writes milliseconds since 1970. */
export const historyRows = (summaries: readonly RevisionSummary[], showTime: (ms: number) => string): string[][] => [
  ['REVISION', 'PUBLISHED', 'OUTCOME', 'WHO', 'CHANGED'],
  ...summaries.map(({ revision, atMs, who, outcome, changed }) => [
    String(revision),
    showTime(atMs),
    outcome,
    who,
    changedCell(changed),
  ]),
]
