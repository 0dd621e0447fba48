import { BUCKETS } from '../buckets.ts'
import type { Status } from '../status.ts'
import { KvBucket } from './kv-bucket.ts'
import type { Link } from './link.ts'

const encoder = new TextEncoder()

/** Puts the reports of one instance into the bucket `status`; while NATS is away they are dropped. */
export class StatusReporter {
  readonly #link: Link
  readonly #bucket: KvBucket
  readonly #key: string
  #sending: Promise<unknown> | undefined

  constructor(link: Link, service: string, instance: string) {
    this.#link = link
    this.#bucket = new KvBucket(link, BUCKETS.STATUS)
    this.#key = `${service}.${instance}`
  }

  /** Sends a report, unless one is on its way. */
  send(status: Status): void {
    if (!this.#link.connected || this.#sending !== undefined) return
    this.#sending = this.#bucket
      .put(this.#key, encoder.encode(JSON.stringify(status)))
      .catch(() => undefined)
      .finally(() => (this.#sending = undefined))
  }

  /** Takes the report back: the instance ends on purpose. */
  async withdraw(): Promise<void> {
    await this.#sending
    if (this.#link.connected) await this.#bucket.delete(this.#key).catch(() => undefined)
  }
}
