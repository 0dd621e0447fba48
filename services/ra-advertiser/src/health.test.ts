import assert from 'node:assert/strict'
import { after, afterEach, type TestContext, test } from 'node:test'
import { formatIp6 } from '@sixgate/addr'
import { KvBucket } from '@sixgate/bus'
import type { NatsLab } from '@sixgate/bus/testkit'
import { enterNamespace } from '@sixgate/testkit'
import { EthernetPort } from './testkit/ethernet-port.ts'
import { GatewayLab, type Heard, heardBy, natsWith, optionsOf, siteOf } from './testkit/gateway-lab.ts'
import { solicit } from './testkit/solicit.ts'
import { until } from './testkit/until.ts'

/** Router Advertisements that follow the health of the site, with a real NATS server; the other services are reports. */

const skip = enterNamespace()
const lab = skip === false ? await GatewayLab.create() : ({} as GatewayLab)
const { host } = lab
afterEach(async () => await lab.killAll())
after(async () => await lab.close())

type Problems = readonly { code: string; message: string }[]

/** A service as others see it: a report every second. */
const reportAs = async (nats: NatsLab, t: TestContext, service: 'nat64' | 'dns64') => {
  const bucket = new KvBucket(await nats.connectedLink(), 'status')
  let problems: Problems = []
  const put = async (): Promise<void> => {
    const atMs = Date.now()
    const state = problems.length === 0 ? 'ok' : 'degraded'
    const status = {
      service,
      instance: 'a',
      version: '0.0.0',
      revision: 1,
      state,
      sinceMs: atMs,
      problems,
      counters: {},
      startedAtMs: atMs,
      atMs,
    }
    if (bucket.connected)
      await bucket.put(`${service}.a`, new TextEncoder().encode(JSON.stringify(status))).catch(() => undefined)
  }
  await put()
  const timer = setInterval(() => void put(), 1000)
  t.after(() => clearInterval(timer))
  return {
    say: async (next: Problems): Promise<void> => {
      problems = next
      await put()
    },
    fallSilent: (): void => clearInterval(timer),
  }
}

const RA = {
  health: { downAfterS: 2, upAfterS: 1 },
  preference: 'high',
  pref64Route: true,
  rdnss: ['fd00:1:2:3::1', '2001:db8::53'],
}

/** [router lifetime, preference, RIO, PREF64, RDNSS by address] of a message. */
const essence = (ra: Heard) => [
  ra.routerLifetimeS,
  ra.preference,
  optionsOf(ra, 'rio').map(({ lifetimeS }) => lifetimeS),
  optionsOf(ra, 'pref64').map(({ lifetimeS }) => lifetimeS),
  optionsOf(ra, 'rdnss')
    .flatMap(({ servers, lifetimeS }) => servers.map((server) => `${formatIp6(server)} ${lifetimeS}`))
    .toSorted(),
]
const dns = (router: number) => ['2001:db8::53 1800', `fd00:1:2:3::1 ${router}`]
const DNS = dns(1800)
const ALL_WELL = [1800, 'high', [1800], [1800], DNS]

const lastIs = async (port: EthernetPort, expected: unknown): Promise<void> => {
  const text = JSON.stringify(expected)
  try {
    await until(text, () => JSON.stringify(heardBy(port).map(essence).at(-1)) === text)
  } catch (error) {
    throw new Error(`last message: ${JSON.stringify(heardBy(port).map(essence).at(-1))}`, { cause: error })
  }
}

const begin = async (t: TestContext, ra: object = RA) => {
  lab.cable()
  lab.uplink(true)
  const nats = await natsWith(siteOf({ ...ra }))
  t.after(async () => await nats[Symbol.asyncDispose]())
  const nat64 = await reportAs(nats, t, 'nat64')
  const dns64 = await reportAs(nats, t, 'dns64')
  const port = new EthernetPort('br0')
  t.after(() => port.close())
  const instance = lab.start(nats, 'a')
  return { nats, nat64, dns64, port, instance }
}

test('nat64 fails: its prefix and the route to it go, the preference is low, the rest stays; it is back: all is back', {
  skip,
}, async (t) => {
  const { nat64, port } = await begin(t)
  await lastIs(port, ALL_WELL)
  await nat64.say([{ code: 'pool-exhausted', message: 'nat64.pool4: is full' }])
  await nat64.say([{ code: 'tun-lost', message: 'the TUN is gone' }])
  await lastIs(port, [1800, 'low', [0], [0], DNS])
  await nat64.say([])
  await lastIs(port, ALL_WELL)
})

test('dns64 fails: its address goes as DNS server, the other one stays', { skip }, async (t) => {
  const { dns64, port } = await begin(t)
  await lastIs(port, ALL_WELL)
  await dns64.say([{ code: 'listen-port-taken', message: 'dns64.listen: fd00:1:2:3::1 port 53/udp is taken' }])
  await lastIs(port, [1800, 'low', [1800], [1800], dns(0)])
  await dns64.say([])
  await lastIs(port, ALL_WELL)
})

test('the uplink goes: no default router, a Linux host drops its route; it comes back: the host has it again', {
  skip,
}, async (t) => {
  const { port } = await begin(t)
  await lastIs(port, ALL_WELL)
  const route = (): string => host.ip('-6 route show default').trim()
  await until('the default route', () => /pref high/.test(route()))
  lab.uplink(false)
  // RFC 4191 §2.2: without a lifetime no preference.
  await lastIs(port, [0, 'medium', [1800], [1800], DNS])
  await until('no default route', () => route() === '')
  lab.uplink(true)
  await lastIs(port, ALL_WELL)
  await until('the default route again', () => /pref high/.test(route()))
})

test('NATS gone: the last state is kept, well or not, over a restart of the service too', { skip }, async (t) => {
  const { nats, nat64, port, instance } = await begin(t)
  await lastIs(port, ALL_WELL)
  await nat64.say([{ code: 'tun-lost', message: 'the TUN is gone' }])
  const broken = [1800, 'low', [0], [0], DNS]
  await lastIs(port, broken)
  await nats.server.stop('SIGKILL')
  await instance.process.waitFor(/connection to .* lost/)
  await instance.process.stop('SIGKILL')
  port.frames.length = 0
  lab.start(nats, 'a')
  await lastIs(port, broken)
  assert.ok(heardBy(port).every((ra) => JSON.stringify(essence(ra)) === JSON.stringify(broken)))
  await nats.server.start()
  await nats.makeBuckets('status', 'leases')
  await nat64.say([])
  await lastIs(port, ALL_WELL)
})

test('NATS gone while all is well: nothing is withdrawn, however long the reports stay away', { skip }, async (t) => {
  const { nats, port, instance } = await begin(t)
  await lastIs(port, ALL_WELL)
  await nats.server.stop('SIGKILL')
  await instance.process.waitFor(/connection to .* lost/)
  // Longer than a service may be silent (15 s) and downAfterS together.
  await new Promise((resolve) => setTimeout(resolve, 19_000))
  const stdout = await solicit(host)
  assert.match(stdout, /Router lifetime +: +1800 /)
  assert.ok(heardBy(port).every((ra) => JSON.stringify(essence(ra)) === JSON.stringify(ALL_WELL)))
})

test('NATS is there and takes nothing (a cluster without a majority): nothing is withdrawn, and once it does all is seen again', {
  skip,
}, async (t) => {
  const { nats, nat64, port } = await begin(t)
  await lastIs(port, ALL_WELL)
  await nats.deleteBucket('status')
  // Longer than a service may be silent (15 s) and downAfterS together.
  await new Promise((resolve) => setTimeout(resolve, 19_000))
  const { stdout } = await host.run('rdisc6', '-1', '-w', '5000', 'eth0')
  assert.match(stdout, /Router lifetime +: +1800 /)
  assert.ok(heardBy(port).every((ra) => JSON.stringify(essence(ra)) === JSON.stringify(ALL_WELL)))
  await nats.makeBuckets('status')
  await nat64.say([{ code: 'tun-lost', message: 'the TUN is gone' }])
  await lastIs(port, [1800, 'low', [0], [0], DNS])
})

test('nat64 is killed: it falls silent, and its prefix goes', { skip }, async (t) => {
  const { nat64, port } = await begin(t)
  await lastIs(port, ALL_WELL)
  nat64.fallSilent()
  await lastIs(port, [1800, 'low', [0], [0], DNS])
})

test('the LAN is unplugged for long, and dns64 has no address there: plugged in again, its address is there at once', {
  skip,
}, async (t) => {
  const { dns64, port, instance } = await begin(t)
  await lastIs(port, ALL_WELL)
  lab.gateway.ip('link set wire down')
  await until('said', () => instance.health().problems.some((problem) => /carrier/.test(problem)))
  await dns64.say([
    { code: 'listen-address-missing', message: 'dns64.listen: no interface has the address fd00:1:2:3::1 (yet)' },
  ])
  // Three times as long as what is not well is borne.
  await new Promise((resolve) => setTimeout(resolve, 6000))
  port.frames.length = 0
  lab.gateway.ip('link set wire up')
  const first = await until('a message', () => heardBy(port)[0])
  assert.deepEqual(essence(first), ALL_WELL)
})

test('what ra.health does not follow stays', { skip }, async (t) => {
  const { nat64, dns64, port } = await begin(t, {
    ...RA,
    health: { ...RA.health, nat64: false, lowerPreference: false },
  })
  await lastIs(port, ALL_WELL)
  await nat64.say([{ code: 'tun-lost', message: 'the TUN is gone' }])
  await dns64.say([{ code: 'upstream-silent', message: 'no upstream answers' }])
  await lastIs(port, [1800, 'high', [1800], [1800], dns(0)])
})
