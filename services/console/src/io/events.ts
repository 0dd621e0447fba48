import {
  type Consumer,
  DeliverPolicy,
  JetStreamApiError,
  jetstream,
  type OrderedConsumerOptions,
} from '@nats-io/jetstream'
import { EVENTS_KEPT, EVENTS_STREAM, type Link, parseEvent, type SiteEvent } from '@sixgate/bus'

const STREAM_NOT_FOUND = 10059

export interface EventsWanted {
  /** Events that were kept at this time or later, milliseconds since 1970; left out: all that are kept. */
  readonly sinceMs?: number
  /** Without `sinceMs`: so many of the newest are enough; more may come. */
  readonly newest?: number
  /** Goes on with those that come, until this is aborted; left out: ends with the last that is kept. */
  readonly follow?: AbortSignal
}

/**
 * Where to begin. The newest of all have no gaps as long as they are no more than each service may keep; behind that, what a
 * service told much of may be gone, and all are read.
 */
const startOf = async (link: Link, { sinceMs, newest }: EventsWanted): Promise<Partial<OrderedConsumerOptions>> => {
  if (sinceMs !== undefined)
    return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(sinceMs).toISOString() }
  if (newest === undefined || newest > EVENTS_KEPT.perService) return { deliver_policy: DeliverPolicy.All }
  const manager = await jetstream(link.connection, { checkAPI: false }).jetstreamManager(false)
  const { last_seq: last } = (await manager.streams.info(EVENTS_STREAM)).state
  return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(1, last - newest + 1) }
}

const consumerOf = async (link: Link, wanted: EventsWanted): Promise<Consumer | undefined> => {
  const client = jetstream(link.connection, { checkAPI: false })
  try {
    return await client.consumers.get(EVENTS_STREAM, await startOf(link, wanted))
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
export async function* siteEvents(link: Link, wanted: EventsWanted = {}): AsyncGenerator<SiteEvent> {
  const { follow } = wanted
  const consumer = await consumerOf(link, wanted)
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
