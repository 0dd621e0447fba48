import { setTimeout as pause } from 'node:timers/promises'
import { must } from '../harness/command.ts'
import type { Fault } from './faults.ts'

/** Three times the lifetime of a report in NATS (STATUS_TTL_MS). */
const SPELL_MS = 45_000
const MINUTE_MS = 60_000
const MONTH_MS = 30 * 24 * 60 * MINUTE_MS
/** Where a Pi without a battery for its clock may begin. */
const LONG_AGO = Date.UTC(2020, 0, 1)

/** What the clock would say without the jumps: it is put right by the one that does not jump. */
const offsetMs = Date.now() - performance.now()
const trueMs = (): number => offsetMs + performance.now()

const jump = (name: string, to: () => number): Fault => ({
  name: `the clock jumps ${name}`,
  expected: 'nothing',
  costs: [],
  strike: async () => {
    await must(['date', '--set', `@${(to() / 1000).toFixed(3)}`])
    await pause(SPELL_MS)
  },
})

/**
 * Jumps of CLOCK_REALTIME, which no namespace has of its own: for a machine that was made for this. Each is where the one before
 * left the clock; the last one puts it right.
 */
export const CLOCK_FAULTS: readonly Fault[] = [
  jump('a minute forward', () => trueMs() + MINUTE_MS),
  jump('a minute back', trueMs),
  jump('a month forward', () => trueMs() + MONTH_MS),
  jump('a month back', trueMs),
  jump('to the year 2020', () => LONG_AGO),
  jump('from 2020 to today, as when NTP comes', trueMs),
]
