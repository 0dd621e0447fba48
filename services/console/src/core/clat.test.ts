import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asIp4, asIp6, embedIp4, formatIp6, type Ip6, parseIp6, parsePref64 } from '@sixgate/addr'
import fc from 'fast-check'
import { looksLikeClat } from './clat.ts'

const ip6 = (text: string): Ip6 => parseIp6(text) ?? assert.fail(text)
const PREF64 = '64:ff9b::/96'

/** RFC 1071, the slow way: carries are added one by one. */
const checksum = (bytes: readonly number[]): number => {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) {
    sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
    if (sum > 0xffff) sum -= 0xffff
  }
  return sum === 0xffff ? 0 : sum
}
const octets4 = (ip: number): number[] => [24, 16, 8, 0].map((shift) => (ip >>> shift) & 0xff)

/** The address of a CLAT with this IPv4 address: the middle of a random interface identifier makes up the difference. */
const clatAddress = (prefix: string, pref64: string, ip4: number, random: readonly number[]): Ip6 => {
  const address = [...ip6(prefix).slice(0, 8), ...random]
  address[10] = 0
  address[11] = 0
  const { pref64: parsed } = parsePref64(pref64) as { pref64: { addr: Ip6 } }
  const missing = (0xffff + checksum(octets4(ip4)) - checksum([...address, ...parsed.addr])) % 0xffff
  address[10] = missing >>> 8
  address[11] = missing & 0xff
  return asIp6(Uint8Array.from(address))
}

const eight = fc.array(fc.nat(255), { minLength: 8, maxLength: 8 })

test('property: an address that is checksum-neutral for 192.0.0.1 to .7 is seen, whatever its prefix and the NAT64 prefix', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('fd00:6:4::', '2001:db8:1:2::', 'fdff:ffff:ffff:ffff::'),
      fc.constantFrom(PREF64, '2001:db8:64::/96'),
      fc.integer({ min: 1, max: 7 }),
      eight,
      (prefix, pref64, host, random) => {
        assert.equal(looksLikeClat(formatIp6(clatAddress(prefix, pref64, 0xc000_0000 + host, random)), pref64), true)
      },
    ),
  )
})

test('property: it is seen when, and only when, its packets have the checksum of such an IPv4 source', () => {
  fc.assert(
    fc.property(eight, fc.nat(0xffff_ffff), (random, server) => {
      const source = [...ip6('fd00:6:4::').slice(0, 8), ...random]
      const result = parsePref64(PREF64)
      assert.ok(result.ok)
      const inIp6 = checksum([...source, ...embedIp4(result.pref64, asIp4(server >>> 0))])
      const isNeutral = [1, 2, 3, 4, 5, 6, 7].some(
        (host) => checksum([...octets4(0xc000_0000 + host), ...octets4(server >>> 0)]) === inIp6,
      )
      assert.equal(looksLikeClat(formatIp6(asIp6(Uint8Array.from(source))), PREF64), isNeutral)
    }),
    { numRuns: 500 },
  )
})

test('usual addresses are not: made of the MAC address, random, written by hand; nor with another length of prefix', () => {
  for (const text of ['fd00:6:4::5eff:fe00:5302', 'fd00:6:4:0:8d2a:91c3:5b7e:1f04', 'fd00:6:4::10', 'nonsense'])
    assert.equal(looksLikeClat(text, PREF64), false, text)
  const clat = formatIp6(clatAddress('fd00:6:4::', PREF64, 0xc000_0004, [1, 2, 3, 4, 5, 6, 7, 8]))
  assert.equal(looksLikeClat(clat, PREF64), true)
  assert.equal(looksLikeClat(clat, '2001:db8:64::/64'), false)
})
