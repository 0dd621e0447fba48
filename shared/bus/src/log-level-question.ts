/** The question that every instance of every service answers: at which level it logs. Pure: names and types. */

export const LOG_LEVEL_QUESTION = 'log-level'

/** The body is `{level}` to change it, or nothing to ask. */
export interface LogLevelAnswer {
  /** A level of pino: `trace debug info warn error fatal silent`. */
  readonly level: string
  /** The level before the question. */
  readonly before: string
}
