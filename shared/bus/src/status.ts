import { z } from 'zod'
import { SERVICE_NAMES } from './contract.ts'

const STATES = ['starting', 'ok', 'degraded', 'rejected', 'stopping'] as const
type State = (typeof STATES)[number]

const problemSchema = z.object({ code: z.string(), message: z.string() })

/** Of a list the entries that this version understands. */
const understood = <T>(entry: z.ZodType<T>) =>
  z.array(z.unknown()).transform((all) => all.flatMap((one) => entry.safeParse(one).data ?? []))

const isState = (state: string): state is State => STATES.some((known) => known === state)

/**
 * What one instance of a service reports of itself, every 2 s and on change, under `status.SERVICE.INSTANCE`. It may be of the version before or
 * after this one: what that says beside this is left out, piece by piece, since a report that is not read is that of a service that
 * is gone, and Router Advertisements follow it.
 */
const statusSchema = z
  .object({
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
    state: z.string(),
    /** Since when in this state, milliseconds since 1970. */
    sinceMs: z.number(),
    problems: understood(problemSchema),
    /** Lines for people: how it works at the moment, nothing to do about. */
    remarks: understood(z.string()).optional(),
    /** Link-local addresses that it sends Router Advertisements from. */
    routers: understood(z.string()).optional(),
    counters: z
      .record(z.string(), z.unknown())
      .transform((all) =>
        Object.fromEntries(Object.entries(all).filter((one): one is [string, number] => Number.isFinite(one[1]))),
      ),
    /** Milliseconds since 1970. */
    startedAtMs: z.number(),
    atMs: z.number(),
  })
  .transform(({ state, problems, ...rest }) => {
    if (isState(state)) return { ...rest, state, problems }
    const message = `it says that it is "${state}", which is no state that this version knows; see: sixgate status (are all of one version?)`
    return { ...rest, state: 'degraded' as const, problems: [...problems, { code: 'unknown-state', message }] }
  })

export type Status = Readonly<z.infer<typeof statusSchema>>

/** Reads a report; `undefined` when it is none. */
export const parseStatus = (bytes: Uint8Array): Status | undefined => {
  try {
    return statusSchema.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data
  } catch {
    return undefined
  }
}
