import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Logger } from './log.ts'

/** What a service tells Docker through HEALTH_FILE; healthcheck.sh reads it. */
export interface Health {
  readonly state: string
  /** Milliseconds since 1970 at which this was written. */
  readonly atMs: number
  /** Messages of what is wrong; empty when state is `ok`. */
  readonly problems: readonly string[]
}

/** Replaces the health file in one step, so that a reader never sees half of it. Throws the error of the file system. */
export const writeHealth = (file: string, { state, atMs, problems }: Health): void => {
  mkdirSync(dirname(file), { recursive: true })
  const draft = `${file}.next`
  // The order is that which healthcheck.sh expects.
  writeFileSync(draft, `${JSON.stringify({ state, atMs, problems })}\n`)
  renameSync(draft, file)
}

/** A `writeHealth` that logs the first of a row of failures instead of throwing; without a file it does nothing. */
export const healthWriter = (file: string | undefined, log: Logger): ((health: Health) => void) => {
  let hasFailed = false
  return (health) => {
    if (file === undefined) return
    try {
      writeHealth(file, health)
      hasFailed = false
    } catch (error) {
      if (!hasFailed) log.error({ err: error }, `HEALTH_FILE ${file} cannot be written: Docker sees this as unhealthy`)
      hasFailed = true
    }
  }
}
