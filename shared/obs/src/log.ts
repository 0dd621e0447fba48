import { type Logger as PinoLogger, pino } from 'pino'

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
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

/** A logger that writes JSON lines to standard output, synchronously, so that the last line before an exit is not lost. */
export const createLogger = ({ service, instance, revision, level = 'info' }: LogSource): Logger =>
  pino(
    {
      level,
      base: { service, instance },
      ...(revision === undefined ? {} : { mixin: () => ({ revision: revision() }) }),
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 1, sync: true }),
  )
