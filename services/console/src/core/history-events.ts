import type { Happening } from '@sixgate/obs/happening'
import { fieldChanges } from './document-diff.ts'
import type { History } from './history.ts'

const MAX_FIELDS = 5

/** What is told of the newest revision: who wanted it, and which fields are otherwise than before. */
export const publishedHappening = (history: History): Happening => {
  const [before, now] = [history.at(-2), history.at(-1)]
  if (now === undefined) return { kind: 'document-published', message: 'a document was published' }
  const changes = before === undefined ? [] : fieldChanges(JSON.parse(before.document), JSON.parse(now.document))
  const fields = changes.slice(0, MAX_FIELDS).map(({ path }) => path)
  const more = changes.length > MAX_FIELDS ? ` and ${changes.length - MAX_FIELDS} more` : ''
  const what = fields.length === 0 ? '' : `, changed: ${fields.join(', ')}${more}`
  return {
    kind: 'document-published',
    message: `revision ${now.revision} was published by ${now.who}${what}`,
    details: { revision: now.revision, who: now.who },
  }
}
