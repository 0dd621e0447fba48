import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { bareAnswer, Origin } from './answer.ts'
import { AnswerCache } from './cache.ts'
import { keyOfText } from './name.ts'
import { makeQuestion } from './question.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Resident memory without what is only waiting for the garbage collector. */
const residentOctets = (): number => {
  collectGarbage()
  return process.memoryUsage.rss()
}

const PLAIN = { dnssecOk: false, checkingDisabled: false, view: 0 } as const
const nameOf = (i: number): string => `a-name-of-usual-length-${i}.example.net`

// Small answers run into the bound on their number, large ones into that on their octets.
for (const [kind, octets] of [
  ['small', 80],
  ['large', 900],
] as const) {
  test(`${kind} answers to 300,000 distinct names stay within the memory of 50,000`, () => {
    const maxEntries = 50_000
    const answer = {
      ...bareAnswer({ nameKey: keyOfText('example'), type: 1, class: 1 }, 0, { origin: Origin.UPSTREAM, ttlS: 3600 }),
      bytes: Buffer.alloc(octets),
      ttlAt: [40, 60],
    }
    const before = residentOctets()
    const cache = new AnswerCache(maxEntries)
    const peaks: number[] = []
    for (let i = 0; i < 300_000; i++) {
      cache.put(makeQuestion(keyOfText(nameOf(i)), 28, 1, PLAIN).key, answer, 0)
      if (i % 50_000 === 49_999) peaks.push(residentOctets() - before)
    }
    const peak = Math.max(...peaks)
    // The program around it may take what it likes, but no more than a tenth beside the cache here.
    assert.ok(peak <= maxEntries * 1000 * 1.1, `resident: ${peak} octets more than before`)
    assert.ok(cache.octets <= maxEntries * 1000, `counted: ${cache.octets}`)
    assert.ok(cache.size >= maxEntries * 0.8, `only ${cache.size} answers are kept`)
  })
}
