import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { bareAnswer, Origin } from './answer.ts'
import { AnswerCache } from './cache.ts'
import { keyOfText } from './name.ts'
import { makeQuestion } from './question.ts'
import { RCODE } from './wire.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/**
 * What is kept, inside and outside of the heap. Not resident memory: that has room for garbage, too, of which V8 makes as
 * much as it thinks right; `make bench-dns64` with `--names` measures it.
 */
const keptOctets = (): number => {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const PLAIN = { dnssecOk: false, checkingDisabled: false, view: 0 } as const
const nameOf = (i: number): string => `a-name-of-usual-length-${i}.example.net`

// Small answers run into the bound on their number, large ones into that on their octets.
for (const [kind, octets] of [
  ['small', 80],
  ['large', 900],
] as const) {
  test(`${kind} answers to 300,000 distinct names stay within the memory of 50,000`, async () => {
    // The cache of the test before is garbage once that has returned.
    await new Promise(setImmediate)
    const maxEntries = 50_000
    const answer = {
      ...bareAnswer({ nameKey: keyOfText('example'), type: 1, class: 1 }, 0, { origin: Origin.UPSTREAM, ttlS: 3600 }),
      bytes: Buffer.alloc(octets),
      ttlAt: [40, 60],
    }
    const before = keptOctets()
    const cache = new AnswerCache(maxEntries)
    const peaks: number[] = []
    for (let i = 0; i < 300_000; i++) {
      cache.put(makeQuestion(keyOfText(nameOf(i)), 28, 1, PLAIN).key, answer, 0)
      if (i % 50_000 === 49_999) peaks.push(keptOctets() - before)
    }
    const peak = Math.max(...peaks)
    // The program around it may take what it likes, but no more than a tenth beside the cache here.
    assert.ok(peak <= maxEntries * 1000 * 1.1, `${peak} octets more than before`)
    assert.ok(cache.octets <= maxEntries * 1000, `counted: ${cache.octets}`)
    assert.ok(cache.size >= maxEntries * 0.8, `only ${cache.size} answers are kept`)
  })
}

test('as the table grows, every answer and every denial stays findable, and what is removed is not', () => {
  const cache = new AnswerCache(10_000)
  const question = (i: number) => makeQuestion(keyOfText(nameOf(i)), 28, 1, PLAIN)
  const answerTo = (i: number) =>
    bareAnswer(question(i), i % 2 === 0 ? RCODE.NOERROR : RCODE.NXDOMAIN, { origin: Origin.UPSTREAM, ttlS: 60 + i })
  const isThere = (i: number): boolean => {
    const { key, nameKey } = question(i)
    const isDenied = cache.denialOf(nameKey, 0)?.answer.ttlS === 60 + i
    assert.equal(isDenied, cache.get(key, 0) !== undefined && i % 2 === 1, `the denial of name ${i}`)
    return cache.get(key, 0)?.answer.ttlS === 60 + i
  }
  let next = 0
  for (const count of [100, 257, 600, 1023, 1025, 3000]) {
    for (; next < count; next++) cache.put(question(next).key, answerTo(next), 0)
    assert.equal(cache.size, count)
    for (let i = 0; i < count; i++) assert.ok(isThere(i), `name ${i} of ${count}`)
  }
  cache.flush((_key, answer) => answer.ttlS % 3 === 0)
  for (; next < 5000; next++) cache.put(question(next).key, answerTo(next), 0)
  for (let i = 0; i < 5000; i++) assert.equal(isThere(i), i >= 3000 || i % 3 !== 0, `name ${i}`)
})
