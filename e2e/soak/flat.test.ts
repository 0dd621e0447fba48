import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { trendOf } from './flat.ts'

const TIGHT = { share: 0.05, least: 2 }

describe('a figure over time', () => {
  it('a leak of a little each minute is found below noise that is ten times as large', () => {
    const leaking = Array.from({ length: 50 }, (_, minute) => 100 + 0.4 * minute + 4 * Math.sin(minute * 7))
    const { growth, isFlat } = trendOf(leaking, TIGHT)
    assert.ok(Math.abs(growth - 19.6) < 2, String(growth))
    assert.equal(isFlat, false)
  })

  it('the same noise alone is flat, and so are single outliers and what falls', () => {
    const noisy = Array.from({ length: 50 }, (_, minute) => 100 + 4 * Math.sin(minute * 7))
    assert.equal(trendOf(noisy, TIGHT).isFlat, true)
    assert.equal(trendOf(noisy.with(49, 900).with(20, 700), TIGHT).isFlat, true)
    const falling = noisy.map((value, minute) => value - minute)
    assert.equal(trendOf(falling, TIGHT).isFlat, true)
  })

  it('is judged by the larger of both allowances', () => {
    const rising = [10, 11, 12, 13]
    assert.deepEqual(trendOf(rising, { share: 0.1, least: 0 }), {
      median: 11.5,
      first: 10,
      last: 13,
      growth: 3,
      allowed: 1.1500000000000001,
      isFlat: false,
    })
    assert.equal(trendOf(rising, { share: 0, least: 3 }).isFlat, true)
  })

  it('two samples are no trend', () => {
    assert.throws(() => trendOf([1, 2], TIGHT), { message: '2 samples: a trend needs at least three' })
  })

  it('of any straight line the growth is found exactly', () => {
    const line = fc.tuple(
      fc.integer({ min: -99, max: 99 }),
      fc.integer({ min: -9, max: 9 }),
      fc.integer({ min: 3, max: 40 }),
    )
    fc.assert(
      fc.property(line, ([start, step, count]) => {
        const values = Array.from({ length: count }, (_, at) => start + step * at)
        assert.equal(trendOf(values, TIGHT).growth, step * (count - 1))
      }),
    )
  })
})
