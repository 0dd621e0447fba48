import { messageOf } from '@sixgate/obs'
import { SiteError } from '@sixgate/site'
import type { Applier, Offer } from './applier.ts'
import type { Bus, Problem, StopIntent } from './contract.ts'
import type { SiteEvent } from './event.ts'
import { FileSource } from './file-source.ts'
import type { LastKnownGood } from './last-known-good.ts'
import { type NatsOptions, openNats } from './nats/open-nats.ts'
import { offerOf } from './offer.ts'
import type { Questions } from './questions.ts'
import type { Status } from './status.ts'
import { hasStoppingFile } from './stopping-file.ts'

/** Where documents come from, and where reports go. */
export interface SiteSource {
  readonly bus: Bus
  /** Documents come from now on. */
  start(applier: Applier): Promise<void>
  /** A document came into force. */
  applied(offer: Offer): void
  report(status: Status): void
  /** Keeps an event; without NATS it stands in the log alone. */
  event(event: SiteEvent): void
  /** Questions are answered from now on (nobody asks without NATS). */
  answer(questions: Questions): void
  /** Tries again to keep what `applied` could not; call it every second. Returns what is wrong with that. */
  keep(): readonly Problem[]
  /** What keeps a first document from coming; empty when nothing does, or when `applier` knows it. */
  waitingFor(): readonly Problem[]
  /** What a stop means now. */
  stopIntent(): Promise<StopIntent>
  close(): Promise<void>
}

/** `SITE=file:PATH`: a stop removes everything, because nothing else would. */
export const openFileSite = (path: string, gateway?: string): SiteSource => {
  let source: FileSource | undefined
  let revision = 0
  return {
    bus: { bucket: () => undefined },
    start: async (applier) => {
      source = new FileSource(path, {
        document: ({ document }) => {
          revision += 1
          try {
            applier.offer(offerOf(revision, JSON.stringify(document), gateway))
          } catch (error) {
            if (!(error instanceof SiteError)) throw error
            applier.refuse({ code: 'document-invalid', message: error.message })
          }
        },
        mistake: (message) => applier.refuse({ code: 'document-invalid', message }),
      })
      await source.read()
    },
    applied: () => undefined,
    keep: () => [],
    report: () => undefined,
    event: () => undefined,
    answer: () => undefined,
    waitingFor: () => [],
    stopIntent: async () => 'remove',
    close: async () => source?.close(),
  }
}

/** `SITE=nats://HOST:PORT`: starts with the last known good document and takes over what comes. */
export const openNatsSite = (
  options: NatsOptions,
  lastKnownGood: LastKnownGood,
  stoppingFile: string | undefined,
): SiteSource => {
  const { log, url } = options
  const nats = openNats(options)
  let unkept: Offer | undefined
  return {
    ...nats,
    start: async (applier) => {
      const offer = await lastKnownGood.load().catch((error: unknown) => {
        log.warn({ err: error }, 'no last known good document')
        return undefined
      })
      if (offer !== undefined) {
        log.info(`starting with revision ${offer.revision}, the last one known to be good`)
        applier.offer(offer)
      }
      nats.follow(applier)
    },
    stopIntent: async () =>
      stoppingFile !== undefined && hasStoppingFile(stoppingFile, Date.now()) ? 'remove' : await nats.stopIntent(),
    applied: (offer) => {
      unkept = offer
    },
    keep: () => {
      if (unkept === undefined) return []
      try {
        lastKnownGood.save(unkept)
        unkept = undefined
        return []
      } catch (error) {
        const reason = messageOf(error)
        const message = `the document cannot be kept on disk (${reason}): a restart without NATS would find an older one; make STATE_DIR writable, with space left`
        return [{ code: 'state-unwritable', message }]
      }
    },
    waitingFor: () => {
      const connected = `no document in NATS at ${url} yet: the console publishes it; see: docker compose ps console`
      const message = nats.link.connected ? connected : (nats.link.complaint ?? `no answer from NATS at ${url} yet`)
      return [{ code: 'no-document', message }]
    },
  }
}
