import assert from 'node:assert/strict'
import { test } from 'node:test'
import { carriedOf, type CarriedTotals, ThroughputHistory, TICK_MS } from './throughput-history.ts'

const totals = (outFastPath: number, inTypescript = 0): CarriedTotals => ({
  outFastPath,
  outTypescript: 0,
  inFastPath: 0,
  inTypescript,
})

test('octets per second of all instances, by direction and path', () => {
  const history = new ThroughputHistory()
  history.tick(0, new Map([['a', totals(1000)]]))
  history.tick(
    2000,
    new Map([
      ['a', totals(3000, 50)],
      ['b', totals(500)],
    ]),
  )
  history.tick(
    4000,
    new Map([
      ['a', totals(3000, 50)],
      ['b', totals(900)],
    ]),
  )
  const { atMs, outFastPath, inTypescript, intervalMs } = history.show('recent')
  assert.deepEqual(
    { atMs, outFastPath, inTypescript, intervalMs },
    {
      atMs: [0, 2000, 4000],
      // What an instance carried before it was seen first belongs to no interval.
      outFastPath: [null, 1000, 200],
      inTypescript: [null, 25, 0],
      intervalMs: TICK_MS,
    },
  )
})

test('an instance that was started anew counts from 0; one that is gone, or silence, makes no dip below', () => {
  const history = new ThroughputHistory()
  history.tick(0, new Map([['a', totals(1000)]]))
  history.tick(2000, new Map([['a', totals(100)]]))
  history.tick(4000, new Map())
  history.tick(6000, new Map([['a', totals(5000)]]))
  history.tick(8000, new Map([['a', totals(5200)]]))
  assert.deepEqual(history.show('recent').outFastPath, [null, 50, null, null, 100])
})

test('half an hour in steps of 2 s, a day in minutes; what is older falls out', () => {
  const history = new ThroughputHistory()
  for (let tick = 0; tick < 1000; tick++) history.tick(tick * TICK_MS, new Map([['a', totals(tick * 100)]]))
  const recent = history.show('recent')
  assert.equal(recent.atMs.length, 900)
  assert.equal(recent.atMs[0], 100 * TICK_MS)
  assert.ok(recent.outFastPath.every((rate) => rate === 50))
  const day = history.show('day')
  assert.equal(day.intervalMs, 60_000)
  assert.equal(day.atMs.length, 33)
  assert.equal(day.outFastPath[1], 50)
})

test('the counters of nat64 by path', () => {
  assert.deepEqual(
    carriedOf({
      fast_path_translated_6to4_bytes_total: 1,
      translated_6to4_bytes_total: 2,
      fast_path_translated_4to6_bytes_total: 3,
      translated_4to6_bytes_total: 4,
      carried_6to4_bytes_total: 3,
    }),
    { outFastPath: 1, outTypescript: 2, inFastPath: 3, inTypescript: 4 },
  )
  assert.deepEqual(carriedOf({}), { outFastPath: 0, outTypescript: 0, inFastPath: 0, inTypescript: 0 })
})
