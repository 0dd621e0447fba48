/** Events: what happened at the site, kept in one bounded stream. Pure: names, types and values. */
import type { Happening } from '@sixgate/obs/happening'
import { z } from 'zod'
import { SERVICE_NAMES, type ServiceName } from './service-name.ts'

/** The stream of JetStream that keeps events; the console makes it. */
export const EVENTS_STREAM = 'events'

/** Subject of the events of a service (`*`: of all). */
export const eventSubject = (service: ServiceName | '*'): string => `event.${service}`

const MIB = 1024 * 1024

/** How many of each service are kept, and how long. The oldest go first; a service that tells much takes no room of the others. */
export const EVENTS_KEPT = { perService: 500, maxAgeMs: 30 * 86_400_000, maxBytes: 4 * MIB } as const

/** A message that is longer is cut: a document with many mistakes has a sentence for each. */
const MESSAGE_MAX = 2000

export const eventSchema = z.object({
  /** When it happened, milliseconds since 1970 by the clock of the service. */
  atMs: z.number(),
  service: z.enum(SERVICE_NAMES),
  instance: z.string(),
  /** Revision of the document in force there at that moment; 0 = none. */
  revision: z.number().default(0),
  /** Stable and short, for programs: `takeover`. */
  kind: z.string(),
  /** `warn`: somebody should look. */
  level: z.enum(['info', 'warn']).catch('info'),
  /** A sentence for people. */
  message: z.string(),
  /** What it is about, flat. */
  details: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .optional()
    .catch(undefined),
})

export type SiteEvent = Readonly<z.infer<typeof eventSchema>>

/** The event that a happening at an instance is. */
export const eventOf = (
  { kind, level = 'info', message, details }: Happening,
  where: Pick<SiteEvent, 'service' | 'instance' | 'revision' | 'atMs'>,
): SiteEvent => ({ ...where, kind, level, message, ...(details === undefined ? {} : { details }) })

/** JSON text of an event; an overlong message is cut. */
export const eventText = (event: SiteEvent): string => {
  const { message } = event
  return JSON.stringify({
    ...event,
    message: message.length > MESSAGE_MAX ? `${message.slice(0, MESSAGE_MAX)} …` : message,
  })
}

/** Reads an event; `undefined` when it is none (another version, or damaged). */
export const parseEvent = (text: string): SiteEvent | undefined => {
  try {
    return eventSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
