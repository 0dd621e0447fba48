/** What a service shows of itself: log lines, counters, health. */
export { Counters } from './counters.ts'
export { HEALTH_MAX_AGE_MS, type Health, healthWriter, judgeHealth, type Verdict, writeHealth } from './health.ts'
export { createLogger, LOG_LEVELS, type Logger, type LogSource } from './log.ts'
export { type Check, isWell, renderChecks } from './checks.ts'
