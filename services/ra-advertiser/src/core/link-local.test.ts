import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatIp6, parseIp6 } from '@sixgate/addr'
import { isLinkLocal, linkLocalOf } from './link-local.ts'

test('RFC 4291 appendix A: the example 34-56-78-9A-BC-DE', () => {
  const ip = linkLocalOf(Uint8Array.of(0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde)) ?? assert.fail()
  assert.equal(formatIp6(ip), 'fe80::3656:78ff:fe9a:bcde')
  assert.ok(isLinkLocal(ip))
})

test('a locally administered address loses the bit', () => {
  assert.equal(formatIp6(linkLocalOf(Uint8Array.of(2, 0, 0x5e, 0x10, 0, 1)) ?? assert.fail()), 'fe80::5eff:fe10:1')
})

test('other link-layer addresses make none', () => {
  assert.equal(linkLocalOf(new Uint8Array(0)), undefined)
  assert.equal(linkLocalOf(new Uint8Array(5)), undefined)
  assert.equal(linkLocalOf(new Uint8Array(8)), undefined)
})

test('RFC 4291 §2.5.6: link-local is fe80::/64', () => {
  for (const [text, expected] of [
    ['fe80::1', true],
    ['fe80:0:0:1::1', false],
    ['fe90::1', false],
    ['fd00::1', false],
    ['::', false],
  ] as const)
    assert.equal(isLinkLocal(parseIp6(text) ?? assert.fail()), expected, text)
})
