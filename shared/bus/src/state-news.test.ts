import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Condition, ServiceState } from './applier.ts'
import { stateNews } from './state-news.ts'

const condition = (state: ServiceState, ...problems: (readonly [string, string])[]): Condition => ({
  state,
  revision: 1,
  problems: problems.map(([code, message]) => ({ code, message })),
})

const ROWS: readonly (readonly [string, Condition | undefined, Condition, readonly string[]])[] = [
  ['a start says nothing yet', undefined, condition('starting'), []],
  ['the first time well', condition('starting'), condition('ok'), ['service-started: is well']],
  ['well from the first report on', undefined, condition('ok'), ['service-started: is well']],
  ['nothing new', condition('ok'), condition('ok'), []],
  [
    'a problem',
    condition('ok'),
    condition('degraded', ['link-missing', 'lan0 is missing']),
    ['service-unwell: is degraded', 'problem: lan0 is missing'],
  ],
  [
    'the same problem in other words',
    condition('degraded', ['slow', 'for 1 s']),
    condition('degraded', ['slow', 'for 2 s']),
    [],
  ],
  [
    'one more problem',
    condition('degraded', ['slow', 'slow']),
    condition('degraded', ['slow', 'slow'], ['full', 'full']),
    ['problem: full'],
  ],
  [
    'two problems of one code are told once',
    condition('ok'),
    condition('degraded', ['full', 'one'], ['full', 'two']),
    ['service-unwell: is degraded', 'problem: one'],
  ],
  [
    'over',
    condition('degraded', ['slow', 'slow']),
    condition('ok'),
    ['service-well: is well again', 'problem-over: over: slow'],
  ],
  [
    'a document that was refused',
    condition('ok'),
    condition('rejected', ['port-taken', 'revision 2: taken']),
    ['service-unwell: is rejected', 'document-refused: revision 2: taken'],
  ],
  ['a stop', condition('ok'), condition('stopping'), ['service-stopping: is stopped']],
]

describe('what a change of condition is worth telling', () => {
  for (const [what, before, now, told] of ROWS)
    it(what, () =>
      assert.deepEqual(
        stateNews(before, now).map(({ kind, message }) => `${kind}: ${message}`),
        told,
      ),
    )
})
