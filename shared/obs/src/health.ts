import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Logger } from './log.ts'

/** What a service tells Docker through HEALTH_FILE. */
export interface Health {
  readonly state: string
  /** Milliseconds since 1970 at which this was written. */
  readonly atMs: number
  /** Messages of what is wrong; empty when state is `ok`. */
  readonly problems: readonly string[]
}

/** A report older than this means that the service hangs: it writes every 2 s. */
export const HEALTH_MAX_AGE_MS = 10_000

/** Replaces the health file in one step, so that a reader never sees half of it. Throws the error of the file system. */
export const writeHealth = (file: string, health: Health): void => {
  mkdirSync(dirname(file), { recursive: true })
  const draft = `${file}.next`
  writeFileSync(draft, `${JSON.stringify(health)}\n`)
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

export interface Verdict {
  readonly healthy: boolean
  /** One or more lines for `docker inspect` and `docker ps`. */
  readonly reason: string
}

const isHealth = (value: unknown): value is Health =>
  typeof value === 'object' &&
  value !== null &&
  'state' in value &&
  typeof value.state === 'string' &&
  'atMs' in value &&
  typeof value.atMs === 'number' &&
  'problems' in value &&
  Array.isArray(value.problems) &&
  value.problems.every((problem) => typeof problem === 'string')

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Decides whether the content of a health file means healthy at `nowMs`: fresh, and state `ok`. */
export const judgeHealth = (text: string, nowMs: number): Verdict => {
  const health = parse(text)
  if (!isHealth(health)) return { healthy: false, reason: `no health report: ${JSON.stringify(text.slice(0, 60))}` }
  const ageMs = nowMs - health.atMs
  if (ageMs > HEALTH_MAX_AGE_MS) {
    const reason = `last report is ${Math.round(ageMs / 1000)} s old, allowed are ${HEALTH_MAX_AGE_MS / 1000} s: the service hangs`
    return { healthy: false, reason }
  }
  return { healthy: health.state === 'ok', reason: [health.state, ...health.problems].join('\n') }
}
