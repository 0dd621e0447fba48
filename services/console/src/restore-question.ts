import { type Question, QuestionRefused } from '@sixgate/bus'
import { z } from 'zod'
import type { Restorer } from './io/restorer.ts'

const bodySchema = z.object({ digest: z.string(), who: z.string() })

/** `{digest, who}`: the archive that a command put beside the daemon is restored. Answers `Saved`. */
export const restoreQuestion =
  (restorer: Restorer): Question =>
  async (body) => {
    const asked = bodySchema.safeParse(body)
    if (!asked.success) throw new QuestionRefused('must be {digest, who}, both texts')
    try {
      return await restorer.restore(asked.data.digest, asked.data.who)
    } catch (error) {
      throw new QuestionRefused(error instanceof Error ? error.message : String(error), error)
    }
  }
