import { type Consumer, DeliverPolicy, JetStreamApiError, jetstream } from '@nats-io/jetstream'
import { EVENTS_STREAM, type Link, parseEvent, type SiteEvent } from '@sixgate/bus'

const STREAM_NOT_FOUND = 10059

export interface EventsWanted {
  /** Events that were kept at this time or later, milliseconds since 1970; left out: all that are kept. */
  readonly sinceMs?: number
  /** Goes on with those that come, until this is aborted; left out: ends with the last that is kept. */
  readonly follow?: AbortSignal
}

const consumerOf = async (link: Link, sinceMs: number | undefined): Promise<Consumer | undefined> => {
  const client = jetstream(link.connection, { checkAPI: false })
  try {
    const start =
      sinceMs === undefined
        ? { deliver_policy: DeliverPolicy.All }
        : { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(sinceMs).toISOString() }
    return await client.consumers.get(EVENTS_STREAM, start)
  } catch (error) {
    // The console makes the stream a moment after NATS was started.
    if (error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND) return undefined
    throw error
  }
}

/**
 * Events in the order in which NATS got them; those of another version that cannot be read are left out. Throws KvError
 * `disconnected` or an error of JetStream.
 */
export async function* siteEvents(link: Link, { sinceMs, follow }: EventsWanted = {}): AsyncGenerator<SiteEvent> {
  const consumer = await consumerOf(link, sinceMs)
  if (consumer === undefined) return
  if (follow === undefined && (await consumer.info()).num_pending === 0) return
  const messages = await consumer.consume()
  const stop = (): void => void messages.close()
  follow?.addEventListener('abort', stop)
  try {
    if (follow?.aborted === true) return
    for await (const message of messages) {
      const event = parseEvent(message.string())
      if (event !== undefined) yield event
      if (follow === undefined && message.info.pending === 0) return
    }
  } finally {
    follow?.removeEventListener('abort', stop)
    await messages.close()
  }
}
