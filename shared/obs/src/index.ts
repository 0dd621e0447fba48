/** What a service shows of itself: log lines, events, counters, health. */
export { Counters } from './counters.ts'
export type { Happening, TellHappening } from './happening.ts'
export { type Health, healthWriter, writeHealth } from './health.ts'
export { bring, createLogger, isLogLevel, LOG_LEVELS, type Logger, type LogLevel, type LogSource, tell } from './log.ts'
export { messageOf } from './message-of.ts'
export { type Check, isWell, renderChecks } from './checks.ts'
