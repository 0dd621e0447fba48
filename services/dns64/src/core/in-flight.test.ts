import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { InFlight } from './in-flight.ts'

test('property: it is a Map, also when hashes meet and when it grows', () => {
  const operation = fc.record({
    key: fc.nat(300),
    kind: fc.constantFrom('add', 'add', 'remove', 'remove-other', 'clear'),
  })
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 600 }), fc.constantFrom(1, 7, 1024), (operations, spread) => {
      const table = new InFlight<number, { key: number }>((key) => key % spread)
      const model = new Map<number, { key: number }>()
      for (const [i, { key, kind }] of operations.entries()) {
        const known = model.get(key)
        assert.equal(table.get(key), known)
        if (kind === 'add' && known === undefined) {
          const value = { key }
          table.add(key, value)
          model.set(key, value)
        } else if (kind === 'remove' && known !== undefined) {
          assert.ok(table.remove(key, known))
          model.delete(key)
        } else if (kind === 'remove-other') assert.equal(table.remove(key, { key }), false)
        else if (kind === 'clear' && i % 50 === 0) {
          table.clear()
          model.clear()
        }
        assert.equal(table.size, model.size)
      }
      assert.deepEqual(new Set(table.values()), new Set(model.values()))
    }),
  )
})

test('what is over is garbage at once: minor collections are enough to be rid of it', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options?: { type: 'minor' }) => void
  const table = new InFlight<string, { load: number[] }>((key) => Number(key))
  const values: { load: number[] }[] = []
  const pass = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const value = { load: Array.from({ length: 100 }, () => 0.5) }
      table.add(String(i), value)
      values[i % 30] = value
      const oldest = i >= 29 ? values[(i + 1) % 30] : undefined
      if (oldest !== undefined) table.remove(String(i - 29), oldest)
      if (i % 1000 === 0) collect({ type: 'minor' })
    }
    table.clear()
  }
  pass(2000)
  collect()
  const before = getHeapStatistics().used_heap_size
  pass(50_000)
  collect({ type: 'minor' })
  collect({ type: 'minor' })
  const grown = getHeapStatistics().used_heap_size - before
  // 50,000 values of 800 octets went through; a Map keeps 14 MB of them.
  assert.ok(grown < 4_000_000, `${grown} octets are still there`)
})
