import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { newKeyOctets, putTextKey } from './key-octets.ts'
import { keyOfText, type NameKey } from './name.ts'
import { makeQuestion, nameKeyOf } from './question.ts'
import { TopNames } from './top-names.ts'

const SLOTS = 512
const PLAIN = { dnssecOk: false, checkingDisabled: false, view: 0 } as const
const octets = newKeyOctets()

const nameOf = (i: number): NameKey => keyOfText(`n${i}.example`)

const add = (names: TopNames, name: NameKey): void => {
  putTextKey(octets, makeQuestion(name, 1, 1, PLAIN).key)
  names.add(octets.nameHash, octets.bytes, nameKeyOf('x'.repeat(octets.length)).length)
}

/** Every name's true count, beside what is counted. */
const counted = (stream: readonly number[]): { truth: Map<NameKey, number>; names: TopNames } => {
  const truth = new Map<NameKey, number>()
  const names = new TopNames()
  for (const i of stream) {
    add(names, nameOf(i))
    truth.set(nameOf(i), (truth.get(nameOf(i)) ?? 0) + 1)
  }
  return { truth, names }
}

test('as long as there is room for all names, counts are exact', () => {
  const stream = Array.from({ length: SLOTS }, (_, i) => Array.from({ length: (i % 7) + 1 }, () => i)).flat()
  const { truth, names } = counted(stream)
  assert.equal(names.all().length, SLOTS)
  for (const { name, count, overAtMost } of names.all())
    assert.deepEqual([count, overAtMost], [truth.get(name), 0], JSON.stringify(name))
})

test('a name that is asked for often stays on top of any number of names that are asked for once', () => {
  const stream = Array.from({ length: 40_000 }, (_, i) => (i % 4 === 0 ? -1 - (i % 8) : i))
  const { truth, names } = counted(stream)
  const [first, second, third] = names.all()
  assert.deepEqual(new Set([first?.name, second?.name]), new Set([nameOf(-1), nameOf(-5)]))
  for (const one of [first, second]) assert.equal((one?.count ?? 0) - (one?.overAtMost ?? 0) <= 5000, true)
  assert.equal(truth.get(nameOf(-1)), 5000)
  // 30,000 names share the rest of the slots.
  assert.ok((third?.count ?? 0) < 100)
})

test('property: no count is too low or too high by more than is said, and no frequent name is missing', () => {
  // Skewed, as names are: small numbers come often.
  const number = fc.tuple(fc.nat(3000), fc.nat(3000), fc.nat(3000)).map((three) => Math.min(...three))
  fc.assert(
    fc.property(fc.array(number, { minLength: 1000, maxLength: 6000 }), (stream) => {
      const { truth, names } = counted(stream)
      const all = names.all()
      for (const { name, count, overAtMost } of all) {
        const real = truth.get(name) ?? 0
        assert.ok(count >= real && count - overAtMost <= real, `${name}: ${count} - ${overAtMost}, true ${real}`)
      }
      assert.equal(
        all.reduce((sum, { count }) => sum + count, 0),
        stream.length,
      )
      for (const [name, real] of truth)
        if (real > stream.length / SLOTS)
          assert.ok(
            all.some((one) => one.name === name),
            `${name}: ${real}`,
          )
    }),
    { numRuns: 40 },
  )
})
