import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { asIp4, formatIp4, type Ip4, parseIp4 } from './ip4.ts'
import { formatIp6, type Ip6, parseIp6 } from './ip6.ts'
import { embedIp4, extractIp4, type Pref64, parsePref64 } from './pref64.ts'

const pref64 = (text: string): Pref64 => {
  const result = parsePref64(text)
  assert.ok(result.ok, text)
  return result.pref64
}
const ip4 = (text: string): Ip4 => parseIp4(text) ?? assert.fail(text)
const ip6 = (text: string): Ip6 => parseIp6(text) ?? assert.fail(text)

/** RFC 6052 §2.4, tables 1 and 2. */
const RFC6052_EXAMPLES: readonly (readonly [prefix: string, embedded: string])[] = [
  ['2001:db8::/32', '2001:db8:c000:221::'],
  ['2001:db8:100::/40', '2001:db8:1c0:2:21::'],
  ['2001:db8:122::/48', '2001:db8:122:c000:2:2100::'],
  ['2001:db8:122:300::/56', '2001:db8:122:3c0:0:221::'],
  ['2001:db8:122:344::/64', '2001:db8:122:344:c0:2:2100::'],
  ['2001:db8:122:344::/96', '2001:db8:122:344::192.0.2.33'],
  ['64:ff9b::/96', '64:ff9b::192.0.2.33'],
]

for (const [prefix, embedded] of RFC6052_EXAMPLES) {
  test(`RFC 6052 §2.4: 192.0.2.33 in ${prefix} is ${embedded}, and back`, () => {
    assert.equal(formatIp6(embedIp4(pref64(prefix), ip4('192.0.2.33'))), formatIp6(ip6(embedded)))
    assert.equal(formatIp4(extractIp4(pref64(prefix), ip6(embedded)) ?? asIp4(0)), '192.0.2.33')
  })
}

test('RFC 6052 §2.2: other lengths, host bits and a u-octet are refused with what is allowed', () => {
  const reason = (text: string): string => {
    const result = parsePref64(text)
    assert.ok(!result.ok, text)
    return result.reason
  }
  assert.match(reason('64:ff9b::/72'), /length must be 32, 40, 48, 56, 64 or 96/)
  assert.match(reason('64:ff9b::1/96'), /host bits zero/)
  assert.match(reason('2001:db8:0:0:ff00::/96'), /u-octet/)
  assert.match(reason('192.0.2.0/24'), /must be an IPv6 prefix/)
})

test('an address outside the prefix holds no IPv4 address', () => {
  assert.equal(extractIp4(pref64('64:ff9b::/96'), ip6('64:ff9c::192.0.2.33')), undefined)
})

test('RFC 6052 §2.3: a suffix is ignored when the address is extracted', () => {
  assert.equal(extractIp4(pref64('2001:db8:100::/40'), ip6('2001:db8:1c0:2:21:ffff:1:2')), ip4('192.0.2.33'))
})

test('extract ∘ embed = identity for every length, and the u-octet stays zero', () => {
  fc.assert(
    fc.property(fc.nat({ max: 0xffffffff }), fc.constantFrom(...RFC6052_EXAMPLES), (value, [prefix]) => {
      const embedded = embedIp4(pref64(prefix), asIp4(value))
      assert.equal(extractIp4(pref64(prefix), embedded), value)
      assert.equal(embedded[8], 0)
    }),
  )
})
