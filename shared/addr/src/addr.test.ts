import assert from 'node:assert/strict'
import { isIPv4, isIPv6 } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { asIp4, formatIp4, ip4FromBytes, ip4ToBytes, parseIp4 } from './ip4.ts'
import { asIp6, formatIp6, ip6FromHex, ip6ToHex, parseIp6 } from './ip6.ts'
import {
  contains4,
  contains6,
  formatPrefix,
  overlaps,
  parsePrefix4,
  parsePrefix6,
  prefix6Of,
  withInterfaceId,
} from './prefix.ts'

test('RFC 5952 §4: canonical text', () => {
  const table: readonly (readonly [string, string])[] = [
    ['2001:0db8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:DB8::ABCD', '2001:db8::abcd'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['0:0:1:0:0:0:0:0', '0:0:1::'],
  ]
  for (const [text, canonical] of table) assert.equal(formatIp6(parseIp6(text) ?? assert.fail(text)), canonical)
})

test('texts that are no address', () => {
  for (const text of [
    '',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    '1.2.3.4::',
    'fe80::1%eth0',
    '::1.2.3',
    '1:2:3:4:5:6:7::8:9',
    ' ::1',
  ])
    assert.equal(parseIp6(text), undefined, text)
  for (const text of ['', '1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', '0x1.2.3.4', ' 1.2.3.4', '1.2.3.4 '])
    assert.equal(parseIp4(text), undefined, text)
})

test('parse and format agree with the platform on random texts', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV6(), fc.ipV4(), fc.string()), (text) => {
      assert.equal(parseIp6(text) !== undefined, isIPv6(text) && !text.includes('%'), text)
      assert.equal(parseIp4(text) !== undefined, isIPv4(text), text)
    }),
  )
})

test('parse ∘ format = identity', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const ip = asIp6(bytes)
      assert.deepEqual(parseIp6(formatIp6(ip)), ip)
      assert.deepEqual(ip6FromHex(ip6ToHex(ip)), ip)
    }),
  )
  fc.assert(
    fc.property(fc.nat({ max: 0xffffffff }), (value) => {
      assert.equal(parseIp4(formatIp4(asIp4(value))), value)
      assert.equal(ip4FromBytes(ip4ToBytes(asIp4(value))), value)
    }),
  )
})

test('prefixes: host bits must be zero, membership is by mask', () => {
  assert.equal(parsePrefix4('192.0.2.1/24'), undefined)
  assert.equal(parsePrefix6('2001:db8::1/64'), undefined)
  assert.equal(parsePrefix6('2001:db8::/129'), undefined)
  const p4 = parsePrefix4('198.18.0.0/15') ?? assert.fail()
  assert.ok(contains4(p4, parseIp4('198.19.255.255') ?? assert.fail()))
  assert.ok(!contains4(p4, parseIp4('198.20.0.0') ?? assert.fail()))
  assert.ok(contains4(parsePrefix4('0.0.0.0/0') ?? assert.fail(), asIp4(0xffffffff)))
  const p6 = parsePrefix6('2001:db8:8000::/33') ?? assert.fail()
  assert.equal(formatPrefix(p6), '2001:db8:8000::/33')
  assert.ok(contains6(p6, parseIp6('2001:db8:ffff::1') ?? assert.fail()))
  assert.ok(!contains6(p6, parseIp6('2001:db8:7fff::1') ?? assert.fail()))
  assert.ok(overlaps(p6, parsePrefix6('2001:db8::/32') ?? assert.fail()))
  assert.ok(!overlaps(p4, p6))
})

test('every prefix contains the address that it was made from', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat({ max: 128 }), (bytes, lenBits) => {
      const prefix = prefix6Of(asIp6(bytes), lenBits)
      assert.ok(contains6(prefix, asIp6(bytes)))
      assert.notEqual(parsePrefix6(formatPrefix(prefix)), undefined)
    }),
  )
})

test('an interface identifier completes a prefix', () => {
  const prefix = parsePrefix6('fd00:1:2:3::/64') ?? assert.fail()
  assert.equal(formatIp6(withInterfaceId(prefix, parseIp6('::1') ?? assert.fail())), 'fd00:1:2:3::1')
  assert.throws(
    () => withInterfaceId(parsePrefix6('fd00::/96') ?? assert.fail(), parseIp6('::1') ?? assert.fail()),
    RangeError,
  )
})
