import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node'
import type { EndpointStats } from './question-server.ts'

/** What a service says of itself in the NATS services protocol (ADR-32): `nats micro ls`, `info`, `stats`. */
export interface MicroIdentity {
  /** Service name of letters, digits, `-` and `_`. */
  readonly name: string
  readonly id: string
  /** Semantic version. */
  readonly version: string
  readonly description: string
  readonly startedAtMs: number
}

const VERBS = ['PING', 'INFO', 'STATS'] as const

const TYPES: Readonly<Record<(typeof VERBS)[number], string>> = {
  PING: 'io.nats.micro.v1.ping_response',
  INFO: 'io.nats.micro.v1.info_response',
  STATS: 'io.nats.micro.v1.stats_response',
}

/**
 * Answers `$SRV.PING|INFO|STATS[.name[.id]]`; the endpoints are the questions that the service answers.
 * Returns the function that ends it.
 */
export const serveMicro = (
  connection: NatsConnection,
  identity: MicroIdentity,
  endpoints: () => readonly EndpointStats[] = () => [],
): (() => void) => {
  const { name, id, version, description, startedAtMs } = identity
  const answer = (verb: (typeof VERBS)[number], message: Msg): void => {
    const common = { type: TYPES[verb], name, id, version, metadata: {} }
    const own = {
      PING: {},
      // No queue group: every instance answers.
      INFO: {
        description,
        endpoints: endpoints().map((one) => ({ name: one.name, subject: one.subject, queue_group: '', metadata: {} })),
      },
      STATS: {
        started: new Date(startedAtMs).toISOString(),
        endpoints: endpoints().map((one) => ({ ...one, queue_group: '' })),
      },
    }[verb]
    message.respond(JSON.stringify({ ...common, ...own }))
  }
  const subscriptions: Subscription[] = VERBS.flatMap((verb) =>
    [`$SRV.${verb}`, `$SRV.${verb}.${name}`, `$SRV.${verb}.${name}.${id}`].map((subject) =>
      connection.subscribe(subject, { callback: (error, message) => void (error ?? answer(verb, message)) }),
    ),
  )
  return () => {
    for (const subscription of subscriptions) subscription.unsubscribe()
  }
}
