import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { removeDurably, writeDurably } from '@sixgate/host'
import type { Logger } from '@sixgate/obs'
import { z } from 'zod'
import type { DocumentStore } from '../io/document-store.ts'

const pendingSchema = z.object({
  /** Text of the file before the edit: what comes back when nobody confirms. */
  before: z.string(),
  /** The edit. */
  text: z.string(),
  /** Milliseconds since 1970. */
  endsMs: z.number(),
})
type Pending = Readonly<z.infer<typeof pendingSchema>>

export interface PendingEditOptions {
  readonly store: DocumentStore
  readonly stateDir: string
  readonly log: Logger
  /** Has the file read at once. */
  readonly read: () => Promise<void>
}

/** Who the history names. */
const WHO = 'page'

/**
 * An edit of the page that its author has to confirm: somebody who locked himself out cannot, and gets the old text back.
 * Kept on disk, so that a console that is restarted goes on counting.
 */
export class PendingEdit {
  readonly #options: PendingEditOptions
  readonly #file: string
  #pending: Pending | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: PendingEditOptions) {
    this.#options = options
    this.#file = join(options.stateDir, 'web/pending-edit.json')
    this.#pending = this.#read()
    this.#count()
  }

  /** Until when it can be confirmed; undefined: nothing waits. */
  get endsMs(): number | undefined {
    return this.#pending?.endsMs
  }

  /** Writes the edit into the file. `expected`: the text that it was made from. Throws as DocumentStore.save. */
  async apply(text: string, expected: string, confirmS: number): Promise<void> {
    const { store, read } = this.#options
    // An edit upon one that waits: what nobody confirmed is not what one goes back to.
    const before = this.#pending?.before ?? expected
    await store.save(text, WHO, expected)
    this.#put({ before, text, endsMs: Date.now() + confirmS * 1000 })
    await read()
  }

  /** The edit stays. */
  confirm(): void {
    this.#options.log.info('web: the edit is confirmed')
    this.#forget()
  }

  /** The text before the edit comes back, unless somebody changed the file meanwhile. */
  async rollBack(): Promise<void> {
    const { store, read, log } = this.#options
    const pending = this.#pending
    if (pending === undefined) return
    this.#forget()
    await store.save(pending.before, `${WHO}, back`, pending.text)
    log.info('web: the edit is taken back')
    await read()
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  #put(pending: Pending): void {
    writeDurably(this.#file, JSON.stringify(pending))
    this.#pending = pending
    this.#count()
  }

  #forget(): void {
    removeDurably(this.#file)
    clearTimeout(this.#timer)
    this.#pending = undefined
  }

  #count(): void {
    clearTimeout(this.#timer)
    if (this.#pending === undefined) return
    const leftMs = Math.max(0, this.#pending.endsMs - Date.now())
    this.#timer = setTimeout(() => void this.#expire(), leftMs)
  }

  async #expire(): Promise<void> {
    const { log } = this.#options
    log.warn('web: nobody confirmed the edit: the text before it comes back')
    await this.rollBack().catch((error: unknown) =>
      log.warn({ err: error }, 'web: the text before the edit could not be put back'),
    )
  }

  /** undefined: there is none, or it is damaged. */
  #read(): Pending | undefined {
    try {
      return pendingSchema.safeParse(JSON.parse(readFileSync(this.#file, 'utf8'))).data
    } catch {
      return undefined
    }
  }
}
