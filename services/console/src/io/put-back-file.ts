import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { writeDurably } from '@sixgate/host'
import { z } from 'zod'

/** A document that the site did not get on with, and the one that is in force instead. */
const putBackSchema = z.object({
  /** JSON text of the document that SITE_FILE holds and that is not published again. */
  refused: z.string(),
  /** JSON text of the one before it. */
  previous: z.string(),
  reasons: z.array(z.string()),
})
export type PutBack = Readonly<z.infer<typeof putBackSchema>>

/**
 * What was put back, on disk: a console that is restarted must not try the same document again, while a command may
 * remove the file to have it tried once more.
 */
export class PutBackFile {
  readonly #file: string

  constructor(stateDir: string) {
    this.#file = join(stateDir, 'put-back.json')
  }

  /** Undefined: nothing was put back, or the file is damaged (then the document is tried again, which does no harm). */
  read(): PutBack | undefined {
    if (!existsSync(this.#file)) return undefined
    try {
      return putBackSchema.safeParse(JSON.parse(readFileSync(this.#file, 'utf8'))).data
    } catch {
      return undefined
    }
  }

  /** Throws what `node:fs` throws. */
  write(putBack: PutBack): void {
    writeDurably(this.#file, JSON.stringify(putBack))
  }

  remove(): void {
    rmSync(this.#file, { force: true })
  }
}
