/**
 * What services answer to questions, as far as it is used here. An instance may be of the version before or after this one: fields
 * that are not named here are left out, so that a service may say more without a console that knows it.
 */
import { z } from 'zod'
import * as shapes from './web/schemas.ts'

/** nat64, `drops`. */
export const dropsAnswer = shapes.drops.shape.drops

/** ra-advertiser, `neighbours`; the instance that stands by has none. */
export const neighboursAnswer = z.array(
  shapes.routers.shape.routers.element.omit({ mac: true }).extend({ mac: z.string().exactOptional() }),
)

/** nat44-firewall, `rules`; instances that stand by have none. */
export const rulesAnswer = shapes.firewall.shape.rules

/** nat44-firewall, `checks`: lines of `sixgate doctor`. */
export const checksAnswer = z.array(
  z.object({
    id: z.string(),
    state: z.enum(['ok', 'note', 'bad']),
    found: z.string(),
    fix: z.string().exactOptional(),
  }),
)

/** dns64, `explain`. */
export const explanationAnswer = shapes.explanation.shape.answers.element.omit({ instance: true })

const kept = shapes.dnsQueries.shape.kept.unwrap()

/** dns64, `queries`. */
export const queriesAnswer = z.object({
  kept,
  room: z.number(),
  queries: z.array(shapes.dnsQueries.shape.queries.element.omit({ clientName: true })),
  sentences: z.record(z.string(), z.string()),
})

/** dns64, `top-names`. */
export const topNamesAnswer = z.object({ kept, sinceMs: z.number(), names: shapes.dnsTop.shape.names })

/** Every service, `log-level`. */
export const logLevelAnswer = z.object({ level: z.string(), before: z.string() })

/** nat64, `restore-mappings`: addresses by what became of them. */
export const restoredAnswer = z.object({
  restored: z.number(),
  already: z.number(),
  unfit: z.array(z.string()),
  busy: z.array(z.string()),
})

/** The console's daemon, `restore`: JSON text of the document that the file holds now, and where what it held before is kept. */
export const savedAnswer = z.object({ document: z.string(), replaced: z.string().exactOptional() })

/** The console's daemon, `rollback`. */
export const rolledBackAnswer = savedAnswer.extend({ revision: z.number() })

/** An answer of which nothing is used, or which is read piece by piece. */
export const anyAnswer = z.unknown()
