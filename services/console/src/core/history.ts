import { z } from 'zod'

/**
 * What became of a document: `trial` = published, has to prove itself; `confirmed` = every service that was well is well with
 * it; `put-back` = it failed, the one before it was published again; `overtaken` = another one came before it was confirmed.
 */
export const OUTCOMES = ['trial', 'confirmed', 'put-back', 'overtaken'] as const

/** One edition of the site document that was published. */
export const revisionSchema = z.object({
  /** Its number in NATS; begins at 1 again after NATS lost its storage. */
  revision: z.number(),
  /** When it was published, milliseconds since 1970. */
  atMs: z.number(),
  /** Who wanted it: `file` = the site document was edited; else a command, or a user of the page. */
  who: z.string(),
  /** The text of the site document's file, with its comments. */
  text: z.string(),
  /** JSON text of what was published: `auto` prefixes resolved. */
  document: z.string(),
  outcome: z.enum(OUTCOMES),
  /** Why it was put back, a sentence for each instance. */
  reasons: z.array(z.string()).optional(),
})
export type Revision = Readonly<z.infer<typeof revisionSchema>>

/** Oldest first. */
export type History = readonly Revision[]

export const HISTORY_MAX_REVISIONS = 50
/** In characters of text and document; the newest revision is kept however long it is. */
export const HISTORY_MAX_CHARS = 2_000_000

const charsOf = ({ text, document }: Revision): number => text.length + document.length

/** Forgets the oldest revisions, until number and length are within bounds. */
const bounded = (history: History): History => {
  let chars = 0
  let kept = 0
  for (const one of history.toReversed()) {
    chars += charsOf(one)
    if (kept > 0 && (kept >= HISTORY_MAX_REVISIONS || chars > HISTORY_MAX_CHARS)) break
    kept += 1
  }
  return history.slice(history.length - kept)
}

/**
 * The history with a document that was published. The same revision again (the console was restarted, only comments changed)
 * makes no new entry: it takes the newer text.
 */
export const withPublished = (history: History, published: Omit<Revision, 'reasons'>): History => {
  const last = history.at(-1)
  if (last !== undefined && last.revision === published.revision && last.document === published.document)
    // A trial that a restart of the console cut short is not taken up again.
    return [
      ...history.slice(0, -1),
      { ...last, text: published.text, outcome: last.outcome === 'trial' ? published.outcome : last.outcome },
    ]
  const before = history.map((one): Revision => (one.outcome === 'trial' ? { ...one, outcome: 'overtaken' } : one))
  return bounded([...before, published])
}

/** The history with what became of its newest entry of that revision; without such an entry nothing changes. */
export const withOutcome = (
  history: History,
  revision: number,
  outcome: Revision['outcome'],
  reasons: readonly string[] = [],
): History => {
  const index = history.findLastIndex((one) => one.revision === revision)
  return history.map((one, at) =>
    at === index ? { ...one, outcome, ...(reasons.length === 0 ? {} : { reasons: [...reasons] }) } : one,
  )
}

const isSameRevision = (a: Revision, b: Revision): boolean => a.revision === b.revision && a.atMs === b.atMs

/** Revisions of a backup that this history does not have. */
export const unknownRevisions = (history: History, kept: History): History =>
  kept.filter((one) => !history.some((known) => isSameRevision(one, known)))

/**
 * The history with the revisions of a backup that it does not have, as what was before it: the newest entry stays the one in
 * force, whatever the clock of a new machine says.
 */
export const withRestored = (history: History, kept: History): History => {
  const older = unknownRevisions(history, kept)
  return bounded([
    ...older.map((one): Revision => (one.outcome === 'trial' ? { ...one, outcome: 'overtaken' } : one)),
    ...history,
  ])
}

/** The text of the newest entry that had this document: with the comments of its file. */
export const textOfDocument = (history: History, document: string): string | undefined =>
  history.findLast((one) => one.document === document)?.text

export type Found =
  | { readonly found: Revision }
  /** Why there is none, for the operator. */
  | { readonly missing: string }

/** The newest entry of a revision that an operator named: its number, `newest`, or `previous` for the one before that. */
export const findRevision = (history: History, wanted: string): Found => {
  const numbers = [...new Set(history.map(({ revision }) => revision))]
  const known = numbers.length === 0 ? 'the history is empty' : `the history has ${rangesOf(numbers)}`
  const isNumber = /^[1-9]\d{0,14}$/.test(wanted)
  if (!isNumber && wanted !== 'newest' && wanted !== 'previous')
    return { missing: `"${wanted}": must be the number of a revision, newest or previous; ${known}` }
  const found = isNumber
    ? history.findLast(({ revision }) => revision === Number(wanted))
    : history.at(wanted === 'newest' ? -1 : -2)
  return found === undefined ? { missing: `revision ${wanted} is not kept; ${known}` } : { found }
}

/** Numbers in short: `1, 3 to 7`. */
const rangesOf = (numbers: readonly number[]): string => {
  const runs: [number, number][] = []
  for (const number of numbers.toSorted((a, b) => a - b)) {
    const run = runs.at(-1)
    if (run !== undefined && number === run[1] + 1) run[1] = number
    else runs.push([number, number])
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from} to ${to}`)).join(', ')
}

/** Reads a kept history; what is no revision (another version, damage) is left out. */
export const parseHistory = (text: string): History => {
  const content: unknown = JSON.parse(text)
  const entries = typeof content === 'object' && content !== null && 'revisions' in content ? content.revisions : []
  return (Array.isArray(entries) ? entries : []).flatMap((entry) => {
    const read = revisionSchema.safeParse(entry)
    return read.success ? [read.data] : []
  })
}

export const historyText = (history: History): string => `${JSON.stringify({ revisions: history }, null, 1)}\n`
