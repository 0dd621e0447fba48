import type { Condition, Problem } from '@sixgate/bus/names'

/** What the console knows of the document. */
export interface ConsoleFacts {
  /** Revision under which the document of SITE_FILE stands in NATS; 0 = not yet. */
  readonly revision: number
  /** Why SITE_FILE holds no document that can be published. */
  readonly mistake: string | undefined
  /** Why the document of SITE_FILE was put back; empty: it was not. */
  readonly reasons: readonly string[]
  /** Why the document that SITE_FILE holds is not in NATS. */
  readonly failure: string | undefined
  /** Why the document of SITE_FILE is not published, although it should be: another console publishes. */
  readonly elsewhere?: string | undefined
  /** Why there is no connection to NATS, when none was made yet. */
  readonly complaint: string | undefined
}

/** The console's own state: `rejected` = the document is wrong, or was put back, `degraded` = it is right and not in NATS. */
export const conditionOf = ({ revision, mistake, reasons, failure, elsewhere, complaint }: ConsoleFacts): Condition => {
  const problems: Problem[] = []
  if (mistake !== undefined)
    problems.push({
      code: 'document-invalid',
      message: `${mistake}\nnothing was changed: the document before it stays in force`,
    })
  if (reasons.length > 0)
    problems.push({
      code: 'document-put-back',
      message: `the document was put back, the one before it is in force again:\n${reasons.join('\n')}\ncorrect it and save; or try it once more with: sixgate config apply`,
    })
  const obstacle = complaint ?? failure
  if (obstacle !== undefined) problems.push({ code: 'not-published', message: `${obstacle}; it is tried again` })
  if (elsewhere !== undefined) problems.push({ code: 'publishes-elsewhere', message: elsewhere })
  if (mistake !== undefined || reasons.length > 0) return { state: 'rejected', revision, problems }
  if (obstacle !== undefined || elsewhere !== undefined) return { state: 'degraded', revision, problems }
  return { state: revision === 0 ? 'starting' : 'ok', revision, problems }
}
