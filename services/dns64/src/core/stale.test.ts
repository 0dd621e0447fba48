import assert from 'node:assert/strict'
import { test } from 'node:test'
import { a, aaaa, soa, table } from '../testkit/records.ts'
import { encodeQuery, type Outcome, type QuerySpec } from '../testkit/script.ts'
import { VirtualServer } from '../testkit/virtual-server.ts'

const NAME = 'host.example.net'
const GOOD: Outcome = { answers: [a(NAME, '192.0.2.1', 60)] }
const RENEWED: Outcome = { answers: [a(NAME, '192.0.2.2', 60)] }

/** A server that has an answer to A whose time is over by `seconds`, and an upstream that does `later` from now on. */
const withStale = async (later: Outcome | undefined, seconds = 0, first: Outcome = GOOD) => {
  const server = new VirtualServer({ scripts: () => first })
  await server.ask({ name: NAME, type: 'A' })
  await server.advance((60 + seconds) * 1000)
  if (later === undefined) delete server.scripts['192.0.2.53#53']
  else server.scripts['192.0.2.53#53'] = () => later
  server.heard.length = 0
  const ask = async () => {
    const startMs = server.nowMs
    const response = await server.ask({ name: NAME, type: 'A' })
    return { rcode: response.rcode, answer: response.answer, tookMs: server.nowMs - startMs }
  }
  return { server, ask }
}

const STALE = [`${NAME}. 30 A 192.0.2.1`]

const ROWS: {
  rule: string
  later: Outcome | undefined
  seconds?: number
  rcode?: number
  answer: string[]
  tookMs: number
}[] = [
  { rule: 'silence: the stale answer after 1.8 s, TTL 30', later: 'silence', answer: STALE, tookMs: 1800 },
  { rule: 'an unreachable upstream: at once', later: undefined, answer: STALE, tookMs: 0 },
  { rule: 'SERVFAIL: at once', later: { rcode: 2 }, answer: STALE, tookMs: 0 },
  { rule: 'REFUSED: at once', later: { rcode: 5 }, answer: STALE, tookMs: 0 },
  { rule: 'a good answer replaces it', later: RENEWED, answer: [`${NAME}. 60 A 192.0.2.2`], tookMs: 0 },
  {
    rule: 'so does a slow one within 1.8 s',
    later: { ...(RENEWED as object), afterMs: 1700 },
    answer: [`${NAME}. 60 A 192.0.2.2`],
    tookMs: 1700,
  },
  {
    rule: 'so does NXDOMAIN: the name is gone',
    later: { rcode: 3, authorities: [soa('example.net')] },
    rcode: 3,
    answer: [],
    tookMs: 0,
  },
  { rule: 'after a day it is no longer given', later: undefined, seconds: 86_400, rcode: 2, answer: [], tookMs: 0 },
  { rule: 'a second before it still is', later: undefined, seconds: 86_399, answer: STALE, tookMs: 0 },
]
for (const row of ROWS) {
  test(`RFC 8767 ${row.rule}`, async () => {
    const { server, ask } = await withStale(row.later, row.seconds)
    assert.deepEqual(await ask(), { rcode: row.rcode ?? 0, answer: row.answer, tookMs: row.tookMs })
    assert.equal(server.counters.stale_total, row.answer === STALE ? 1 : 0)
    assert.deepEqual(server.defects, [])
  })
}

test('RFC 8767 §5: a failed renewal is not repeated for 30 s; recovery is seen then', async () => {
  const { server, ask } = await withStale({ rcode: 2 })
  await ask()
  const asked = server.heard.length
  await server.advance(29_000)
  assert.deepEqual(await ask(), { rcode: 0, answer: STALE, tookMs: 0 })
  assert.equal(server.heard.length, asked)
  server.scripts['192.0.2.53#53'] = () => RENEWED
  await server.advance(1000)
  assert.deepEqual((await ask()).answer, [`${NAME}. 60 A 192.0.2.2`])
})

test('an answer that comes after the stale one was given is kept for the next', async () => {
  const { server, ask } = await withStale({ ...(RENEWED as object), afterMs: 2500 })
  assert.deepEqual(await ask(), { rcode: 0, answer: STALE, tookMs: 1800 })
  await server.advance(1000)
  assert.deepEqual(await ask(), { rcode: 0, answer: [`${NAME}. 60 A 192.0.2.2`], tookMs: 0 })
})

for (const [rule, first, code] of [
  ['§4.4: a stale answer says so', GOOD, 3],
  ['§4.20: a stale denial says so', { rcode: 3, authorities: [soa('example.net', 60, 60)] }, 19],
] as const)
  test(`RFC 8914 ${rule}`, async () => {
    const { server } = await withStale(undefined, 0, first)
    const bytes = await server.askBytes(encodeQuery({ name: NAME, type: 'A', edns: {} }))
    assert.deepEqual([...bytes.subarray(-6)], [0, 15, 0, 2, 0, code])
  })

test('made records go stale like others', async () => {
  const server = new VirtualServer({
    scripts: table({ [`${NAME} AAAA`]: { authorities: [soa('example.net')] }, [`${NAME} A`]: GOOD }),
  })
  await server.ask({ name: NAME, type: 'AAAA' })
  await server.advance(61_000)
  delete server.scripts['192.0.2.53#53']
  assert.deepEqual((await server.ask({ name: NAME, type: 'AAAA' })).answer, [`${NAME}. 30 AAAA 64:ff9b::c000:201`])
})

const NXDOMAIN: Outcome = { rcode: 3, authorities: [soa('example.net', 300, 300)] }

/** Asks for names of `gone.example.net` after that name was denied. */
const DENIED: { rule: string; query: QuerySpec; asked: number; rcode: number; first?: Outcome }[] = [
  { rule: 'another type of the name', query: { name: 'gone.example.net', type: 'MX' }, asked: 0, rcode: 3 },
  { rule: 'AAAA of the name', query: { name: 'gone.example.net', type: 'AAAA' }, asked: 0, rcode: 3 },
  { rule: 'a name below', query: { name: 'a.b.gone.example.net', type: 'A' }, asked: 0, rcode: 3 },
  { rule: 'not a name beside it', query: { name: 'agone.example.net', type: 'MX' }, asked: 1, rcode: 3 },
  { rule: 'not the name above', query: { name: 'example.net', type: 'MX' }, asked: 1, rcode: 3 },
  {
    rule: 'not for those who want proof',
    query: { name: 'a.gone.example.net', type: 'A', edns: { dnssecOk: true } },
    asked: 1,
    rcode: 3,
  },
  {
    rule: 'RFC 6604 §3: NXDOMAIN behind a CNAME denies another name',
    query: { name: 'gone.example.net', type: 'MX' },
    first: {
      rcode: 3,
      answers: [{ type: 'CNAME', name: 'gone.example.net', data: 'x.example.net', ttl: 60 }],
      authorities: [soa('example.net')],
    },
    asked: 1,
    rcode: 3,
  },
  {
    rule: 'NODATA denies no name',
    query: { name: 'a.gone.example.net', type: 'A' },
    first: { authorities: [soa('example.net')] },
    asked: 1,
    rcode: 3,
  },
]
for (const row of DENIED) {
  test(`RFC 8020 §2 ${row.rule}`, async () => {
    const server = new VirtualServer({ scripts: table({ 'gone.example.net A': row.first ?? NXDOMAIN }) })
    await server.ask({ name: 'gone.example.net', type: 'A' })
    await server.advance(10_000)
    server.heard.length = 0
    const response = await server.ask(row.query)
    assert.deepEqual([server.heard.length, response.rcode], [row.asked, row.rcode])
    if (row.asked === 0) assert.deepEqual(response.authority, ['example.net. 290 SOA ns.example.net.'])
  })
}

test('RFC 8020: the denial ends with its TTL, and what is cached in its own right goes first', async () => {
  const server = new VirtualServer({
    scripts: table({
      'gone.example.net A': NXDOMAIN,
      'x.gone.example.net AAAA': { answers: [aaaa('x.gone.example.net', '2001:db8::1', 900)] },
    }),
  })
  await server.ask({ name: 'x.gone.example.net', type: 'AAAA' })
  await server.ask({ name: 'gone.example.net', type: 'A' })
  assert.equal((await server.ask({ name: 'x.gone.example.net', type: 'AAAA' })).rcode, 0)
  await server.advance(300_000)
  server.heard.length = 0
  await server.ask({ name: 'y.gone.example.net', type: 'A' })
  assert.equal(server.heard.length, 1)
})
