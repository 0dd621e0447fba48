import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatIp4, formatIp6 } from '@sixgate/addr'
import fc from 'fast-check'
import { ip4Of, ip6Of } from '../../testkit/core-lab.ts'
import { journalAdd, journalRemove, readJournals } from './journal-lines.ts'

const PREF64 = '64:ff9b::/96'
const line = (ip4: string, ip6: string, seenS: number): string =>
  journalAdd({ host: { ip6: ip6Of(ip6), pref64: PREF64 }, ip4: ip4Of(ip4), seenS })
const shown = (texts: readonly string[]): string[] =>
  readJournals(texts).mappings.map(({ host, ip4, seenS }) => `${formatIp4(ip4)} ${formatIp6(host.ip6)} ${seenS}`)

test('adds and removals in order; the longest unused first', () => {
  const text = line('198.18.0.2', 'fd00::1', 50) + line('198.18.0.3', 'fd00::2', 40) + line('198.18.0.4', 'fd00::3', 45)
  assert.deepEqual(shown([text]), ['198.18.0.3 fd00::2 40', '198.18.0.4 fd00::3 45', '198.18.0.2 fd00::1 50'])
  assert.deepEqual(shown([text + journalRemove(ip4Of('198.18.0.3'), 60)]), [
    '198.18.0.4 fd00::3 45',
    '198.18.0.2 fd00::1 50',
  ])
  assert.deepEqual(shown([text + line('198.18.0.3', 'fd00::2', 99)]).at(-1), '198.18.0.3 fd00::2 99')
})

test('within a file the later line wins even if the clock went back', () => {
  assert.deepEqual(shown([line('198.18.0.2', 'fd00::1', 900) + line('198.18.0.2', 'fd00::2', 5)]), [
    '198.18.0.2 fd00::2 5',
  ])
})

test('between files the later time wins; a removal counts', () => {
  const old = line('198.18.0.2', 'fd00::1', 100)
  assert.deepEqual(shown([old, line('198.18.0.2', 'fd00::2', 300)]), ['198.18.0.2 fd00::2 300'])
  assert.deepEqual(shown([line('198.18.0.2', 'fd00::2', 300), old]), ['198.18.0.2 fd00::2 300'])
  assert.deepEqual(shown([old, journalRemove(ip4Of('198.18.0.2'), 200)]), [])
})

test('a host with two addresses keeps the one it used last', () => {
  assert.deepEqual(shown([line('198.18.0.2', 'fd00::1', 100) + line('198.18.0.3', 'fd00::1', 200)]), [
    '198.18.0.3 fd00::1 200',
  ])
})

test('damage: bad lines are counted and skipped, a last line without end is no fault', () => {
  const good = line('198.18.0.2', 'fd00::1', 100)
  const { mappings, badLines } = readJournals([
    `${good}garbage\n+ 198.18.0.3 fd00::2\n+ 198.18.0.300 fd00::2 ${PREF64} 1\n- 198.18.0.2\n+ 198.18.0.3 fd00::2 ${PREF64} -1\n\0\xff\n+ 198.18.0.9 fd`,
  ])
  assert.deepEqual(badLines, [6])
  assert.equal(mappings.length, 1)
})

test('any text can be read', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (texts) => {
      readJournals(texts)
    }),
  )
})

test('read ∘ write = identity', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(60_000), { maxLength: 50 }), (numbers) => {
      const expected = numbers.map(
        (number) => `198.18.${number >>> 8}.${number & 255} fd00::${(number + 1).toString(16)} ${number}`,
      )
      const text = numbers
        .map((number) => line(`198.18.${number >>> 8}.${number & 255}`, `fd00::${(number + 1).toString(16)}`, number))
        .join('')
      assert.deepEqual(shown([text]).toSorted(), expected.toSorted())
    }),
  )
})
