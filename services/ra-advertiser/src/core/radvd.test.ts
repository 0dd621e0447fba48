import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type Ip6, type Prefix6, parseIp6, parsePrefix6 } from '@sixgate/addr'
import { INFINITE_LIFETIME_S } from './options/option-codec.ts'
import { decodeRouterAdvertisement, encodeRouterAdvertisement, type RouterAdvertisement } from './ra-wire.ts'

/** What radvd sends for testdata/radvd/<name>.conf, in radvd's order of options. */

const ip6 = (text: string): Ip6 => parseIp6(text) ?? assert.fail(text)
const prefix6 = (text: string): Prefix6 => parsePrefix6(text) ?? assert.fail(text)

const PIO_DEFAULTS = {
  kind: 'pio',
  onLink: true,
  autonomous: true,
  routerAddress: undefined,
  preferDelegation: false,
  validLifetimeS: 86_400,
  preferredLifetimeS: 14_400,
} as const

const PLAIN: RouterAdvertisement = {
  curHopLimit: 64,
  managed: false,
  otherConfig: false,
  homeAgent: false,
  proxy: false,
  preference: 'low',
  routerLifetimeS: 9000,
  reachableTimeMs: 0,
  retransTimerMs: 0,
  options: [{ ...PIO_DEFAULTS, prefix: prefix6('2001:db8:1:2::/64') }],
}

const EVERY_OPTION: RouterAdvertisement = {
  curHopLimit: 32,
  managed: true,
  otherConfig: true,
  homeAgent: true,
  proxy: false,
  preference: 'high',
  routerLifetimeS: 1800,
  reachableTimeMs: 30_000,
  retransTimerMs: 1000,
  options: [
    { ...PIO_DEFAULTS, prefix: prefix6('fd00:1:2:3::/64') },
    {
      ...PIO_DEFAULTS,
      prefix: prefix6('2001:db8:1:2::/64'),
      autonomous: false,
      routerAddress: ip6('2001:db8:1:2::1'),
      validLifetimeS: INFINITE_LIFETIME_S,
      preferredLifetimeS: INFINITE_LIFETIME_S,
    },
    { kind: 'pref64', prefix: prefix6('64:ff9b::/96'), lifetimeS: 1800 },
    { kind: 'pref64', prefix: prefix6('2001:db8:64::/48'), lifetimeS: 608 },
    { kind: 'rio', prefix: prefix6('2001:db8:5::/48'), preference: 'high', lifetimeS: 600 },
    { kind: 'rio', prefix: prefix6('64:ff9b::/96'), preference: 'low', lifetimeS: INFINITE_LIFETIME_S },
    { kind: 'rdnss', lifetimeS: 1800, servers: [ip6('fd00:1:2:3::1'), ip6('2001:db8::53')] },
    { kind: 'dnssl', lifetimeS: 900, names: ['lan.example', 'example.org'] },
    { kind: 'mtu', mtuBytes: 1400 },
    { kind: 'slla', address: Uint8Array.of(2, 0, 0x5e, 0x10, 0, 1) },
    { kind: 'captive-portal', uri: 'https://portal.example/api' },
  ],
}

for (const [name, ra] of [
  ['plain', PLAIN],
  ['every-option', EVERY_OPTION],
] as const) {
  const file = new URL(`../../testdata/radvd/${name}.hex`, import.meta.url)
  const message = Uint8Array.from(Buffer.from(readFileSync(file, 'utf8').replaceAll(/\s/g, ''), 'hex'))

  test(`radvd's ${name}: our encoder writes the same octets`, () => {
    const withoutChecksum = Buffer.from(message).fill(0, 2, 4)
    assert.equal(Buffer.from(encodeRouterAdvertisement(ra)).toString('hex'), withoutChecksum.toString('hex'))
  })

  test(`radvd's ${name}: our decoder reads every field`, () => {
    assert.deepEqual(decodeRouterAdvertisement(message), { ...ra, ignored: [] })
  })
}
