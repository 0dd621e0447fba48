import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Moderation } from './moderation.ts'

test('a first turn is not delayed', () => {
  assert.equal(new Moderation().isDue(0), false)
})

for (const [what, count, gapMs, isDue] of [
  ['many, and the next at once', 6, 0.02, true],
  ['many, and the next just soon enough', 6, 0.19, true],
  ['many, and then a while nothing', 6, 0.2, false],
  ['few, and the next at once', 5, 0.02, false],
  ['one after the other', 1, 0.01, false],
] as const)
  test(`${what}: ${isDue ? 'gathers' : 'read at once'}`, () => {
    const moderation = new Moderation()
    moderation.endTurn(1000, count)
    assert.equal(moderation.isDue(1000 + gapMs), isDue)
  })

test('the last turn counts, not those before', () => {
  const moderation = new Moderation()
  moderation.endTurn(1000, 64)
  moderation.endTurn(1000.05, 2)
  assert.equal(moderation.isDue(1000.06), false)
})
