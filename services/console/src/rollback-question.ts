import { type Question, QuestionRefused } from '@sixgate/bus'
import { SiteError } from '@sixgate/site'
import { z } from 'zod'
import type { DocumentStore } from './io/document-store.ts'

const bodySchema = z.object({ revision: z.string(), who: z.string() })

/** What the daemon answers to `rollback`. */
export interface RolledBack {
  readonly revision: number
  /** JSON text of the document that the file holds now. */
  readonly document: string
  readonly replaced?: string
}

/** `{revision, who}`: the text of that revision is written back into the file. `read`: the file is read at once. */
export const rollbackQuestion =
  (store: DocumentStore, read: () => Promise<void>): Question =>
  async (body): Promise<RolledBack> => {
    const asked = bodySchema.safeParse(body)
    if (!asked.success) throw new QuestionRefused('must be {revision, who}, both texts')
    try {
      const saved = await store.rollback(asked.data.revision, asked.data.who)
      await read()
      return saved
    } catch (error) {
      // A text of an older version may be no document for this one.
      const isOld = error instanceof SiteError
      const message = error instanceof Error ? error.message : String(error)
      throw new QuestionRefused(isOld ? `that revision is no document of this version:\n${message}` : message, error)
    }
  }
