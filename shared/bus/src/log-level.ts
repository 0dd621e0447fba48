import { isLogLevel, LOG_LEVELS, type Logger } from '@sixgate/obs'
import type { LogLevelAnswer } from './log-level-question.ts'
import { type Question, WrongQuestion } from './questions.ts'

export { LOG_LEVEL_QUESTION } from './log-level-question.ts'

const wantedLevel = (body: unknown): unknown =>
  typeof body === 'object' && body !== null && 'level' in body ? body.level : undefined

/** Tells the level of a logger and changes it when asked to, until the process ends. Throws WrongQuestion. */
export const logLevelQuestion =
  (log: Logger): Question =>
  (body): LogLevelAnswer => {
    const before = log.level
    const level = wantedLevel(body)
    if (level === undefined) return { level: before, before }
    if (!isLogLevel(level))
      throw new WrongQuestion(`level: ${JSON.stringify(level)}: must be one of ${LOG_LEVELS.join(', ')}`)
    // Said while the louder of both levels is on, or nobody would see why the log changed.
    const isSaidBefore = log.isLevelEnabled('info')
    if (isSaidBefore) log.info({ before, level }, 'log level changed')
    log.level = level
    if (!isSaidBefore) log.info({ before, level }, 'log level changed')
    return { level, before }
  }
