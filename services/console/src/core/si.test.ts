import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { showMicroseconds, withPrefix } from './si.ts'

describe('figures for people', () => {
  for (const [value, text] of [
    [0, '0 B'],
    [0.4, '0 B'],
    [999, '999 B'],
    [999.6, '1.00 kB'],
    [1000, '1.00 kB'],
    [123_456, '123 kB'],
    // No "1.00e+3".
    [999_499, '999 kB'],
    [999_600, '1.00 MB'],
    [9_876_543_210, '9.88 GB'],
    [2 ** 53, '9.01 PB'],
    [4e18, '4000 PB'],
  ] as const)
    it(`${value} octets are ${text}`, () => assert.equal(withPrefix(value, 'B'), text))

  for (const [us, text] of [
    [0, '0 µs'],
    [999, '999 µs'],
    [1000, '1.00 ms'],
    [30_100, '30.1 ms'],
    [999_499, '999 ms'],
    [999_600, '1.00 s'],
    [12_345_678, '12.3 s'],
  ] as const)
    it(`${us} µs are ${text}`, () => assert.equal(showMicroseconds(us), text))
})
