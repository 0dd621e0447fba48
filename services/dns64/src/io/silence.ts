/** A connection on which nothing came for so long after a query may be dead, and is not trusted with another one. */
const SILENT_MS = 700

/** Notices that nothing comes on a connection. */
export class Silence {
  /** When the first query was sent that nothing has come after. */
  #sinceMs: number | undefined

  get isTooLong(): boolean {
    return this.#sinceMs !== undefined && performance.now() - this.#sinceMs >= SILENT_MS
  }

  /** A query was sent. */
  sent(): void {
    this.#sinceMs ??= performance.now()
  }

  /** Something came, whatever it was. */
  heard(): void {
    this.#sinceMs = undefined
  }
}
