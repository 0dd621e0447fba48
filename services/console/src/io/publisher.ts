import { BUCKETS, DOCUMENT_KEY, KvError, type Link, type NatsSite } from '@sixgate/bus'
import type { Logger } from '@sixgate/obs'
import { ensureBuckets } from './buckets.ts'

const RETRY_MS = 2000
/** Storage that was lost behind our back is noticed within this time. */
const RECHECK_MS = 5000

/** Keeps the document in NATS equal to the one it was given last. */
export class Publisher {
  readonly #nats: NatsSite
  readonly #log: Logger
  readonly #stopListening: () => void
  #wanted: string | undefined
  #revision = 0
  #failure: string | undefined
  #timer: NodeJS.Timeout | undefined
  #working: Promise<void> | undefined
  #again = false
  #closed = false

  constructor(nats: NatsSite, log: Logger) {
    this.#nats = nats
    this.#log = log
    this.#stopListening = nats.link.onChange(() => this.#kick())
    this.#kick()
  }

  /** Revision under which the wanted document stands in NATS; 0 = not yet. */
  get revision(): number {
    return this.#revision
  }

  /** Why the wanted document is not in NATS. */
  get failure(): string | undefined {
    return this.#failure
  }

  /** `text`: the JSON text of a valid document. Resolves after the next attempt to publish it. */
  async publish(text: string): Promise<void> {
    this.#wanted = text
    this.#kick()
    await this.#working
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#stopListening()
  }

  #kick(): void {
    if (this.#closed) return
    clearTimeout(this.#timer)
    this.#again = true
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined
      if (!this.#closed)
        this.#timer = setTimeout(() => this.#kick(), this.#failure === undefined ? RECHECK_MS : RETRY_MS)
    })
  }

  async #work(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false
      try {
        await ensureBuckets(this.#nats.link)
        if (this.#wanted !== undefined) await this.#put(this.#wanted)
        this.#failure = undefined
      } catch (error) {
        this.#failure = error instanceof Error ? error.message : String(error)
        if (!(error instanceof KvError && error.code === 'disconnected'))
          this.#log.warn({ err: error }, 'the document could not be published')
      }
    }
  }

  async #put(text: string): Promise<void> {
    const bucket = this.#nats.bus.bucket(BUCKETS.SITE)
    if (bucket === undefined) return
    const current = await bucket.get(DOCUMENT_KEY)
    if (current !== undefined && new TextDecoder().decode(current.value) === text) {
      this.#revision = current.revision
      return
    }
    const bytes = new TextEncoder().encode(text)
    // Compare-and-set: what somebody else wrote in between is read again before it is replaced.
    const revision =
      current === undefined
        ? await bucket.create(DOCUMENT_KEY, bytes)
        : await bucket.update(DOCUMENT_KEY, bytes, current.revision)
    if (revision === undefined) {
      this.#again = true
      return
    }
    this.#revision = revision
    this.#log.info({ published: revision }, `site document published as revision ${revision}`)
  }
}

/** The document that stands in NATS now. */
export const readPublished = async (
  link: Link,
  nats: NatsSite,
): Promise<{ revision: number; document: unknown } | undefined> => {
  if (!link.connected) throw new KvError('disconnected', 'NATS is away')
  const entry = await nats.bus.bucket(BUCKETS.SITE)?.get(DOCUMENT_KEY)
  return entry === undefined
    ? undefined
    : { revision: entry.revision, document: JSON.parse(new TextDecoder().decode(entry.value)) as unknown }
}
