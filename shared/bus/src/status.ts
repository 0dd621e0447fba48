import { z } from 'zod'
import { SERVICE_NAMES } from './contract.ts'

/** What one instance of a service reports of itself, every 2 s and on change, under `status.SERVICE.INSTANCE`. */
export const statusSchema = z.object({
  service: z.enum(SERVICE_NAMES),
  instance: z.string(),
  /** Which of several gateways it is on; left out: the only one. */
  gateway: z.string().optional(),
  /** Version of the program. */
  version: z.string(),
  /** Revision of the document in force; 0 = none yet. */
  revision: z.number(),
  /** Revision that the service refused, when it is `rejected`. */
  refused: z.number().optional(),
  state: z.enum(['starting', 'ok', 'degraded', 'rejected', 'stopping']),
  /** Since when in this state, milliseconds since 1970. */
  sinceMs: z.number(),
  problems: z.array(z.object({ code: z.string(), message: z.string() })),
  /** Lines for people: how it works at the moment, nothing to do about. */
  remarks: z.array(z.string()).optional(),
  /** Link-local addresses that it sends Router Advertisements from. */
  routers: z.array(z.string()).optional(),
  counters: z.record(z.string(), z.number()),
  /** Milliseconds since 1970. */
  startedAtMs: z.number(),
  atMs: z.number(),
})

export type Status = Readonly<z.infer<typeof statusSchema>>

/** Reads a report; `undefined` when it is none (another version, or damaged). */
export const parseStatus = (bytes: Uint8Array): Status | undefined => {
  try {
    return statusSchema.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data
  } catch {
    return undefined
  }
}
