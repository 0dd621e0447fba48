import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asIp6, formatIp6, formatPrefix } from '@sixgate/addr'
import { parseSite } from '@sixgate/site'
import { advertisementOf, finalAdvertisementOf, lastWordsFor } from './advertisement.ts'
import { ALL_WELL } from './health.ts'
import { encodeOption } from './ndp-options.ts'
import { decodeRouterAdvertisement, encodeRouterAdvertisement, type RouterAdvertisement } from './ra-wire.ts'

const LAN = { mac: Uint8Array.of(2, 0, 0x5e, 0x10, 0, 1), mtuBytes: 1500 }
const NOW_MS = Date.UTC(2027, 0, 1)
const FORWARDING = { forwarding: true, health: ALL_WELL, unixMs: NOW_MS }

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
  const off = advertisementOf(site, LAN, { ...FORWARDING, forwarding: false })
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

test('every header field and prefix flag', () => {
  const site = siteWith({
    managed: true,
    otherConfig: true,
    reachableTimeMs: 30_000,
    retransTimerMs: 1000,
    onLink: false,
    autonomous: false,
    routerAddress: true,
    preferDelegation: true,
  })
  const { options, ...header } = advertisementOf(site, LAN, FORWARDING)
  assert.deepEqual(
    [header.managed, header.otherConfig, header.reachableTimeMs, header.retransTimerMs],
    [true, true, 30_000, 1000],
  )
  const pio = options.find(({ kind }) => kind === 'pio') ?? assert.fail()
  assert.equal(
    Buffer.from(encodeOption(pio)).toString('hex'),
    hex('03 04 40 30 00015180 00003840 00000000 fd000001000200030000000000000001'),
  )
})

test('RFC 4861 §6.2.1: lifetimes that end at a fixed time count down to it, and stay 0 behind it', () => {
  const at = (offsetS: number): string => new Date(NOW_MS + offsetS * 1000).toISOString().replace('.000Z', 'Z')
  const site = siteWith({ preferredUntil: at(3600), validUntil: at(100_000) })
  const lifetimesAt = (offsetS: number) => {
    const ra = advertisementOf(site, LAN, { ...FORWARDING, unixMs: NOW_MS + offsetS * 1000 })
    const pio = ra.options.find((option) => option.kind === 'pio')
    return [pio?.preferredLifetimeS, pio?.validLifetimeS]
  }
  assert.deepEqual(lifetimesAt(-1_000_000), [14_400, 86_400])
  assert.deepEqual(lifetimesAt(0), [3600, 86_400])
  assert.deepEqual(lifetimesAt(3599.5), [0, 86_400])
  assert.deepEqual(lifetimesAt(20_000), [0, 80_000])
  assert.deepEqual(lifetimesAt(100_000), [0, 0])
  assert.deepEqual(lifetimesAt(200_000), [0, 0])
})

test('the preferred lifetime never outlasts a valid one that counts down', () => {
  const site = siteWith({ validUntil: new Date(NOW_MS + 60_000).toISOString().replace('.000Z', 'Z') })
  const pio = advertisementOf(site, LAN, FORWARDING).options.find((option) => option.kind === 'pio')
  assert.deepEqual([pio?.preferredLifetimeS, pio?.validLifetimeS], [60, 60])
})

const routesOf = (ra: RouterAdvertisement) =>
  ra.options.flatMap((option) =>
    option.kind === 'rio' ? [[formatPrefix(option.prefix), option.preference, option.lifetimeS]] : [],
  )

test('RFC 4191 §2.3: a route to the NAT64 prefix where the router is no default router, or where the document wants it', () => {
  const nat64 = (ra: Record<string, unknown>) => routesOf(advertisementOf(siteWith(ra), LAN, FORWARDING))
  assert.deepEqual(nat64({}), [])
  assert.deepEqual(nat64({ pref64Route: true, preference: 'high' }), [['64:ff9b::/96', 'high', 1800]])
  assert.deepEqual(nat64({ routerLifetimeS: 0, maxRtrAdvIntervalS: 100 }), [['64:ff9b::/96', 'medium', 300]])
  assert.deepEqual(nat64({ routerLifetimeS: 0, pref64Route: false }), [])
})

test('RFC 4191: routes of the document; withdrawn while nothing is forwarded', () => {
  const site = siteWith({
    routes: [{ prefix: '2001:db8:5::/48', preference: 'low', lifetimeS: 60 }, { prefix: '2001:db8:6::/48' }],
  })
  assert.deepEqual(routesOf(advertisementOf(site, LAN, FORWARDING)), [
    ['2001:db8:5::/48', 'low', 60],
    ['2001:db8:6::/48', 'medium', 1800],
  ])
  assert.deepEqual(routesOf(advertisementOf(site, LAN, { ...FORWARDING, forwarding: false })), [
    ['2001:db8:5::/48', 'low', 0],
    ['2001:db8:6::/48', 'medium', 0],
  ])
})

test('other DNS servers, encrypted ones and a captive portal', () => {
  const site = siteWith({
    rdnss: ['fd00::53', 'fd00::54'],
    dnr: [{ name: 'dns.example', alpn: ['dot'] }],
    captivePortal: 'https://portal.example/api',
  })
  const { options } = advertisementOf(site, LAN, FORWARDING)
  assert.deepEqual(
    options.flatMap((option) => (option.kind === 'rdnss' ? option.servers.map(formatIp6) : [])),
    ['fd00::53', 'fd00::54'],
  )
  const dnr = options.find((option) => option.kind === 'dnr') ?? assert.fail()
  assert.deepEqual([dnr.name, dnr.lifetimeS, dnr.addresses], ['dns.example', 1800, [site.lan.router]])
  assert.deepEqual(options.at(-1), { kind: 'captive-portal', uri: 'https://portal.example/api' })
})

test('RFC 4861 §6.2.5: the final message withdraws router, routes, DNS and every PREF64, and leaves the prefix alone', () => {
  const site = siteWith(
    {
      dnssl: ['lan.example'],
      preference: 'high',
      pref64Route: true,
      dnr: [{ name: 'dns.example', alpn: ['dot'] }],
      captivePortal: 'https://portal.example/api',
    },
    ['64:ff9b::/96', '2001:db8:64::/48'],
  )
  const final = decodeRouterAdvertisement(encodeRouterAdvertisement(finalAdvertisementOf(site, LAN)))
  assert.equal(final.routerLifetimeS, 0)
  assert.equal(final.preference, 'medium')
  const lifetimes = final.options.map((option) => [option.kind, 'lifetimeS' in option ? option.lifetimeS : undefined])
  assert.deepEqual(lifetimes, [
    ['slla', undefined],
    ['rio', 0],
    ['rio', 0],
    ['rdnss', 0],
    ['dnssl', 0],
    ['dnr', 0],
    ['pref64', 0],
    ['pref64', 0],
  ])
})

test('RFC 8106 §5.3.1: the DNS server of a silent gateway is withdrawn, also where the document names it', () => {
  const silent = [siteWith({}).lan.router].map((router) => asIp6(Uint8Array.from(router).fill(2, 15)))
  const said = (ra: Record<string, unknown>) =>
    advertisementOf(siteWith(ra), LAN, { ...FORWARDING, silent }).options.flatMap((option) =>
      option.kind === 'rdnss' ? option.servers.map((one) => `${formatIp6(one)} ${option.lifetimeS}`) : [],
    )
  assert.deepEqual(said({}), ['fd00:1:2:3::1 1800', 'fd00:1:2:3::2 0'])
  assert.deepEqual(said({ rdnss: ['fd00:1:2:3::2', 'fd00::53'] }), ['fd00::53 1800', 'fd00:1:2:3::2 0'])
})

test('RFC 4861 §6.2.5: last words in the name of a silent gateway: its routes and its DNS server, nothing that others say too', () => {
  const site = siteWith({ dnssl: ['lan.example'], pref64Route: true, preference: 'high' })
  const words = decodeRouterAdvertisement(encodeRouterAdvertisement(lastWordsFor(site, site.lan.router)))
  assert.deepEqual([words.routerLifetimeS, words.preference], [0, 'medium'])
  const lifetimes = words.options.map((option) => [option.kind, 'lifetimeS' in option ? option.lifetimeS : undefined])
  assert.deepEqual(lifetimes, [
    ['rio', 0],
    ['rdnss', 0],
  ])
})
