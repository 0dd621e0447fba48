import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { shortTime, sinceOf } from './times.ts'

const NOW = Date.UTC(2026, 0, 31, 12, 0, 0)

const ROWS: readonly (readonly [string, number])[] = [
  ['90s', NOW - 90_000],
  ['30min', NOW - 1_800_000],
  ['30 min', NOW - 1_800_000],
  ['12h', NOW - 43_200_000],
  ['7d', NOW - 604_800_000],
  ['2026-01-31', Date.UTC(2026, 0, 31)],
  ['2026-01-31T11:30', Date.UTC(2026, 0, 31, 11, 30)],
  ['2026-01-31 11:30:05Z', Date.UTC(2026, 0, 31, 11, 30, 5)],
  ['2026-01-31T11:30+02:00', Date.UTC(2026, 0, 31, 9, 30)],
  ['', Number.NaN],
  ['yesterday', Number.NaN],
  ['5', Number.NaN],
  ['5m', Number.NaN],
  ['-5min', Number.NaN],
  ['2026-13-31', Number.NaN],
]

describe('a time that an operator names', () => {
  for (const [text, wanted] of ROWS) it(`"${text}"`, () => assert.equal(sinceOf(text, NOW), wanted))
})

describe('a time as it is shown', () => {
  it('is UTC', () => assert.equal(shortTime(NOW), '2026-01-31 12:00:00'))
})
