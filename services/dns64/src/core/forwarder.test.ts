import assert from 'node:assert/strict'
import { test } from 'node:test'
import { a, table } from '../testkit/records.ts'
import type { Outcome, Script } from '../testkit/script.ts'
import { testSite, VirtualServer } from '../testkit/virtual-server.ts'
import { probe } from './forwarder.ts'

const NAME = 'host.example.net'
const GOOD: Outcome = { answers: [a(NAME, '192.0.2.1')] }
const ONE = '192.0.2.53#53'
const TWO = '192.0.2.54#53'

const serverWith = (...outcomes: (Outcome | Script | undefined)[]): VirtualServer => {
  const scripts: Record<string, Script> = {}
  const upstreams = outcomes.map((outcome, i) => {
    const address = `192.0.2.${53 + i}`
    if (outcome !== undefined) scripts[`${address}#53`] = typeof outcome === 'function' ? outcome : () => outcome
    return address
  })
  return new VirtualServer({ scripts, site: testSite({ dns64: { upstreams } }) })
}

/** Who was asked when, as `192.0.2.53#53 +800`. */
const trail = (server: VirtualServer, startMs: number): string[] =>
  server.heard.map(
    (h) => `${h.upstream}${h.transport === 'tcp' ? ' tcp' : ''}${h.edns ? '' : ' plain'} +${h.atMs - startMs}`,
  )

const ROWS: {
  rule: string
  outcomes: (Outcome | Script | undefined)[]
  rcode: number
  tookMs: number
  trail: string[]
}[] = [
  {
    rule: 'the first upstream of the document is asked',
    outcomes: [GOOD, GOOD],
    rcode: 0,
    tookMs: 0,
    trail: [`${ONE} +0`],
  },
  {
    rule: 'a silent one: the next after 0.8 s',
    outcomes: ['silence', GOOD],
    rcode: 0,
    tookMs: 800,
    trail: [`${ONE} +0`, `${TWO} +800`],
  },
  {
    rule: 'an unreachable one: the next at once',
    outcomes: [undefined, GOOD],
    rcode: 0,
    tookMs: 0,
    trail: [`${TWO} +0`],
  },
  {
    rule: 'SERVFAIL: the next at once',
    outcomes: [{ rcode: 2 }, GOOD],
    rcode: 0,
    tookMs: 0,
    trail: [`${ONE} +0`, `${TWO} +0`],
  },
  {
    rule: 'REFUSED: the next at once',
    outcomes: [{ rcode: 5 }, GOOD],
    rcode: 0,
    tookMs: 0,
    trail: [`${ONE} +0`, `${TWO} +0`],
  },
  { rule: 'NXDOMAIN is an answer', outcomes: [{ rcode: 3 }, GOOD], rcode: 3, tookMs: 0, trail: [`${ONE} +0`] },
  {
    rule: 'garbage: the next at once',
    outcomes: [{ bytesAfterId: brokenOff(0x81) }, GOOD],
    rcode: 0,
    tookMs: 0,
    trail: [`${ONE} +0`, `${TWO} +0`],
  },
  {
    rule: 'all SERVFAIL: SERVFAIL',
    outcomes: [{ rcode: 2 }, { rcode: 2 }],
    rcode: 2,
    tookMs: 0,
    trail: [`${ONE} +0`, `${TWO} +0`],
  },
  {
    rule: 'an error is kept while the other is silent',
    outcomes: [{ rcode: 5 }, 'silence'],
    rcode: 5,
    tookMs: 1200,
    trail: [`${ONE} +0`, `${TWO} +0`],
  },
  {
    rule: 'one that is silent is asked three times, with 4.5 s for all',
    outcomes: ['silence'],
    rcode: 2,
    tookMs: 4500,
    trail: [`${ONE} +0`, `${ONE} +800`, `${ONE} +2000`],
  },
  { rule: 'nobody reachable: SERVFAIL at once', outcomes: [undefined], rcode: 2, tookMs: 0, trail: [] },
  {
    rule: 'a late answer counts although the next was asked',
    outcomes: [{ ...GOOD, afterMs: 1000 }, 'silence'],
    rcode: 0,
    tookMs: 1000,
    trail: [`${ONE} +0`, `${TWO} +800`],
  },
  {
    rule: 'RFC 1035 §4.2.2, RFC 7766 §5: a truncated answer is asked again over TCP',
    outcomes: [(asked) => (asked.transport === 'udp' ? { truncated: true } : GOOD)],
    rcode: 0,
    tookMs: 0,
    trail: [`${ONE} +0`, `${ONE} tcp +0`],
  },
  {
    rule: 'RFC 2181 §9: also when it breaks off in the middle of a record',
    outcomes: [(asked) => (asked.transport === 'udp' ? { bytesAfterId: brokenOff(0x83) } : GOOD)],
    rcode: 0,
    tookMs: 0,
    trail: [`${ONE} +0`, `${ONE} tcp +0`],
  },
  {
    rule: 'RFC 6891 §7: FORMERR without OPT: the same without EDNS',
    outcomes: [(asked) => (asked.edns ? { rcode: 1, edns: false } : GOOD)],
    rcode: 0,
    tookMs: 0,
    trail: [`${ONE} +0`, `${ONE} plain +0`],
  },
  {
    rule: 'RFC 6891 §7: FORMERR that is a bare header',
    outcomes: [(asked) => (asked.edns ? { bytesAfterId: Uint8Array.of(0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0) } : GOOD)],
    rcode: 0,
    tookMs: 0,
    trail: [`${ONE} +0`, `${ONE} plain +0`],
  },
  {
    rule: 'a bare FORMERR to a plain query too: SERVFAIL',
    outcomes: [{ bytesAfterId: Uint8Array.of(0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0) }],
    rcode: 2,
    tookMs: 0,
    trail: [`${ONE} +0`, `${ONE} plain +0`, `${ONE} plain +0`, `${ONE} plain +0`],
  },
  {
    rule: 'RFC 5452 §9: wrong id, wrong question, a query and noise are waited past',
    outcomes: [{ ...GOOD, decoys: ['wrong-id', 'wrong-question', 'query', 'short', 'noise'] }],
    rcode: 0,
    tookMs: 0,
    trail: [`${ONE} +0`],
  },
]

/** Fits the query and breaks off in its first record; `flags`: the upper octet. */
function brokenOff(flags: number): Uint8Array {
  const question = [4, ...Buffer.from('host'), 7, ...Buffer.from('example'), 3, ...Buffer.from('net'), 0, 0, 1, 0, 1]
  return Uint8Array.of(flags, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, ...question, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1)
}

for (const row of ROWS) {
  test(row.rule, async () => {
    const server = serverWith(...row.outcomes)
    const startMs = server.nowMs
    const response = await server.ask({ name: NAME, type: 'A' })
    assert.equal(response.rcode, row.rcode)
    assert.equal(server.nowMs - startMs, row.tookMs)
    assert.deepEqual(trail(server, startMs), row.trail)
    assert.deepEqual(server.defects, [])
  })
}

test('an upstream with protocol tcp is asked over nothing else, in plain letters, and not trusted', async () => {
  const site = testSite({ dns64: { upstreams: [{ address: '192.0.2.53', protocol: 'tcp' }] } })
  const server = new VirtualServer({
    scripts: { 'tcp:192.0.2.53#53': () => ({ answers: [a(NAME, '192.0.2.1')], authenticData: true }) },
    site,
  })
  server.caseBits = 0xffff_ffff
  const response = await server.ask({ name: NAME, type: 'A', authenticData: true })
  assert.deepEqual(response.answer, [`${NAME}. 300 A 192.0.2.1`])
  assert.equal(response.flags, 'QR RD RA')
  assert.deepEqual(
    server.heard.map((h) => `${h.letters} ${h.transport}`),
    [`${NAME} tcp`],
  )
  assert.equal(server.counters.upstream_tcp_total, 1)
})

test('mismatching packets are counted', async () => {
  const server = serverWith({ ...GOOD, decoys: ['wrong-id', 'wrong-id', 'noise'] })
  await server.ask({ name: NAME, type: 'A' })
  assert.equal(server.counters.upstream_mismatched_total, 3)
})

test('an upstream that refused EDNS is asked without it for a quarter of an hour', async () => {
  const server = serverWith((asked) =>
    asked.edns ? { rcode: 1, edns: false } : { answers: [a(NAME, '192.0.2.1', 1)] },
  )
  for (let i = 0; i < 3; i++) {
    await server.ask({ name: NAME, type: 'A' })
    await server.advance(400_000)
  }
  assert.deepEqual(
    server.heard.map((h) => h.edns),
    [true, false, false, false],
  )
  await server.advance(400_000)
  await server.ask({ name: NAME, type: 'A' })
  assert.equal(server.heard.at(-2)?.edns, true)
})

test('equal questions under way are asked once, and everyone gets their own reply', async () => {
  const server = serverWith({ ...GOOD, afterMs: 100 })
  const replies = await Promise.all([1, 2, 3].map((id) => server.ask({ name: NAME, type: 'A', id })))
  assert.deepEqual(
    replies.map((r) => [r.id, r.answer.length]),
    [
      [1, 1],
      [2, 1],
      [3, 1],
    ],
  )
  assert.equal(server.heard.length, 1)
  assert.equal(server.counters.deduplicated_total, 2)
})

test('a client asking A and AAAA at once costs two upstream queries', async () => {
  const server = new VirtualServer({
    scripts: table({
      [`${NAME} A`]: { answers: [a(NAME, '192.0.2.1')], afterMs: 20 },
      [`${NAME} AAAA`]: { afterMs: 20 },
    }),
  })
  const [v4, v6] = await Promise.all([server.ask({ name: NAME, type: 'A' }), server.ask({ name: NAME, type: 'AAAA' })])
  assert.deepEqual([v4.answer.length, v6.answer.length, server.heard.length], [1, 1, 2])
})

test('queries carry RD and fresh ids', async () => {
  const server = serverWith('silence', 'silence', 'silence')
  await server.ask({ name: NAME, type: 'A' })
  assert.ok(server.heard.every((h) => h.recursionDesired))
  assert.equal(new Set(server.heard.map((h) => h.id)).size, server.heard.length)
})

test('at 2000 questions under way the next one is SERVFAIL at once', async () => {
  const server = serverWith('silence')
  const { encodeQuery } = await import('../testkit/script.ts')
  for (let i = 0; i < 2000; i++) server.send(encodeQuery({ name: `n${i}.example.net`, type: 'A' }))
  const startMs = server.nowMs
  const response = await server.ask({ name: NAME, type: 'A' })
  assert.deepEqual([response.rcode, server.nowMs - startMs], [2, 0])
  assert.equal(server.counters.overload_total, 1)
})

test('health: silence to questions makes an upstream the last choice, unanswered probes make it failing', async () => {
  const server = serverWith('silence', GOOD)
  const pool = server.resolver.snapshot.upstreams
  for (let i = 0; i < 3; i++) await server.ask({ name: `n${i}.example.net`, type: 'A' }).catch(() => {})
  const [first] = pool.members
  assert.ok(first)
  assert.deepEqual([first.failures, first.failing], [3, false])
  assert.deepEqual(
    pool.order().map((m) => m.upstream.address),
    ['192.0.2.54', '192.0.2.53'],
  )

  for (let i = 0; i < 2; i++) {
    assert.deepEqual(
      pool.dueForProbe(server.nowMs).map((m) => m.upstream.address),
      ['192.0.2.53'],
    )
    const probing = probe(server.ports, first)
    await server.advance(1500)
    await probing
    assert.deepEqual(pool.dueForProbe(server.nowMs), [])
    await server.advance(500)
  }
  assert.equal(first.failing, true)
  assert.equal(pool.allFailing, false)

  server.scripts[ONE] = () => ({ rcode: 5 })
  await Promise.all([probe(server.ports, first), server.advance(1)])
  assert.deepEqual([first.failing, first.failures, first.silentSinceMs], [false, 0, undefined])
})

test('health: what the network calls unreachable is failing at once, and works again with the first answer', async () => {
  const server = serverWith(undefined)
  const pool = server.resolver.snapshot.upstreams
  assert.equal(pool.allFailing, false)
  await server.ask({ name: NAME, type: 'A' })
  assert.equal(pool.allFailing, true)
  assert.equal(pool.members[0]?.lastError, 'connection refused')
  server.scripts[ONE] = () => GOOD
  await server.advance(1000)
  assert.equal((await server.ask({ name: NAME, type: 'A' })).rcode, 0)
  assert.equal(pool.allFailing, false)
})
