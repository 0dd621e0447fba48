import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatPrefix, parsePrefix6 } from '@sixgate/addr'
import fc from 'fast-check'
import { formatHistory, NO_HISTORY, type PrefixHistory, parseHistory, withDocument } from './old-prefixes.ts'

const HOUR_MS = 3_600_000
const prefix = (text: string) => parsePrefix6(text) ?? assert.fail(text)
const A = prefix('2001:db8:a::/64')
const B = prefix('2001:db8:b::/64')
const old = ({ old: entries }: PrefixHistory): readonly string[] =>
  entries.map(({ prefix: one, untilMs }) => `${formatPrefix(one)} ${untilMs / HOUR_MS}`)

test('a prefix that the document loses is remembered as long as hosts were told to keep it', () => {
  const first = withDocument(NO_HISTORY, [A], 7200, 0)
  assert.deepEqual(old(first), [])
  const second = withDocument(first, [B], 3600, HOUR_MS)
  assert.deepEqual(old(second), ['2001:db8:a::/64 3'])
  assert.deepEqual(old(withDocument(second, [B], 3600, 2 * HOUR_MS)), ['2001:db8:a::/64 3'], 'no longer each time')
  assert.deepEqual(old(withDocument(second, [B], 3600, 3 * HOUR_MS)), [])
})

test('a prefix that is back is not old; the other one is', () => {
  const second = withDocument(withDocument(NO_HISTORY, [A], 7200, 0), [B], 7200, HOUR_MS)
  assert.deepEqual(old(withDocument(second, [A], 7200, 2 * HOUR_MS)), ['2001:db8:b::/64 4'])
})

test('kept on disk and read again; damage is forgotten', () => {
  const history = withDocument(withDocument(NO_HISTORY, [A], 7200, 0), [B], 60, HOUR_MS)
  assert.deepEqual(parseHistory(formatHistory(history)), history)
  for (const text of ['', '{', 'null', '[]', '{"current":7,"old":[{"prefix":"x"},3]}'])
    assert.deepEqual(parseHistory(text), NO_HISTORY)
  fc.assert(
    fc.property(fc.json(), (text) => {
      parseHistory(text)
    }),
  )
})
