import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { a, cname, soa, table } from '../testkit/records.ts'
import type { Outcome } from '../testkit/script.ts'
import { testSite, VirtualServer } from '../testkit/virtual-server.ts'
import { type Answer, bareAnswer, Origin } from './answer.ts'
import { AnswerCache } from './cache.ts'
import { keyOfText } from './name.ts'

const answer = (ttlS: number): Answer =>
  bareAnswer({ nameKey: keyOfText('example'), type: 1, class: 1 }, 0, { origin: Origin.UPSTREAM, ttlS })

test('an entry lives for its TTL, not a second longer', () => {
  const cache = new AnswerCache(10)
  cache.put('k', answer(5), 100)
  assert.equal(cache.get('k', 100)?.storedAtS, 100)
  assert.ok(cache.get('k', 104))
  assert.equal(cache.get('k', 105), undefined)
})

test('TTL 0 is not kept, and a cache of 0 entries keeps nothing', () => {
  const cache = new AnswerCache(10)
  cache.put('k', answer(0), 100)
  assert.equal(cache.size, 0)
  const none = new AnswerCache(0)
  none.put('k', answer(9), 100)
  assert.equal(none.size, 0)
})

test('when full the oldest goes, one that was used gets a second chance', () => {
  const cache = new AnswerCache(3)
  for (const key of ['a', 'b', 'c']) cache.put(key, answer(60), 0)
  cache.get('a', 1)
  cache.put('d', answer(60), 2)
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((key) => cache.get(key, 3) !== undefined),
    [true, false, true, true],
  )
})

test('a smaller bound holds at once; replacing an entry counts it once', () => {
  const cache = new AnswerCache(100)
  for (let i = 0; i < 50; i++) cache.put(String(i % 5), answer(60), 0)
  assert.equal(cache.size, 5)
  cache.resize(2)
  assert.equal(cache.size, 2)
  cache.flush(() => true)
  assert.deepEqual([cache.size, cache.octets], [0, 0])
})

test('property: never more entries or octets than allowed, and the octets add up', () => {
  const operation = fc.record({ key: fc.nat(40), ttlS: fc.nat(20), get: fc.boolean() })
  fc.assert(
    fc.property(fc.nat(12), fc.array(operation, { maxLength: 200 }), (max, operations) => {
      const cache = new AnswerCache(max)
      for (const [i, { key, ttlS, get }] of operations.entries()) {
        if (get) cache.get(String(key), i)
        else cache.put(String(key), answer(ttlS), i)
        assert.ok(cache.size <= max)
        assert.ok(cache.octets <= max * 1000)
      }
      cache.flush(() => true)
      assert.equal(cache.octets, 0)
    }),
  )
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
  assert.deepEqual(server.questions, [`${NAME} A`, `${NAME} AAAA`, `${NAME} AAAA`])

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
