import assert from 'node:assert/strict'
import { test } from 'node:test'
import { a, aaaa, soa, table } from '../testkit/records.ts'
import { encodeQuery } from '../testkit/script.ts'
import { CLIENT, testSite, VirtualServer } from '../testkit/virtual-server.ts'
import { answerQueries, answerTopNames, type ToldQuery } from '../query-questions.ts'
import { textOfKey } from './name.ts'
import { KEPT_QUERIES } from './query-log.ts'

const SCRIPT = table({
  'v4.example.net A': { answers: [a('v4.example.net', '192.0.2.33', 100)], afterMs: 30 },
  'v4.example.net AAAA': { authorities: [soa('example.net')] },
  'six.example.net AAAA': { answers: [aaaa('six.example.net', '2001:db8::6', 100)] },
  'six.example.net A': {},
})
const HOUR_MS = 3_600_000
const OTHER = 'fd00:64::c2'

const serve = (dns64: Record<string, unknown> = {}): VirtualServer =>
  new VirtualServer({ scripts: SCRIPT, site: testSite({ dns64: { queryLog: 'clients', ...dns64 } }) })

/** What the question `queries` is answered, with the clock of the test as it is. */
const queries = (server: VirtualServer, body: unknown = {}): readonly ToldQuery[] =>
  answerQueries(server.queryLog, body, (atMs) => atMs).queries

const brief = ({ client, name, type, rcode, reason, isCached }: ToldQuery): unknown[] => [
  client,
  name,
  type,
  rcode,
  reason,
  isCached,
]

test('a query is kept with who asked, what for, why the answer is what it is, who gave it, and how long it took', async () => {
  const server = serve()
  await server.ask({ name: 'V4.Example.net', type: 'AAAA' })
  assert.deepEqual(queries(server), [
    {
      atMs: server.nowMs,
      client: CLIENT,
      name: 'v4.example.net.',
      type: 'AAAA',
      rcode: 'NOERROR',
      reason: 'synthesised',
      transport: 'udp',
      isCached: false,
      isStale: false,
      upstream: '192.0.2.53#53',
      tookUs: 30_000,
    },
  ])
})

test('the same is kept of an answer out of the cache, on both ways to it, with who gave it once', async () => {
  const server = serve()
  const packet = encodeQuery({ name: 'v4.example.net', type: 'AAAA' })
  await server.askBytes(packet)
  // The first packet of an address makes its record; from then on it is a hit.
  await server.askBytes(packet, 'tcp', OTHER)
  assert.ok(server.hit(packet, OTHER))
  const [hit, handled] = queries(server)
  for (const one of [hit, handled]) {
    assert.deepEqual(one && brief(one), [OTHER, 'v4.example.net.', 'AAAA', 'NOERROR', 'synthesised', true])
    assert.deepEqual([one?.upstream, one?.tookUs], ['192.0.2.53#53', null])
  }
  assert.deepEqual([hit?.transport, handled?.transport], ['udp', 'tcp'])
})

test('two questions that wait at the same time are each kept under their own name', async () => {
  const server = serve()
  const first = server.send(encodeQuery({ name: 'v4.example.net', type: 'A', id: 1 }))
  const second = server.send(encodeQuery({ name: 'six.example.net', type: 'AAAA', id: 2 }), 'udp', OTHER)
  await server.advance(100)
  assert.ok(first.reply !== undefined && second.reply !== undefined)
  assert.deepEqual(queries(server).map(brief), [
    [CLIENT, 'v4.example.net.', 'A', 'NOERROR', 'upstream', false],
    [OTHER, 'six.example.net.', 'AAAA', 'NOERROR', 'upstream', false],
  ])
})

const REASONS: readonly {
  readonly reason: string
  readonly rcode: string
  readonly ask: { readonly name: string; readonly type: string; readonly recursionDesired?: boolean }
  readonly source?: string
  readonly dns64?: Record<string, unknown>
  /** Of these queries the last one counts. */
  readonly times?: number
}[] = [
  { reason: 'local', rcode: 'NOERROR', ask: { name: 'ipv4only.arpa', type: 'AAAA' } },
  {
    reason: 'reverse',
    rcode: 'NXDOMAIN',
    ask: { name: `1.2.2.0.0.0.0.c.${'0.'.repeat(16)}b.9.f.f.4.6.0.0.ip6.arpa`, type: 'PTR' },
  },
  { reason: 'stranger', rcode: 'REFUSED', ask: { name: 'v4.example.net', type: 'A' }, source: '2001:db8::bad' },
  {
    reason: 'rate-limited',
    rcode: 'NOERROR',
    ask: { name: 'ipv4only.arpa', type: 'A' },
    dns64: { rateLimit: { queriesPerS: 1, burst: 1 } },
    times: 2,
  },
  {
    reason: 'not-recursive',
    rcode: 'REFUSED',
    ask: { name: 'v4.example.net', type: 'A', recursionDesired: false },
  },
  { reason: 'no-data-type', rcode: 'REFUSED', ask: { name: 'v4.example.net', type: 'AXFR' } },
  {
    reason: 'failed',
    rcode: 'SERVFAIL',
    ask: { name: 'v4.example.net', type: 'A' },
    dns64: { upstreams: ['192.0.2.99'] },
  },
]

for (const { reason, rcode, ask, source = CLIENT, dns64, times = 1 } of REASONS)
  test(`the reason "${reason}" is kept`, async () => {
    const server = serve(dns64)
    for (let i = 0; i < times; i++) await server.ask(ask, 'udp', source)
    const told = answerQueries(server.queryLog, {}, (atMs) => atMs)
    assert.deepEqual(
      [told.queries[0]?.reason, told.queries[0]?.rcode, told.queries[0]?.client],
      [reason, rcode, source],
    )
    assert.equal(told.queries.length, times)
    assert.ok((told.sentences[reason] ?? '').length > 10)
  })

test('a stale answer is kept as one', async () => {
  const server = serve()
  await server.ask({ name: 'v4.example.net', type: 'A' })
  delete server.scripts['192.0.2.53#53']
  await server.advance(200_000)
  await server.ask({ name: 'v4.example.net', type: 'A' })
  assert.equal(queries(server)[0]?.isStale, true)
})

test('packets that are no question are not kept', async () => {
  const server = serve()
  await server.askBytes(encodeQuery({ name: 'v4.example.net', type: 'A' }).subarray(0, 20))
  assert.deepEqual(queries(server), [])
})

test('the newest ones are kept, newest first, as many as there is room for', async () => {
  const server = serve({ rateLimit: { queriesPerS: 0, burst: 1 } })
  for (let i = 0; i < KEPT_QUERIES + 3; i++) await server.ask({ name: `n${i}.localhost`, type: 'A' })
  const told = answerQueries(server.queryLog, { limit: 500 }, (atMs) => atMs)
  assert.deepEqual([told.room, told.queries.length], [KEPT_QUERIES, 500])
  assert.equal(told.queries[0]?.name, `n${KEPT_QUERIES + 2}.localhost.`)
  assert.equal(queries(server, { name: 'n2.localhost' }).length, 0)
  assert.equal(queries(server, { name: 'n3.localhost' }).length, 1)
})

test('where names are as long as they can be, fewer queries are held, each with its own name', async () => {
  const server = serve({ rateLimit: { queriesPerS: 0, burst: 1 } })
  const long = (i: number): string =>
    `${`n${i}`.padStart(63, 'x')}.${'y'.repeat(63)}.${'z'.repeat(63)}.${'w'.repeat(51)}.localhost`
  const short = (i: number): string => `s${i}.localhost`
  const asked: string[] = []
  for (let i = 0; i < 2500; i++) asked.push(i % 5 === 0 ? short(i) : long(i))
  for (const name of asked) await server.ask({ name, type: 'A' })
  const held = [...server.queryLog.newest()].map(({ name }) => textOfKey(name))
  assert.ok(held.length > 1000 && held.length < 1600, `${held.length} are held`)
  assert.deepEqual(
    held,
    asked
      .toReversed()
      .slice(0, held.length)
      .map((name) => `${name}.`),
  )
})

test('filters: a part of the name, client, type, RCODE, reason; together too', async () => {
  const server = serve()
  await server.ask({ name: 'v4.example.net', type: 'AAAA' })
  await server.ask({ name: 'six.example.net', type: 'AAAA' }, 'udp', OTHER)
  await server.ask({ name: 'gone.invalid', type: 'A' }, 'udp', OTHER)
  const names = (body: unknown): string[] => queries(server, body).map(({ name }) => name)
  assert.deepEqual(names({ name: 'EXAMPLE.' }), ['six.example.net.', 'v4.example.net.'])
  assert.deepEqual(names({ client: 'FD00:64:0::C2' }), ['gone.invalid.', 'six.example.net.'])
  assert.deepEqual(names({ type: 'a' }), ['gone.invalid.'])
  assert.deepEqual(names({ rcode: 'nxdomain' }), ['gone.invalid.'])
  assert.deepEqual(names({ reason: 'synthesised' }), ['v4.example.net.'])
  assert.deepEqual(names({ client: OTHER, type: 'AAAA' }), ['six.example.net.'])
  assert.deepEqual(names({ limit: 1 }), ['gone.invalid.'])
  assert.deepEqual(names({ name: '', type: '' }).length, 3)
})

for (const [body, message] of [
  [{ limit: 0 }, 'limit: 0: must be a whole number from 1 to 500'],
  [{ limit: '5' }, 'limit: "5": must be a whole number from 1 to 500'],
  [{ type: 'NONE' }, 'type: "NONE" is no record type: a name like AAAA, or TYPE65'],
  [{ rcode: 'NO' }, 'rcode: "NO": must be one of NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS'],
  [{ client: 'host' }, 'client: "host" is no address: IPv4 or IPv6'],
  [{ name: 5 }, 'name: must be a text'],
  [[], 'queries: must be asked with fields'],
] as const)
  test(`refused: ${message}`, () => assert.throws(() => queries(serve(), body), { name: 'WrongQuestion', message }))

test('a reason that there is not is refused with those that there are', () => {
  assert.throws(
    () => queries(serve(), { reason: 'weather' }),
    /reason: "weather": must be one of upstream, synthesised, .*stranger/,
  )
})

test('names: who asked is not taken in; off: nothing is; a change forgets what there was', async () => {
  const server = serve({ queryLog: 'names' })
  await server.ask({ name: 'v4.example.net', type: 'A' })
  await server.ask({ name: 'v4.example.net', type: 'A' }, 'udp', '2001:db8::bad')
  assert.deepEqual(
    queries(server).map(({ client }) => client),
    [null, null],
  )
  assert.deepEqual(queries(server, { client: CLIENT }), [])
  server.queryLog.keep('names', server.nowMs)
  assert.equal(queries(server).length, 2)
  server.queryLog.keep('clients', server.nowMs)
  assert.equal(queries(server).length, 0)
  await server.ask({ name: 'v4.example.net', type: 'A' })
  server.queryLog.keep('off', server.nowMs)
  await server.ask({ name: 'v4.example.net', type: 'A' })
  const off = answerQueries(server.queryLog, {}, (atMs) => atMs)
  assert.deepEqual(off, { kept: 'off', room: 0, queries: [], sentences: {} })
  assert.deepEqual(answerTopNames(server.queryLog, {}, (atMs) => atMs).names, [])
})

test('a document that says nothing keeps names, and not who asked', () => {
  assert.equal(testSite().dns64.queryLog, 'names')
})

test('top names are those of this hour and the one before', async () => {
  const server = serve()
  const top = (body: unknown = {}): unknown =>
    answerTopNames(server.queryLog, body, (atMs) => atMs).names.map(({ name, queries: count }) => [name, count])
  const startMs = server.nowMs
  const ask = async (name: string, times: number): Promise<void> => {
    for (let i = 0; i < times; i++) await server.ask({ name, type: 'A' })
  }
  await ask('one.localhost', 3)
  await ask('two.localhost', 5)
  assert.deepEqual(top(), [
    ['two.localhost.', 5],
    ['one.localhost.', 3],
  ])
  assert.deepEqual(top({ limit: 1 }), [['two.localhost.', 5]])
  await server.advance(HOUR_MS)
  await ask('ONE.localhost', 4)
  assert.deepEqual(top(), [
    ['one.localhost.', 7],
    ['two.localhost.', 5],
  ])
  assert.equal(answerTopNames(server.queryLog, {}, (atMs) => atMs).sinceMs, startMs)
  await server.advance(HOUR_MS)
  await ask('three.localhost', 1)
  assert.deepEqual(top(), [
    ['one.localhost.', 4],
    ['three.localhost.', 1],
  ])
  // Two silent hours.
  await server.advance(2 * HOUR_MS)
  await ask('four.localhost', 1)
  assert.deepEqual(top(), [['four.localhost.', 1]])
})
