import { BUCKETS, DOCUMENT_KEY, KvBucket, KvError, type Link, type NatsSite } from '@sixgate/bus'
import { type Logger, messageOf } from '@sixgate/obs'
import { ensureBuckets } from './buckets.ts'
import { getIfAny } from './unless-missing.ts'

const RETRY_MS = 2000
/** Storage that was lost behind our back is noticed within this time. */
const RECHECK_MS = 5000

/** A document in NATS. */
export interface Standing {
  readonly revision: number
  /** It was put there just now; false: it stood there already. */
  readonly isNew: boolean
  /** Its JSON text. */
  readonly text: string
  /** The document that it took the place of, as JSON text. */
  readonly replaced?: string
}

export interface PublisherOptions {
  /** How many servers keep each bucket. */
  readonly replicas?: number
  /** Whether this console publishes now; else it follows what another one publishes. */
  readonly mayPublish?: () => boolean
  /** Called whenever the wanted document is found or put in NATS under a new revision. */
  readonly onPublished: (standing: Standing) => void
  /** Another console has published. */
  readonly onFollowed?: (standing: Pick<Standing, 'revision' | 'text'>) => void
}

/** Keeps the document in NATS equal to the one it was given last, and the buckets in place. */
export class Publisher {
  readonly #link: Link
  readonly #log: Logger
  readonly #options: PublisherOptions
  readonly #stopListening: () => void
  #wanted: string | undefined
  #revision = 0
  /** What `onPublished` was told last; 0 = nothing yet. */
  #told = 0
  #failure: string | undefined
  #timer: NodeJS.Timeout | undefined
  #isWorking = false
  #again = false
  #closed = false

  constructor({ link }: NatsSite, log: Logger, options: PublisherOptions) {
    this.#link = link
    this.#log = log
    this.#options = options
    this.#stopListening = link.onChange(() => this.#kick())
    this.#kick()
  }

  /** Revision under which the wanted document, or the one that is followed, stands in NATS; 0 = not yet. */
  get revision(): number {
    return this.#revision
  }

  /** Why the wanted document is not in NATS, when it is known. */
  get failure(): string | undefined {
    return this.#failure
  }

  /** Looks at once: whether this console publishes may have changed. */
  look(): void {
    this.#kick()
  }

  /** `text`: the JSON text of a valid document. */
  publish(text: string): void {
    this.#wanted = text
    this.#kick()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#stopListening()
  }

  #kick(): void {
    this.#again = true
    if (!this.#isWorking) void this.#work()
  }

  async #work(): Promise<void> {
    this.#isWorking = true
    clearTimeout(this.#timer)
    while (this.#again && !this.#closed) {
      this.#again = false
      try {
        await this.#ensure()
        this.#failure = undefined
      } catch (error) {
        this.#fail(error)
      }
    }
    this.#isWorking = false
    if (this.#closed) return
    this.#timer = setTimeout(() => this.#kick(), this.#failure === undefined ? RECHECK_MS : RETRY_MS)
  }

  #fail(error: unknown): void {
    const failure = messageOf(error)
    const isAway = error instanceof KvError && error.code === 'disconnected'
    // The link itself logs that NATS is away.
    if (failure !== this.#failure && !isAway) this.#log.warn({ err: error }, 'the document could not be published')
    this.#failure = failure
  }

  async #ensure(): Promise<void> {
    const { replicas, mayPublish, onPublished } = this.#options
    await ensureBuckets(this.#link, replicas)
    if (mayPublish?.() === false) return await this.#follow()
    if (this.#wanted === undefined) return
    const standing = await putDocument(this.#link, this.#wanted)
    if (standing === undefined) {
      this.#again = true
    } else if (standing.revision !== this.#told) {
      this.#revision = standing.revision
      this.#told = standing.revision
      onPublished(standing)
    }
  }

  async #follow(): Promise<void> {
    const entry = await new KvBucket(this.#link, BUCKETS.SITE).get(DOCUMENT_KEY)
    if (entry === undefined || entry.revision === this.#revision) return
    this.#revision = entry.revision
    this.#told = 0
    this.#options.onFollowed?.({ revision: entry.revision, text: new TextDecoder().decode(entry.value) })
  }
}

/**
 * Puts a document into NATS unless it stands there already. Undefined: somebody else wrote in between, so it has to be
 * looked at again. Throws KvError.
 */
export const putDocument = async (link: Link, text: string): Promise<Standing | undefined> => {
  const bucket = new KvBucket(link, BUCKETS.SITE)
  const current = await bucket.get(DOCUMENT_KEY)
  const standing = current === undefined ? undefined : new TextDecoder().decode(current.value)
  if (current !== undefined && standing === text) return { revision: current.revision, isNew: false, text }
  const bytes = new TextEncoder().encode(text)
  const revision = await (current === undefined
    ? bucket.create(DOCUMENT_KEY, bytes)
    : bucket.update(DOCUMENT_KEY, bytes, current.revision))
  if (revision === undefined) return undefined
  return { revision, isNew: true, text, ...(standing === undefined ? {} : { replaced: standing }) }
}

/** The document that stands in NATS now; undefined: none does. Throws KvError. */
export const readPublished = async (link: Link): Promise<{ revision: number; document: unknown } | undefined> => {
  const entry = await getIfAny(new KvBucket(link, BUCKETS.SITE), DOCUMENT_KEY)
  return entry === undefined
    ? undefined
    : { revision: entry.revision, document: JSON.parse(new TextDecoder().decode(entry.value)) as unknown }
}
