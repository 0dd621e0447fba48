import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { a, cname, soa, table } from '../testkit/records.ts'
import type { Outcome } from '../testkit/script.ts'
import { testSite, VirtualServer } from '../testkit/virtual-server.ts'
import { type Answer, bareAnswer, Origin } from './answer.ts'
import { AnswerCache } from './cache.ts'
import { keyOfText } from './name.ts'
import { makeQuestion } from './question.ts'

const PLAIN = { dnssecOk: false, checkingDisabled: false, view: 0 } as const
const keyOf = (name: string): string => makeQuestion(keyOfText(name), 1, 1, PLAIN).key
const answer = (ttlS: number): Answer =>
  bareAnswer({ nameKey: keyOfText('example'), type: 1, class: 1 }, 0, { origin: Origin.UPSTREAM, ttlS })

test('an entry lives for its TTL, not a second longer', () => {
  const cache = new AnswerCache(10)
  cache.put(keyOf('k'), answer(5), 100)
  assert.equal(cache.get(keyOf('k'), 100)?.storedAtS, 100)
  assert.ok(cache.get(keyOf('k'), 104))
  assert.equal(cache.get(keyOf('k'), 105), undefined)
})

test('TTL 0 is not kept, and a cache of 0 entries keeps nothing', () => {
  const cache = new AnswerCache(10)
  cache.put(keyOf('k'), answer(0), 100)
  assert.equal(cache.size, 0)
  const none = new AnswerCache(0)
  none.put(keyOf('k'), answer(9), 100)
  assert.equal(none.size, 0)
})

test('when full the oldest goes, one that was used gets a second chance', () => {
  const cache = new AnswerCache(3)
  for (const name of ['a', 'b', 'c']) cache.put(keyOf(name), answer(60), 0)
  cache.get(keyOf('a'), 1)
  cache.put(keyOf('d'), answer(60), 2)
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((name) => cache.get(keyOf(name), 3) !== undefined),
    [true, false, true, true],
  )
})

test('a smaller bound holds at once; replacing an entry counts it once', () => {
  const cache = new AnswerCache(100)
  for (let i = 0; i < 50; i++) cache.put(keyOf(String(i % 5)), answer(60), 0)
  assert.equal(cache.size, 5)
  cache.resize(2)
  assert.equal(cache.size, 2)
  assert.deepEqual(
    ['2', '3', '4'].map((name) => cache.get(keyOf(name), 1) !== undefined),
    [false, true, true],
  )
  cache.flush(() => true)
  assert.equal(cache.size, 0)
})

test('a larger bound keeps what is there, with its times, its use and who said so', () => {
  const cache = new AnswerCache(2)
  cache.put(keyOf('a'), { ...answer(60), upstream: '192.0.2.53#53', extendedError: 3, authentic: true }, 10)
  cache.get(keyOf('a'), 11)
  cache.postponeRetry(keyOf('a'), 77)
  const before = cache.peek(keyOf('a'))
  cache.resize(100_000)
  assert.deepEqual(cache.peek(keyOf('a')), before)
  assert.deepEqual([before?.hits, before?.retryAtS, before?.expiresAtS], [1, 77, 70])
})

/** Tables and two segments of 16 KiB. */
const LEAST_OCTETS = 2 * 16_384 + 1024

test('property: what is found is what was put last, and neither entries nor octets exceed the bound', () => {
  const operation = fc.record({
    key: fc.nat(60),
    ttlS: fc.integer({ min: 1, max: 20 }),
    octets: fc.nat(4000),
    get: fc.boolean(),
  })
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.array(operation, { minLength: 50, maxLength: 300 }),
      (max, operations) => {
        const cache = new AnswerCache(max)
        const model = new Map<string, { put: Answer; atS: number }>()
        for (const [i, { key, ttlS, octets, get }] of operations.entries()) {
          const name = String(key)
          if (get) {
            const found = cache.get(keyOf(name), i)
            if (found === undefined) continue
            const put = model.get(name)
            assert.deepEqual([found.answer, found.storedAtS], [put?.put, put?.atS])
            assert.ok(found.expiresAtS > i)
          } else {
            const bytes = Buffer.alloc(octets, i)
            const one: Answer = { ...answer(ttlS), bytes, ttlAt: [octets, i] }
            cache.put(keyOf(name), one, i)
            model.set(name, { put: one, atS: i })
            // What has just come is there.
            assert.deepEqual(cache.peek(keyOf(name))?.answer, one)
          }
          assert.ok(cache.size <= max)
          assert.ok(cache.octets <= Math.max(max * 1000, LEAST_OCTETS), `${cache.octets} octets for ${max} entries`)
        }
        cache.flush(() => true)
        assert.equal(cache.size, 0)
        for (const name of model.keys()) assert.equal(cache.peek(keyOf(name)), undefined)
      },
    ),
  )
})

test('answers that are renewed again and again take no more room than a few of them', () => {
  const cache = new AnswerCache(100_000)
  for (let i = 0; i < 200_000; i++) cache.put(keyOf(String(i % 20)), answer(60), i)
  assert.equal(cache.size, 20)
  // The tables, and three segments of a megabyte at most.
  assert.ok(cache.octets <= 2 * 4 * 131_072 + 3 * 1_048_576, `${cache.octets} octets`)
  assert.equal(cache.get(keyOf('7'), 199_999)?.storedAtS, 199_987)
})

test('an answer that is larger than a segment is not kept, and one that was there is gone', () => {
  const cache = new AnswerCache(10)
  cache.put(keyOf('a'), answer(60), 0)
  cache.put(keyOf('a'), { ...answer(60), bytes: Buffer.alloc(60_000) }, 0)
  assert.equal(cache.get(keyOf('a'), 0), undefined)
  const large = new AnswerCache(10_000)
  large.put(
    keyOf('a'),
    { ...answer(60), bytes: Buffer.alloc(65_535), ttlAt: Array.from({ length: 5957 }, (_, i) => 12 + i * 11) },
    0,
  )
  assert.equal(large.get(keyOf('a'), 0)?.answer.ttlAt.at(-1), 12 + 5956 * 11)
})

const NAME = 'host.example.net'

/** Asks, lets time pass, asks again: how often the upstream was asked and what the second reply says. */
const twice = async (outcome: Outcome, seconds: number, type = 'A') => {
  const server = new VirtualServer({ scripts: table({ [`${NAME} ${type}`]: outcome }) })
  await server.ask({ name: NAME, type })
  await server.advance(seconds * 1000)
  const response = await server.ask({ name: NAME, type })
  return { asked: server.heard.length, response }
}

const ROWS: {
  rule: string
  outcome: Outcome
  seconds: number
  asked: number
  answer?: string[]
  authority?: string[]
}[] = [
  {
    rule: 'TTL counts down',
    outcome: { answers: [a(NAME, '192.0.2.1', 60)] },
    seconds: 59,
    asked: 1,
    answer: [`${NAME}. 1 A 192.0.2.1`],
  },
  {
    rule: 'after the TTL it is asked again',
    outcome: { answers: [a(NAME, '192.0.2.1', 60)] },
    seconds: 60,
    asked: 2,
    answer: [`${NAME}. 60 A 192.0.2.1`],
  },
  {
    rule: 'TTL 0 is for this once',
    outcome: { answers: [a(NAME, '192.0.2.1', 0)] },
    seconds: 0,
    asked: 2,
    answer: [`${NAME}. 0 A 192.0.2.1`],
  },
  {
    rule: 'the shortest TTL of a chain counts',
    outcome: { answers: [cname(NAME, 'x.example.net', 30), a('x.example.net', '192.0.2.1', 60)] },
    seconds: 30,
    asked: 2,
    answer: [`${NAME}. 30 CNAME x.example.net.`, 'x.example.net. 60 A 192.0.2.1'],
  },
  {
    rule: 'RFC 2308 §5: NXDOMAIN for the SOA’s MINIMUM',
    outcome: { rcode: 3, authorities: [soa('example.net', 900, 60)] },
    seconds: 59,
    asked: 1,
    answer: [],
    authority: ['example.net. 1 SOA ns.example.net.'],
  },
  {
    rule: 'RFC 2308 §5: NXDOMAIN for the SOA’s TTL',
    outcome: { rcode: 3, authorities: [soa('example.net', 60, 900)] },
    seconds: 60,
    asked: 2,
    answer: [],
    authority: ['example.net. 60 SOA ns.example.net.'],
  },
  {
    rule: 'RFC 2308 §2.2: NODATA likewise',
    outcome: { authorities: [soa('example.net', 60, 900)] },
    seconds: 59,
    asked: 1,
    answer: [],
    authority: ['example.net. 1 SOA ns.example.net.'],
  },
  { rule: 'RFC 2308 §5: a denial without SOA is not kept', outcome: { rcode: 3 }, seconds: 0, asked: 2, answer: [] },
  {
    rule: 'a denial lives three hours at most',
    outcome: { rcode: 3, authorities: [soa('example.net', 99_999, 99_999)] },
    seconds: 10_800,
    asked: 2,
    answer: [],
    authority: ['example.net. 86400 SOA ns.example.net.'],
  },
  {
    rule: 'an answer lives a day at most',
    outcome: { answers: [a(NAME, '192.0.2.1', 999_999)] },
    seconds: 86_399,
    asked: 1,
    answer: [`${NAME}. 1 A 192.0.2.1`],
  },
  {
    rule: 'RFC 9520 §3.2: a failure is remembered for a second',
    outcome: { rcode: 2 },
    seconds: 0,
    asked: 1,
    answer: [],
  },
  { rule: 'RFC 9520 §3.2: and forgotten then', outcome: { rcode: 2 }, seconds: 1, asked: 2, answer: [] },
]
for (const row of ROWS) {
  test(row.rule, async () => {
    const { asked, response } = await twice(row.outcome, row.seconds)
    assert.equal(asked, row.asked)
    assert.deepEqual(response.answer, row.answer)
    assert.deepEqual(response.authority, row.authority ?? [])
  })
}

test('DO and CD make another question; letters, RD and EDNS do not', async () => {
  const server = new VirtualServer({
    scripts: table({
      [`${NAME} A`]: { answers: [a(NAME, '192.0.2.1')] },
      'HOST.example.net A': { answers: [a('HOST.example.net', '192.0.2.1')] },
    }),
  })
  const ask = (over: object) => server.ask({ name: NAME, type: 'A', ...over })
  await ask({})
  await ask({ name: 'HOST.example.net' })
  await ask({ edns: { size: 4096 } })
  await ask({ recursionDesired: false })
  assert.equal(server.heard.length, 1)
  await ask({ edns: { dnssecOk: true } })
  await ask({ checkingDisabled: true })
  await ask({ edns: { dnssecOk: true }, checkingDisabled: true })
  assert.equal(server.heard.length, 4)
})

test('a synthesised answer is kept too, counted down, and A with it', async () => {
  const server = new VirtualServer({
    scripts: table({
      [`${NAME} AAAA`]: { authorities: [soa('example.net')] },
      [`${NAME} A`]: { answers: [a(NAME, '192.0.2.1', 60)] },
    }),
  })
  await server.ask({ name: NAME, type: 'AAAA' })
  await server.advance(10_000)
  assert.deepEqual((await server.ask({ name: NAME, type: 'AAAA' })).answer, [`${NAME}. 50 AAAA 64:ff9b::c000:201`])
  assert.deepEqual((await server.ask({ name: NAME, type: 'A' })).answer, [`${NAME}. 50 A 192.0.2.1`])
  assert.equal(server.heard.length, 2)
})

test('an A answer from the cache serves synthesis with the time it has left', async () => {
  const server = new VirtualServer({
    scripts: table({
      [`${NAME} AAAA`]: { authorities: [soa('example.net')] },
      [`${NAME} A`]: { answers: [a(NAME, '192.0.2.1', 60)] },
    }),
  })
  await server.ask({ name: NAME, type: 'A' })
  await server.advance(45_000)
  assert.deepEqual((await server.ask({ name: NAME, type: 'AAAA' })).answer, [`${NAME}. 15 AAAA 64:ff9b::c000:201`])
  assert.deepEqual(server.questions, [`${NAME} A`, `${NAME} AAAA`])
})

test('a new document flushes what it changes, and only that', async () => {
  const { makePolicy } = await import('./policy.ts')
  const { UpstreamPool } = await import('./upstreams.ts')
  const server = new VirtualServer({
    scripts: table({
      [`${NAME} AAAA`]: { authorities: [soa('example.net')] },
      [`${NAME} A`]: { answers: [a(NAME, '192.0.2.1', 60)] },
    }),
  })
  const { upstreams, forwards } = server.resolver.snapshot
  await server.ask({ name: NAME, type: 'AAAA' })
  await server.ask({ name: 'ipv4only.arpa', type: 'AAAA' })

  server.resolver.use({
    policy: makePolicy(testSite({ pref64: ['2001:db8::/96'] }), { hasIp6Uplink: true, hasPrivateUpstream: false }),
    upstreams,
    forwards,
  })
  assert.deepEqual((await server.ask({ name: NAME, type: 'AAAA' })).answer, [`${NAME}. 60 AAAA 2001:db8::c000:201`])
  assert.equal(
    (await server.ask({ name: 'ipv4only.arpa', type: 'AAAA' })).answer[0],
    'ipv4only.arpa. 600 AAAA 2001:db8::c000:aa',
  )
  // AAAA was asked again, A came from the cache.
  assert.deepEqual(server.questions, [`${NAME} AAAA`, `${NAME} A`, `${NAME} AAAA`])

  server.resolver.use({
    policy: server.resolver.snapshot.policy,
    upstreams: new UpstreamPool([{ address: '192.0.2.53', port: 53 }]),
    forwards,
  })
  await server.ask({ name: NAME, type: 'A' })
  assert.equal(server.questions.at(-1), `${NAME} A`)
  assert.equal(server.heard.length, 4)
})

test('an answer that a newer document overtook is given to those who wait, and not kept', async () => {
  const { makePolicy } = await import('./policy.ts')
  const server = new VirtualServer({
    scripts: table({
      [`${NAME} AAAA`]: { authorities: [soa('example.net')], afterMs: 50 },
      [`${NAME} A`]: { answers: [a(NAME, '192.0.2.1', 60)], afterMs: 50 },
    }),
  })
  const waiting = server.ask({ name: NAME, type: 'AAAA' })
  server.resolver.use({
    ...server.resolver.snapshot,
    policy: makePolicy(testSite({ pref64: ['2001:db8::/96'] }), { hasIp6Uplink: true, hasPrivateUpstream: false }),
  })
  assert.deepEqual((await waiting).answer, [`${NAME}. 60 AAAA 64:ff9b::c000:201`])
  assert.deepEqual((await server.ask({ name: NAME, type: 'AAAA' })).answer, [`${NAME}. 60 AAAA 2001:db8::c000:201`])
})
