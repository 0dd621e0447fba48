import { type Logger as PinoLogger, pino } from 'pino'
import type { Happening, TellHappening } from './happening.ts'

/** The one logger type of sixgate: JSON lines, each with `{service, instance, revision}`. */
export type Logger = PinoLogger

export interface LogSource {
  /** Service name as in docker-compose.yml. */
  readonly service: string
  /** Which copy of the service, see `instanceName` of @sixgate/bus. */
  readonly instance: string
  /** Revision of the site document in force at the time of the line; 0 = none yet. */
  readonly revision?: () => number
  /** A pino level; `info` when absent. */
  readonly level?: string
  /** Where `tell` brings what happened, besides the log. Must not throw. */
  readonly onHappening?: TellHappening
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export const isLogLevel = (text: unknown): text is LogLevel => LOG_LEVELS.some((level) => level === text)

const listeners = new WeakMap<Logger, TellHappening>()

/** A logger that writes JSON lines to standard output, synchronously, so that the last line before an exit is not lost. */
export const createLogger = ({ service, instance, revision, level = 'info', onHappening }: LogSource): Logger => {
  const log = pino(
    {
      level,
      base: { service, instance },
      ...(revision === undefined ? {} : { mixin: () => ({ revision: revision() }) }),
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 1, sync: true }),
  )
  if (onHappening !== undefined) listeners.set(log, onHappening)
  return log
}

/** Brings an event to where this logger brings them (`sixgate events`), without a line in the log. */
export const bring = (log: Logger, happening: Happening): void => listeners.get(log)?.(happening)

/**
 * Says that something happened which the site's owner may want to know later: a log line with `event`, and an event, which
 * does not depend on the level of the log.
 */
export const tell = (log: Logger, happening: Happening): void => {
  const { kind, level = 'info', message, details } = happening
  log[level]({ event: kind, ...details }, message)
  bring(log, happening)
}
