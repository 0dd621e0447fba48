import type { Logger } from '@sixgate/obs'
import type { Applier } from '../applier.ts'
import { apiPrefixOf, inboxPrefixOf } from '../buckets.ts'
import type { Bus, ServiceName, StopIntent } from '../contract.ts'
import type { SiteEvent } from '../event.ts'
import type { Questions } from '../questions.ts'
import type { Status } from '../status.ts'
import { VERSION } from '../version.ts'
import { EventSender } from './event-sender.ts'
import { KvBucket } from './kv-bucket.ts'
import { Link } from './link.ts'
import { serveMicro } from './micro.ts'
import { followDocument } from './nats-source.ts'
import { QuestionServer } from './question-server.ts'
import { StatusReporter } from './status-reporter.ts'
import { askStopIntent } from './stopping-mark.ts'

export interface NatsOptions {
  readonly url: string
  readonly seedFile: string
  readonly service: ServiceName
  readonly instance: string
  /** Which of several gateways this machine is. */
  readonly gateway?: string | undefined
  readonly log: Logger
  /** Answers questions and the services protocol; false for a command that comes and goes. */
  readonly isListed?: boolean
}

/** A service's side of NATS, usable at once: what needs the connection waits for it or says that it is away. */
export interface NatsSite {
  readonly link: Link
  readonly bus: Bus
  /** Offers documents as they come. */
  follow(applier: Applier): void
  report(status: Status): void
  /** Keeps an event; while NATS is away it waits. */
  event(event: SiteEvent): void
  /** Questions are answered from now on. */
  answer(questions: Questions): void
  stopIntent(): Promise<StopIntent>
  close(): Promise<void>
}

/** Starts connecting. */
export const openNats = ({
  url,
  seedFile,
  service,
  instance,
  gateway,
  log,
  isListed = true,
}: NatsOptions): NatsSite => {
  const identity = {
    name: service,
    id: instance,
    version: VERSION,
    description: `sixgate ${service}`,
    startedAtMs: Date.now(),
  }
  const questions = new QuestionServer({ service, instance, log })
  const link = new Link({
    url,
    seedFile,
    name: `${service}.${instance}`,
    inboxPrefix: inboxPrefixOf(service),
    apiPrefix: apiPrefixOf(service),
    log,
    onConnection: (connection) => {
      if (!isListed) return
      serveMicro(connection, identity, () => questions.endpoints)
      questions.serve(connection)
    },
  })
  const reporter = new StatusReporter(link, service, instance)
  const events = new EventSender(link)
  let unfollow: () => void = () => undefined
  return {
    link,
    bus: { bucket: (name) => new KvBucket(link, name) },
    follow: (applier) => {
      unfollow = followDocument(link, applier, gateway)
    },
    report: (status) => reporter.send(status),
    event: (event) => events.send(event),
    answer: (asked) => questions.open(asked),
    stopIntent: () => askStopIntent(link, gateway),
    close: async () => {
      unfollow()
      await events.close()
      await reporter.withdraw()
      await link.close()
    },
  }
}
