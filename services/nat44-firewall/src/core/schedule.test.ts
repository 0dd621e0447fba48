import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WEEKDAYS } from '@sixgate/site'
import fc from 'fast-check'
import { DAY_S, type Schedule, spansOf, utcOffsetS } from './schedule.ts'

const HOUR_S = 3600

/** What comes out, as `days from-last` in hours. */
const shown = (schedule: Schedule, offsetS: number): readonly string[] =>
  spansOf(schedule, offsetS).map(
    ({ days, fromS, lastS }) => `${days.join('')} ${fromS / HOUR_S}-${(lastS + 1) / HOUR_S}`,
  )

const EVENING: Schedule = { from: 21 * HOUR_S, until: 7 * HOUR_S }

const EXAMPLES: readonly (readonly [what: string, schedule: Schedule, offsetH: number, spans: readonly string[]])[] = [
  ['no time at all', {}, 1, []],
  ['over midnight, UTC', EVENING, 0, ['0123456 0-7', '0123456 21-24']],
  ['over midnight, Berlin in winter', EVENING, 1, ['0123456 0-6', '0123456 20-24']],
  ['over midnight, Tokyo: no midnight in UTC', EVENING, 9, ['0123456 12-22']],
  ['over midnight, Los Angeles', EVENING, -8, ['0123456 5-15']],
  ['a school night begins on Sunday and ends on Monday', { ...EVENING, days: ['sunday'] }, 0, ['1 0-7', '0 21-24']],
  ['Saturday night ends in the next week', { ...EVENING, days: ['saturday'] }, 0, ['0 0-7', '6 21-24']],
  ['a whole day', { days: ['monday'] }, 0, ['1 0-24']],
  ['a whole day elsewhere', { days: ['monday'] }, 2, ['1 0-22', '0 22-24']],
  ['a whole day in the far west', { days: ['saturday'] }, -10, ['0 0-10', '6 10-24']],
  ['half an hour', { from: 12 * HOUR_S, until: 12.5 * HOUR_S, days: ['friday'] }, 5.5, ['5 6.5-7']],
]

for (const [what, schedule, offsetH, spans] of EXAMPLES)
  test(`spans in UTC: ${what}`, () => assert.deepEqual(shown(schedule, offsetH * HOUR_S), spans))

test('offsets of time zones, in winter and in summer', () => {
  const winter = Date.UTC(2026, 0, 15)
  const summer = Date.UTC(2026, 6, 15)
  for (const [zone, inWinter, inSummer] of [
    ['UTC', 0, 0],
    ['Europe/Berlin', 1, 2],
    ['America/New_York', -5, -4],
    ['Asia/Kolkata', 5.5, 5.5],
    ['Australia/Adelaide', 10.5, 9.5],
    ['Pacific/Chatham', 13.75, 12.75],
  ] as const)
    assert.deepEqual([utcOffsetS(zone, winter) / HOUR_S, utcOffsetS(zone, summer) / HOUR_S], [inWinter, inSummer], zone)
})

const ZONES = ['UTC', 'Europe/Berlin', 'America/St_Johns', 'Asia/Kolkata', 'Pacific/Kiritimati', 'Pacific/Pago_Pago']
const SECOND = fc.integer({ min: 0, max: DAY_S - 1 })
const SCHEDULE = fc.record(
  {
    days: fc.uniqueArray(fc.constantFrom(...WEEKDAYS), { minLength: 1 }),
    from: SECOND,
    until: SECOND,
  },
  { requiredKeys: ['from', 'until'] },
)

/** Day and second of the day on the clock of a zone, asked of Intl itself. */
const clockOf = (zone: string, unixMs: number): { day: number; second: number } => {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    weekday: 'long',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(unixMs)
  const part = (type: string): string => parts.find((other) => other.type === type)?.value ?? ''
  const day = WEEKDAYS.findIndex((name) => name === part('weekday').toLowerCase())
  return { day, second: Number(part('hour')) * HOUR_S + Number(part('minute')) * 60 + Number(part('second')) }
}

test('at every moment the spans say what the clock on the wall says', () => {
  const moment = fc.integer({ min: Date.UTC(2026, 0, 1) / 1000, max: Date.UTC(2028, 0, 1) / 1000 })
  fc.assert(
    fc.property(fc.constantFrom(...ZONES), moment, SCHEDULE, (zone, unixS, schedule) => {
      fc.pre(schedule.from !== schedule.until)
      const { day, second } = clockOf(zone, unixS * 1000)
      const begins = (begin: number): boolean =>
        schedule.days === undefined || schedule.days.includes(WEEKDAYS[(begin + 7) % 7] ?? 'sunday')
      const wanted =
        schedule.from < schedule.until
          ? begins(day) && second >= schedule.from && second < schedule.until
          : (begins(day) && second >= schedule.from) || (begins(day - 1) && second < schedule.until)
      const utcDay = (4 + Math.floor(unixS / DAY_S)) % 7
      const utcSecond = unixS % DAY_S
      const found = spansOf(schedule, utcOffsetS(zone, unixS * 1000)).some(
        ({ days, fromS, lastS }) => days.includes(utcDay) && utcSecond >= fromS && utcSecond <= lastS,
      )
      assert.equal(found, wanted)
    }),
    { numRuns: 500 },
  )
})
