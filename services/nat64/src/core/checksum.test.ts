import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checksumOf } from '../testkit/packet-builder.ts'
import { difference, fold, sum32, sumBytes, updateChecksum } from './checksum.ts'

const viewOf = (octets: readonly number[]): DataView => new DataView(Uint8Array.from(octets).buffer)

test('RFC 1071 §3: the example', () => {
  const octets = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]
  assert.equal(sumBytes(viewOf(octets), 0, octets.length), 0xddf2)
})

test('RFC 1624 §4: the example, where the older equation goes wrong', () => {
  assert.equal(updateChecksum(0xdd2f, difference(0x3285, 0x5555)), 0x0000)
})

test('edges: zeros, all ones, one octet, nothing', () => {
  assert.equal(sumBytes(viewOf([]), 0, 0), 0)
  assert.equal(sumBytes(viewOf([0, 0, 0, 0]), 0, 4), 0)
  assert.equal(sumBytes(viewOf([0xff, 0xff, 0xff, 0xff]), 0, 4), 0xffff)
  assert.equal(sumBytes(viewOf([0xab]), 0, 1), 0xab00)
  assert.equal(fold(0xffff_ffff), 0xffff)
  assert.equal(sum32(-1), 0xffff)
  const ones = Array.from({ length: 131_072 }, () => 0xff)
  assert.equal(sumBytes(viewOf(ones), 0, ones.length), 0xffff)
})

test('sumBytes = the slow reference, for every length and alignment', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat({ max: 7 }), (octets, skip) => {
      const view = new DataView(octets.buffer)
      const from = Math.min(skip, octets.length)
      assert.equal(~sumBytes(view, from, octets.length - from) & 0xffff, checksumOf([...octets.subarray(from)]))
    }),
  )
})

test('incremental = full: words of a message change, the checksum follows', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 0xffff }), { minLength: 2, maxLength: 40 }),
      fc.array(fc.nat({ max: 0xffff }), { minLength: 1, maxLength: 20 }),
      (words, replacement) => {
        const octetsOf = (list: readonly number[]): number[] => list.flatMap((word) => [word >>> 8, word & 255])
        const changed = [...replacement, ...words.slice(replacement.length)]
        const before = checksumOf(octetsOf(words))
        const old = words.slice(0, replacement.length)
        const delta = difference(
          sumBytes(viewOf(octetsOf(replacement)), 0, replacement.length * 2),
          sumBytes(viewOf(octetsOf(old)), 0, old.length * 2),
        )
        // All words zero has two representations of its sum; a real message holds a version or a protocol number.
        if (changed.every((word) => word === 0) || words.every((word) => word === 0)) return
        assert.equal(updateChecksum(before, delta), checksumOf(octetsOf(changed)))
      },
    ),
  )
})
