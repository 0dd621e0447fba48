import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asIp6, type Prefix6, parsePrefix6 } from '@sixgate/addr'
import fc from 'fast-check'
import { NdpError } from './ndp-error.ts'
import type { NdpOption } from './ndp-options.ts'
import { decodeRouterAdvertisement, encodeRouterAdvertisement, type RouterAdvertisement } from './ra-wire.ts'
import { encodeWithin, MESSAGE_MAX_LEN } from './split.ts'

const prefix = (text: string): Prefix6 => parsePrefix6(text) ?? assert.fail(text)
const SLLA: NdpOption = { kind: 'slla', address: Uint8Array.of(2, 0, 0, 0, 0, 1) }
const rio = (n: number): NdpOption => ({
  kind: 'rio',
  prefix: prefix(`2001:db8:${n.toString(16)}::/96`),
  preference: 'medium',
  lifetimeS: n,
})

const ra = (options: readonly NdpOption[]): RouterAdvertisement => ({
  curHopLimit: 64,
  managed: false,
  otherConfig: true,
  homeAgent: false,
  proxy: false,
  preference: 'high',
  routerLifetimeS: 1800,
  reachableTimeMs: 1,
  retransTimerMs: 2,
  options,
})

test('what fits in the minimum MTU is one message, octet by octet the plain one', () => {
  // 16 of header, 8 of SLLA, 50 × 24 of routes = 1224; one more PREF64 of 16 octets makes it exactly 1240.
  const routes = Array.from({ length: 50 }, (_, n) => rio(n + 1))
  const full = ra([SLLA, ...routes, { kind: 'pref64', prefix: prefix('64:ff9b::/96'), lifetimeS: 8 }])
  assert.deepEqual(encodeWithin(full), [encodeRouterAdvertisement(full)])
  assert.equal(encodeWithin(full)[0]?.length, MESSAGE_MAX_LEN)
})

test('RFC 4861 §6.2.3: one octet more makes two; each has the header and the SLLA, no option is lost or doubled', () => {
  const routes = Array.from({ length: 51 }, (_, n) => rio(n + 1))
  const messages = encodeWithin(ra([SLLA, ...routes])).map(decodeRouterAdvertisement)
  assert.equal(messages.length, 2)
  for (const { options, ignored, ...header } of messages) {
    const { options: _, ...expected } = ra([])
    assert.deepEqual(header, expected)
    assert.deepEqual([options[0], ignored], [SLLA, []])
  }
  assert.deepEqual(
    messages.flatMap(({ options }) => options.slice(1)),
    routes,
  )
})

test('an option that fits in no message says which', () => {
  const servers = Array.from({ length: 77 }, () => asIp6(new Uint8Array(16)))
  assert.throws(
    () => encodeWithin(ra([SLLA, { kind: 'rdnss', lifetimeS: 1, servers }])),
    (error) =>
      error instanceof NdpError &&
      /its rdnss option has 1240 octets, at most 1216 fit .* shorten that list/.test(error.message),
  )
})

test('however many options: every message fits, together they hold all of them in order', () => {
  const option = fc.oneof(
    fc.nat({ max: 0xffff }).map(rio),
    fc
      .array(fc.stringMatching(/^[a-z]{1,20}$/), { minLength: 1, maxLength: 20 })
      .map((names): NdpOption => ({ kind: 'dnssl', lifetimeS: 1, names })),
  )
  fc.assert(
    fc.property(fc.array(option, { maxLength: 120 }), fc.boolean(), (options, withSlla) => {
      const common = withSlla ? [SLLA] : []
      const messages = encodeWithin(ra([...common, ...options]))
      assert.ok(messages.every(({ length }) => length <= MESSAGE_MAX_LEN))
      const decoded = messages.map((message) => decodeRouterAdvertisement(message).options)
      assert.deepEqual(
        decoded.flatMap((part) => part.slice(common.length)),
        options,
      )
      // As few as can be in this order: what begins a message would not have fitted in the one before.
      for (const [index, message] of messages.entries()) {
        const next = decoded[index + 1]?.[common.length]
        if (next !== undefined)
          assert.ok(message.length + encodeRouterAdvertisement(ra([next])).length - 16 > MESSAGE_MAX_LEN)
      }
    }),
  )
})
