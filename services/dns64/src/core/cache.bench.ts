/**
 * Memory of the cache: `node --expose-gc services/dns64/src/core/cache.bench.ts [names] [cacheMaxEntries]` puts so many
 * distinct names, an A and a made AAAA answer each, and prints resident memory beside what is configured.
 */
import { a, aaaa } from '../testkit/records.ts'
import { encodeQuery, encodeResponse } from '../testkit/script.ts'
import { answerOfBytes, Origin } from './answer.ts'
import { AnswerCache } from './cache.ts'
import { readMessage } from './message.ts'
import { makeQuestion } from './question.ts'
import { pooledCopy } from './wire.ts'

const names = Number(process.argv[2] ?? 1_000_000)
const maxEntries = Number(process.argv[3] ?? 100_000)
const NAME = 'n000000000.v4.example.net'
const template = (type: 'A' | 'AAAA'): Uint8Array =>
  encodeResponse(encodeQuery({ name: NAME, type }), {
    answers: [type === 'A' ? a(NAME, '192.0.2.1') : aaaa(NAME, '64:ff9b::c000:201')],
  })
const templates = { 1: template('A'), 28: template('AAAA') } as const

const cache = new AnswerCache(maxEntries)
const before = process.memoryUsage.rss()
let peak = before
for (let i = 0; i < names; i++) {
  for (const type of [1, 28] as const) {
    const bytes = new Uint8Array(templates[type])
    // In the question and, uncompressed, as the record's owner.
    const digits = String(i).padStart(9, '0')
    for (let d = 0; d < 9; d++) for (const at of [14, 14 + NAME.length + 2 + 4]) bytes[at + d] = digits.charCodeAt(d)
    const { qnameKey } = readMessage(bytes)
    const question = makeQuestion(qnameKey, type, 1, { dnssecOk: false, checkingDisabled: false, view: 0 })
    cache.put(question.key, answerOfBytes(pooledCopy(bytes), { origin: Origin.UPSTREAM, ttlS: 3600 }), 0)
  }
  if (i % 10_000 === 0) {
    peak = Math.max(peak, process.memoryUsage.rss())
    // As between two turns of the event loop.
    await new Promise((resolve) => setImmediate(resolve))
  }
}
const mb = (octets: number): string => `${Math.round(octets / 1e6)} MB`
process.stdout.write(
  `${names} distinct names, ${cache.size} answers kept, counted ${mb(cache.octets)}, configured ${mb(maxEntries * 1000)}; ` +
    `resident: peak ${mb(peak)}, of these ${mb(peak - before)} for the cache\n`,
)
