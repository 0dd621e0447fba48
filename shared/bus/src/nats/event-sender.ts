import { jetstream } from '@nats-io/jetstream'
import { type SiteEvent, eventSubject, eventText } from '../event.ts'
import { EventQueue } from '../event-queue.ts'
import type { Link } from './link.ts'

const RETRY_MS = 2000
const ACK_MS = 2000
/** How long a stop waits for what is on its way. */
const LAST_MS = 1000

/** Brings the events of one instance into the stream, once each; while NATS is away they wait. */
export class EventSender {
  readonly #link: Link
  readonly #queue = new EventQueue()
  readonly #stopListening: () => void
  #sending: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #sent = 0

  constructor(link: Link) {
    this.#link = link
    this.#stopListening = link.onChange(() => this.#kick())
  }

  send(event: SiteEvent): void {
    this.#queue.add(event)
    this.#kick()
  }

  /** Waits a moment for what is on its way, then gives up. */
  async close(): Promise<void> {
    this.#stopListening()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, LAST_MS)))
    await Promise.race([this.#sending, late])
    clearTimeout(timer)
    clearTimeout(this.#timer)
  }

  #kick(): void {
    this.#sending ??= this.#drain().finally(() => (this.#sending = undefined))
  }

  async #drain(): Promise<void> {
    clearTimeout(this.#timer)
    while (this.#link.connected) {
      const event = this.#queue.first
      if (event === undefined) return
      try {
        const client = jetstream(this.#link.connection, { timeout: ACK_MS, checkAPI: false })
        // An acknowledgement that got lost does not make two of it.
        const msgID = `${event.service}.${event.instance}.${event.atMs}.${this.#sent}`
        await client.publish(eventSubject(event.service), eventText(event), { msgID })
        this.#queue.sent(event)
        this.#sent += 1
      } catch {
        // The stream is not made yet, or NATS went: what waits is tried again.
        this.#timer = setTimeout(() => this.#kick(), RETRY_MS)
        return
      }
    }
  }
}
