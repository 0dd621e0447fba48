import assert from 'node:assert/strict'
import { it } from 'node:test'
import { COUNTERS } from './counters.ts'
import { dropsOf } from './drops.ts'
import { EXPLAIN, Verdict } from './verdict.ts'

it('drops: what was met, most first, with its sentence; what was carried is none', () => {
  const values = new Float64Array(COUNTERS)
  assert.deepEqual(dropsOf(values), [])
  values[Verdict.TRANSLATED_6TO4] = 1000
  values[Verdict.NEEDS_MAPPING] = 10
  values[Verdict.NO_MAPPING] = 3
  values[Verdict.FRAGMENTED_ICMP] = 7
  assert.deepEqual(dropsOf(values), [
    { reason: 'fragmented_icmp', packets: 7, sentence: EXPLAIN.FRAGMENTED_ICMP },
    { reason: 'no_mapping', packets: 3, sentence: EXPLAIN.NO_MAPPING },
  ])
})
