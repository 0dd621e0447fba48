import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DnsQuery, mergeQueries, mergeTopNames, queryRows, showTook, sourceOf } from './dns-queries.ts'

const QUERY: DnsQuery = {
  atMs: 0,
  client: 'fd00::c',
  name: 'a.example.',
  type: 'AAAA',
  rcode: 'NOERROR',
  reason: 'upstream',
  transport: 'udp',
  isCached: false,
  isStale: false,
  upstream: '192.0.2.53#53',
  tookUs: null,
}
const at = (atMs: number): DnsQuery => ({ ...QUERY, atMs })
const instance = (times: readonly number[], sentences: Record<string, string> = {}) =>
  ({ kept: 'clients', room: 4096, queries: times.map(at), sentences }) as const

test('queries of several instances stand in the order of time, the newest first, as many as are wanted', () => {
  const merged = mergeQueries([instance([5, 3, 1], { upstream: 'u' }), instance([4, 2], { local: 'l' })], 4)
  assert.deepEqual(
    merged.queries.map(({ atMs }) => atMs),
    [5, 4, 3, 2],
  )
  assert.deepEqual([merged.kept, merged.room, merged.sentences], ['clients', 8192, { upstream: 'u', local: 'l' }])
  assert.deepEqual(mergeQueries([], 4), { kept: null, room: 0, queries: [], sentences: {} })
})

test('counts of several instances are added up, and so is by how much they may be too high', () => {
  const one = (name: string, queries: number, overAtMost = 0) => ({ name, queries, overAtMost })
  const merged = mergeTopNames(
    [
      { kept: 'names', sinceMs: 20, names: [one('a.', 5), one('b.', 4, 1)] },
      { kept: 'names', sinceMs: 10, names: [one('b.', 3, 2), one('c.', 1)] },
    ],
    2,
  )
  assert.deepEqual(merged, { kept: 'names', sinceMs: 10, names: [one('b.', 7, 3), one('a.', 5)] })
  assert.deepEqual(mergeTopNames([], 2), { kept: null, sinceMs: null, names: [] })
})

test('where an answer comes from, and how long it took', () => {
  assert.equal(sourceOf(QUERY), '192.0.2.53#53')
  assert.equal(sourceOf({ ...QUERY, isCached: true }), 'cache')
  assert.equal(sourceOf({ ...QUERY, isStale: true }), 'stale')
  assert.equal(sourceOf({ ...QUERY, upstream: null }), '-')
  assert.deepEqual([null, 0, 999, 1000, 30_100, 4_500_000].map(showTook), [
    '-',
    '0 µs',
    '999 µs',
    '1.00 ms',
    '30.1 ms',
    '4.50 s',
  ])
})

test('the column of clients is there only where they are kept', () => {
  const time = (ms: number): string => String(ms)
  assert.deepEqual(queryRows([QUERY], 'clients', time)[1], [
    '0',
    'fd00::c',
    'a.example.',
    'AAAA',
    'NOERROR',
    '192.0.2.53#53',
    '-',
    'upstream',
  ])
  assert.deepEqual(queryRows([QUERY], 'names', time)[0], ['WHEN', 'NAME', 'TYPE', 'RCODE', 'FROM', 'TOOK', 'REASON'])
})
