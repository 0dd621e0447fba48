import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSite } from '@sixgate/site'
import { advertisementOf, finalAdvertisementOf } from './advertisement.ts'
import { decodeRouterAdvertisement, encodeRouterAdvertisement, type RouterAdvertisement } from './ra-wire.ts'

const LAN = { mac: Uint8Array.of(2, 0, 0x5e, 0x10, 0, 1), mtuBytes: 1500 }
const FORWARDING = { forwarding: true }

const siteWith = (ra: Record<string, unknown>, pref64: readonly string[] = ['64:ff9b::/96']) =>
  parseSite({
    lan: { interface: 'lan0', prefix: 'fd00:1:2:3::/64' },
    pref64,
    nat64: { pool4: ['192.168.64.0/24'] },
    ra,
  })

const toHex = (ra: RouterAdvertisement): string => Buffer.from(encodeRouterAdvertisement(ra)).toString('hex')
const hex = (text: string): string => text.replaceAll(/\([^)]*\)|\s/g, '')

test('the whole message of a site with the defaults, written by hand from the RFCs', () => {
  assert.equal(
    toHex(advertisementOf(siteWith({}), LAN, FORWARDING)),
    hex(`86 00 0000 40 00 0708 00000000 00000000
      (SLLA) 01 01 02005e100001
      (PIO) 03 04 40 c0 00015180 00003840 00000000 fd000001000200030000000000000000
      (RDNSS) 19 03 0000 00000708 fd000001000200030000000000000001
      (PREF64) 26 02 0708 0064ff9b0000000000000000`),
  )
})

test('every field of ra in the document reaches its place', () => {
  const site = siteWith(
    {
      curHopLimit: 32,
      preference: 'low',
      routerLifetimeS: 9000,
      validLifetimeS: 7200,
      preferredLifetimeS: 3600,
      rdnssLifetimeS: 900,
      pref64LifetimeS: 601,
      linkMtu: 1400,
      dnssl: ['lan.example'],
    },
    ['64:ff9b::/96', '2001:db8:64::/48'],
  )
  assert.equal(
    toHex(advertisementOf(site, LAN, FORWARDING)),
    hex(`86 00 0000 20 18 2328 00000000 00000000
      (SLLA) 01 01 02005e100001
      (MTU) 05 01 0000 00000578
      (PIO) 03 04 40 c0 00001c20 00000e10 00000000 fd000001000200030000000000000000
      (RDNSS) 19 03 0000 00000384 fd000001000200030000000000000001
      (DNSSL) 1f 03 0000 00000384 036c616e076578616d706c650000 0000
      (PREF64, 601 s = 76 × 8 rounded up) 26 02 0260 0064ff9b0000000000000000
      (PREF64) 26 02 0263 20010db80064000000000000`),
  )
})

test('RFC 4861 §6.2.5: without forwarding the router lifetime is zero, the rest stays', () => {
  const site = siteWith({ preference: 'high' })
  const on = advertisementOf(site, LAN, FORWARDING)
  const off = advertisementOf(site, LAN, { forwarding: false })
  assert.equal(off.routerLifetimeS, 0)
  assert.deepEqual({ ...off, routerLifetimeS: on.routerLifetimeS }, on)
})

test('RFC 4861 §6.2.1: never a larger MTU than the link carries', () => {
  const mtuOf = (linkMtu: number, mtuBytes: number) =>
    advertisementOf(siteWith({ linkMtu }), { ...LAN, mtuBytes }, FORWARDING).options.find(({ kind }) => kind === 'mtu')
  assert.deepEqual(mtuOf(9000, 1500), { kind: 'mtu', mtuBytes: 1500 })
  assert.deepEqual(mtuOf(1280, 1500), { kind: 'mtu', mtuBytes: 1280 })
  assert.equal(mtuOf(0, 1500), undefined)
})

test('a link without addresses gets no SLLA (RFC 4861 §4.2)', () => {
  const kinds = advertisementOf(siteWith({}), { ...LAN, mac: undefined }, FORWARDING).options.map(({ kind }) => kind)
  assert.deepEqual(kinds, ['pio', 'rdnss', 'pref64'])
})

test('RFC 4861 §6.2.5: the final message withdraws router, RDNSS, DNSSL and every PREF64, and leaves the prefix alone', () => {
  const site = siteWith({ dnssl: ['lan.example'], preference: 'high' }, ['64:ff9b::/96', '2001:db8:64::/48'])
  const final = decodeRouterAdvertisement(encodeRouterAdvertisement(finalAdvertisementOf(site, LAN)))
  assert.equal(final.routerLifetimeS, 0)
  assert.equal(final.preference, 'medium')
  const lifetimes = final.options.map((option) => [option.kind, 'lifetimeS' in option ? option.lifetimeS : undefined])
  assert.deepEqual(lifetimes, [
    ['slla', undefined],
    ['rdnss', 0],
    ['dnssl', 0],
    ['pref64', 0],
    ['pref64', 0],
  ])
})
