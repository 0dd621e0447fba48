import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  checkName,
  expandName,
  isWithin,
  keyOfText,
  labelsOf,
  MAX_NAME,
  nameOfKey,
  parentKey,
  readName,
  readNameKey,
  skipName,
  textOfKey,
} from './name.ts'
import { DnsWireError } from './wire.ts'

/** Twelve octets of header, then what a test wants. */
const message = (...octets: (number | string)[]): Uint8Array =>
  Uint8Array.from([
    ...Array.from({ length: 12 }, () => 0),
    ...octets.flatMap((part) => (typeof part === 'number' ? [part] : Array.from(part, (c) => c.charCodeAt(0)))),
  ])

const codeOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (error instanceof DnsWireError) return error.code
    throw error
  }
  return 'none'
}

test('RFC 1035 §4.1.4: names with and without compression pointers', () => {
  // The example of §4.1.4: F.ISI.ARPA, FOO.F.ISI.ARPA, ARPA, root.
  const b = message(1, 'F', 3, 'ISI', 4, 'ARPA', 0, 3, 'FOO', 0xc0, 12, 0xc0, 18, 0)
  const rows = [
    { at: 12, text: 'f.isi.arpa.', next: 24 },
    { at: 24, text: 'foo.f.isi.arpa.', next: 30 },
    { at: 30, text: 'arpa.', next: 32 },
    { at: 32, text: '.', next: 33 },
  ]
  for (const { at, text, next } of rows) {
    assert.equal(textOfKey(readNameKey(b, at, b.length)), text)
    assert.equal(skipName(b, at, b.length), next)
  }
  assert.equal(Buffer.from(readName(b, 24, b.length)).toString('latin1'), '\x03FOO\x01F\x03ISI\x04ARPA\0')
})

test('a name that is none', () => {
  const long = Array.from({ length: 4 }, () => [63, 'x'.repeat(63)]).flat()
  const rows: { why: string; b: Uint8Array; at?: number; code: string }[] = [
    { why: 'ends before its root', b: message(3, 'abc'), code: 'cut-short' },
    { why: 'label longer than the rest', b: message(9, 'abc', 0), code: 'cut-short' },
    { why: 'pointer cut in half', b: message(0xc0), code: 'cut-short' },
    { why: 'label type 01', b: message(0x41, 0), code: 'label-type' },
    { why: 'label type 10', b: message(0x80, 0), code: 'label-type' },
    { why: 'pointer to itself', b: message(0xc0, 12), code: 'pointer' },
    { why: 'pointer forwards', b: message(0xc0, 14, 0), code: 'pointer' },
    { why: 'pointer into its own labels', b: message(1, 'a', 0xc0, 12), code: 'pointer' },
    { why: 'pointer into the header', b: message(0xc0, 4), code: 'pointer' },
    { why: 'two pointers at each other', b: message(0xc0, 14, 0xc0, 12), at: 14, code: 'pointer' },
    { why: '256 octets', b: message(...long, 0), code: 'name-too-long' },
    {
      why: '256 octets by pointers',
      b: message(0, ...long.slice(0, 6), 0xc0, 12, 62, 'y'.repeat(62), 0xc0, 13),
      at: 12 + 1 + 192 + 2,
      code: 'name-too-long',
    },
  ]
  for (const { why, b, at = 12, code } of rows)
    assert.equal(
      codeOf(() => readName(b, at, b.length)),
      code,
      why,
    )
})

test('the longest name, 255 octets, is a name', () => {
  const labels = [63, 63, 63, 61].flatMap((length) => [length, 'x'.repeat(length)])
  assert.equal(readName(message(...labels, 0), 12, 12 + MAX_NAME).length, 255)
})

test('keys: lower case, parents, ancestors', () => {
  const key = keyOfText('WWW.Example.')
  assert.equal(key, '\x03www\x07example\0')
  assert.equal(parentKey(key), '\x07example\0')
  assert.equal(parentKey('\0'), undefined)
  assert.deepEqual(labelsOf(key), ['www', 'example'])
  const rows: [string, string, boolean][] = [
    ['a.example', 'example', true],
    ['example', 'example', true],
    ['example', '.', true],
    ['badexample', 'example', false],
    ['example', 'a.example', false],
    ['example.org', 'example', false],
  ]
  for (const [name, ancestor, within] of rows)
    assert.equal(isWithin(keyOfText(name), keyOfText(ancestor)), within, `${name} in ${ancestor}`)
  // The octets of the suffix stand inside a label here, not at a boundary.
  assert.equal(isWithin('\x08a\x07example\0', '\x07example\0'), false)
})

test('text of odd octets (RFC 1035 §5.1)', () => {
  assert.equal(textOfKey('\x04a.\\\x07\0'), 'a\\.\\\\\\007.')
  assert.throws(() => keyOfText('a..b'), RangeError)
  assert.throws(() => keyOfText('x'.repeat(64)), RangeError)
})

test('property: whatever the bytes, a name is read within 255 octets or refused', () => {
  const out = new Uint8Array(MAX_NAME)
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 13, maxLength: 400 }), fc.nat(399), (b, at) => {
      const start = Math.min(at, b.length - 1)
      try {
        assert.ok(expandName(b, start, b.length, out) <= MAX_NAME)
      } catch (error) {
        assert.ok(error instanceof DnsWireError)
      }
    }),
    { numRuns: 5000 },
  )
})

test('property: a written key reads back', () => {
  const label = fc
    .uint8Array({ minLength: 1, maxLength: 20 })
    .map((l) => Buffer.from(l).toString('latin1').replace(/[A-Z]/g, 'z'))
  fc.assert(
    fc.property(fc.array(label, { maxLength: 8 }), (labels) => {
      const key = `${labels.map((l) => String.fromCharCode(l.length) + l).join('')}\0`
      const b = Uint8Array.from([...new Uint8Array(12), ...nameOfKey(key)])
      assert.equal(readNameKey(b, 12, b.length), key)
      assert.deepEqual(labelsOf(key), labels)
    }),
  )
})

test('property: checkName is expandName and skipName in one, behind a first name that was checked', () => {
  const FIRST = [3, 0x77, 0x77, 0x77, 1, 0x61, 0]
  const piece = fc.oneof(
    fc.constantFrom([0], [1, 0x61], [0xc0, 12], [0xc0, 16], [0xc0, 19], [0xc0, 21], [0xc0], [0x80], [63, 1, 2]),
    fc.array(fc.nat(255), { maxLength: 4 }),
  )
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 12 }), fc.nat(40), (pieces, cut) => {
      const all = Uint8Array.from([...Array.from({ length: 12 }, () => 0), ...FIRST, ...pieces.flat()])
      const end = Math.max(12 + FIRST.length + 1, all.length - cut)
      const bytes = all.subarray(0, end)
      for (const o of [12, 12 + FIRST.length, Math.min(bytes.length - 1, 12 + FIRST.length + 2)]) {
        const expected = outcomeOf(() => {
          expandName(bytes, o, bytes.length, new Uint8Array(MAX_NAME))
          return skipName(bytes, o, bytes.length)
        })
        assert.equal(
          outcomeOf(() => checkName(bytes, o, bytes.length)),
          expected,
        )
      }
    }),
    { numRuns: 20_000 },
  )
})

/** The result, or the code of the DnsWireError that was thrown. */
const outcomeOf = (run: () => number): number | string => {
  try {
    return run()
  } catch (error) {
    if (error instanceof DnsWireError) return error.code
    throw error
  }
}
