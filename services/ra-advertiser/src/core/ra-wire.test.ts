import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIp6, parsePrefix6 } from '@sixgate/addr'
import fc from 'fast-check'
import { NdpError } from './ndp-error.ts'
import { decodeRouterAdvertisement, encodeRouterAdvertisement, type RouterAdvertisement } from './ra-wire.ts'
import { PLAIN_HEADER } from '../testkit/plain-header.ts'

const octets = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'))
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const PLAIN: RouterAdvertisement = {
  ...PLAIN_HEADER,
  routerLifetimeS: 1800,
  options: [],
}

/** By hand from RFC 4861 §4.2, RFC 4191 §2.2, RFC 6275 §7.1, RFC 4389 §4.1.3.3. */
const GOLDEN: readonly (readonly [string, RouterAdvertisement, string])[] = [
  ['no flags', PLAIN, '86 00 0000 40 00 0708 00000000 00000000'],
  ['M and O', { ...PLAIN, managed: true, otherConfig: true }, '86 00 0000 40 c0 0708 00000000 00000000'],
  ['H and P', { ...PLAIN, homeAgent: true, proxy: true }, '86 00 0000 40 24 0708 00000000 00000000'],
  ['high preference', { ...PLAIN, preference: 'high' }, '86 00 0000 40 08 0708 00000000 00000000'],
  ['low preference', { ...PLAIN, preference: 'low' }, '86 00 0000 40 18 0708 00000000 00000000'],
  [
    'timers, longest lifetime, no hop limit',
    { ...PLAIN, curHopLimit: 0, routerLifetimeS: 65_535, reachableTimeMs: 30_000, retransTimerMs: 1_000 },
    '86 00 0000 00 00 ffff 00007530 000003e8',
  ],
  [
    'options in their order',
    {
      ...PLAIN,
      options: [
        { kind: 'slla', address: Uint8Array.of(2, 0, 0, 0, 0, 1) },
        { kind: 'mtu', mtuBytes: 1500 },
        { kind: 'rdnss', lifetimeS: 1800, servers: [parseIp6('fd00::1') ?? assert.fail()] },
        { kind: 'pref64', prefix: parsePrefix6('64:ff9b::/96') ?? assert.fail(), lifetimeS: 1800 },
      ],
    },
    `86 00 0000 40 00 0708 00000000 00000000
     01 01 020000000001
     05 01 0000 000005dc
     19 03 0000 00000708 fd000000000000000000000000000001
     26 02 0708 0064ff9b0000000000000000`,
  ],
]

for (const [name, ra, hex] of GOLDEN) {
  test(`RFC 4861 §4.2: ${name}, in both directions`, () => {
    assert.equal(toHex(encodeRouterAdvertisement(ra)), toHex(octets(hex)))
    assert.deepEqual(decodeRouterAdvertisement(octets(hex)), { ...ra, ignored: [] })
  })
}

test('RFC 4191 §2.2: with a router lifetime of zero the preference is sent as medium', () => {
  const encoded = encodeRouterAdvertisement({ ...PLAIN, routerLifetimeS: 0, preference: 'high' })
  assert.equal(toHex(encoded), toHex(octets('86 00 0000 40 00 0000 00000000 00000000')))
})

test('RFC 4191 §2.2: the reserved preference is read as medium', () => {
  assert.equal(decodeRouterAdvertisement(octets('86 00 0000 40 10 0708 00000000 00000000')).preference, 'medium')
})

test('one malformed option is ignored, its neighbours are read (RFC 8781 §4, RFC 4191 §2.3)', () => {
  const ra = decodeRouterAdvertisement(
    octets('86 00 0000 40 00 0708 00000000 00000000 26 02 070f 000000000000000000000000 05 01 0000 000005dc'),
  )
  assert.deepEqual(ra.options, [{ kind: 'mtu', mtuBytes: 1500 }])
  assert.match(ra.ignored[0]?.message ?? '', /PREF64: prefix length code 7/)
})

test('RFC 4861 §6.1.2: what makes a host discard the whole message is refused', () => {
  for (const [hex, code] of [
    ['', 'truncated'],
    ['86 00 0000 40 00 0708 00000000 000000', 'truncated'],
    ['85 00 0000 40 00 0708 00000000 00000000', 'bad-type'],
    ['86 01 0000 40 00 0708 00000000 00000000', 'bad-value'],
    ['86 00 0000 40 00 0708 00000000 00000000 05 00 0000 000005dc', 'bad-length'],
    ['86 00 0000 40 00 0708 00000000 00000000 05 02 0000 000005dc', 'truncated'],
  ] as const)
    assert.throws(
      () => decodeRouterAdvertisement(octets(hex)),
      (error) => error instanceof NdpError && error.code === code,
      hex,
    )
})

test('a field that does not fit names itself', () => {
  assert.throws(() => encodeRouterAdvertisement({ ...PLAIN, curHopLimit: 256 }), /RA: 256 does not fit in one octet/)
})

test('decode ∘ encode = identity for every header', () => {
  const u32 = fc.nat({ max: 0xffffffff })
  const header = fc.record({
    curHopLimit: fc.nat({ max: 255 }),
    managed: fc.boolean(),
    otherConfig: fc.boolean(),
    homeAgent: fc.boolean(),
    proxy: fc.boolean(),
    preference: fc.constantFrom('high' as const, 'medium' as const, 'low' as const),
    routerLifetimeS: fc.integer({ min: 1, max: 65_535 }),
    reachableTimeMs: u32,
    retransTimerMs: u32,
  })
  fc.assert(
    fc.property(header, (fields) => {
      const ra = { ...fields, options: [] }
      assert.deepEqual(decodeRouterAdvertisement(encodeRouterAdvertisement(ra)), { ...ra, ignored: [] })
    }),
  )
})

test('random octets never throw anything but NdpError', () => {
  const nearly = fc.uint8Array({ maxLength: 160 }).map((rest) => Uint8Array.of(134, 0, 0, 0, ...rest))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), nearly), (bytes) => {
      try {
        decodeRouterAdvertisement(bytes)
      } catch (error) {
        assert.ok(error instanceof NdpError, String(error))
      }
    }),
    { numRuns: 3000 },
  )
})
