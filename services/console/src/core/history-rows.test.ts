import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Revision } from './history.ts'
import { summariesOf } from './history-rows.ts'

const revision = (number: number, document: unknown): Revision => ({
  revision: number,
  atMs: number,
  who: 'file',
  text: '',
  document: JSON.stringify(document),
  outcome: 'confirmed',
})

test('summaries are the newest first, each with what differs from the one before', () => {
  const history = [revision(1, { a: 1, b: 1 }), revision(2, { a: 2, b: 1 }), revision(3, { a: 2, b: 1 })]
  assert.deepEqual(
    summariesOf(history).map(({ revision: number, changed }) => [number, changed]),
    [
      [3, []],
      [2, ['a']],
      [1, undefined],
    ],
  )
})

test('a revision is compared once with the one before, however often the history is asked for', () => {
  const [one, two, three] = [1, 2, 3].map((a) => revision(a, { a })) as [Revision, Revision, Revision]
  const [newest, oldest] = summariesOf([one, two])
  const longer = summariesOf([one, two, three])
  assert.equal(longer[1], newest)
  assert.equal(longer[2], oldest)
  assert.deepEqual(longer[0]?.changed, ['a'])
  // What it is compared with may be another one: a restored backup goes before it, the oldest one is dropped.
  const zero = revision(0, { b: 1 })
  assert.deepEqual(
    summariesOf([zero, one, two]).map(({ changed }) => changed),
    [['a'], ['b', 'a'], undefined],
  )
  assert.equal(summariesOf([two]).at(-1)?.changed, undefined)
  // Neither is what became of it: that makes another entry of it.
  const [back] = summariesOf([one, { ...two, outcome: 'put-back', reasons: ['why'] }])
  assert.deepEqual([back?.outcome, back?.reasons], ['put-back', ['why']])
})
