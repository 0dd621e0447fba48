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

/** Newest first. */
export const summariesOf = (history: History): RevisionSummary[] =>
  history
    .map(({ revision, atMs, who, outcome, reasons = [], document }, index): RevisionSummary => {
      const before = history[index - 1]
      const changed =
        before === undefined
          ? undefined
          : fieldChanges(JSON.parse(before.document), JSON.parse(document)).map(({ path }) => path)
      return { revision, atMs, who, outcome, reasons, changed }
    })
    .toReversed()

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
