import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, afterEach, type TestContext, test } from 'node:test'
import { formatIp6, type Ip6, parseIp6 } from '@sixgate/addr'
import { ask, KvBucket, parseStatus } from '@sixgate/bus'
import { enterNamespace } from '@sixgate/testkit'
import fc from 'fast-check'
import { encodeRouterAdvertisement, type RouterAdvertisement } from './core/ra-wire.ts'
import type { HostSeen } from './core/hosts-seen.ts'
import type { NeighbourReport } from './core/neighbour-report.ts'
import { EthernetPort } from './testkit/ethernet-port.ts'
import { GatewayLab, heardBy, natsWith, siteOf } from './testkit/gateway-lab.ts'
import { encodeFrame, icmp6Checksum } from './testkit/icmp6-frame.ts'
import { solicit } from './testkit/solicit.ts'
import { until } from './testkit/until.ts'

/** Other routers and hosts on the LAN, asked over NATS as commands do. */

const skip = enterNamespace()
const lab = skip === false ? await GatewayLab.create() : ({} as GatewayLab)
const { host } = lab
afterEach(async () => await lab.killAll())
after(async () => await lab.close())

const ip6 = (text: string): Ip6 => parseIp6(text) ?? assert.fail(text)
const ROUTER = { mac: Uint8Array.of(2, 0, 0x5e, 0, 0, 0x66), ip: ip6('fe80::66') }

const rogue = (more: Partial<RouterAdvertisement> = {}): Uint8Array =>
  encodeRouterAdvertisement({
    curHopLimit: 32,
    managed: true,
    otherConfig: false,
    homeAgent: false,
    proxy: false,
    preference: 'high',
    routerLifetimeS: 9000,
    reachableTimeMs: 0,
    retransTimerMs: 0,
    options: [{ kind: 'slla', address: ROUTER.mac }],
    ...more,
  })

/** To all nodes, from the other router. */
const toAll = (message: Uint8Array, source = ROUTER.ip): Uint8Array =>
  encodeFrame({
    destinationMac: Uint8Array.of(0x33, 0x33, 0, 0, 0, 1),
    sourceMac: ROUTER.mac,
    source,
    destination: ip6('ff02::1'),
    hopLimit: 255,
    message,
  })

test('a rogue router: told once, counted, and listed with its MAC address and what it says otherwise', {
  skip,
}, async (t) => {
  lab.cable()
  lab.uplink(true)
  const nats = await natsWith(siteOf({ knownRouters: ['fe80::1'] }))
  t.after(async () => await nats[Symbol.asyncDispose]())
  const events = await nats.events('ra-advertiser')
  const port = new EthernetPort('br0')
  t.after(() => port.close())
  const { process: service } = lab.start(nats, 'a')
  await until('a message', () => heardBy(port)[0])
  const link = await nats.connectedLink()
  const neighbours = async (): Promise<readonly NeighbourReport[]> => {
    const [answer] = await ask(link, { service: 'ra-advertiser', question: 'neighbours', body: undefined, expected: 1 })
    return answer?.answer as readonly NeighbourReport[]
  }
  assert.deepEqual(await neighbours(), [])
  // Not from a link-local address: no host listens to it either.
  port.send(toAll(rogue(), ip6('2001:db8::66')))
  for (let n = 0; n < 5; n++) port.send(toAll(rogue()))
  await service.waitFor(/"code":"unknown-router"/)
  await service.waitFor(/"code":"managed".*M flag \(addresses by DHCPv6\): it says yes, this gateway no/)
  // The log speaks of the first message, while others may be on their way.
  const seen = await until('all five', async () => (await neighbours()).find(({ messages }) => messages >= 5))
  assert.deepEqual(
    { ...seen, silentS: 0, findings: seen.findings.map(({ code }) => code) },
    {
      link: 'lan0',
      router: formatIp6(ROUTER.ip),
      mac: '02:00:5e:00:00:66',
      routerLifetimeS: 9000,
      preference: 'high',
      prefixes: [],
      dns: [],
      pref64: [],
      silentS: 0,
      messages: 5,
      findings: ['unknown-router', 'hop-limit', 'managed'],
    },
  )
  assert.equal(service.output.stdout.match(/"code":"unknown-router"/g)?.length, 1)
  // The same as events of the site, after the one that says that there is another router.
  const who = { link: 'lan0', router: formatIp6(ROUTER.ip), mac: '02:00:5e:00:00:66' }
  await until('the events', () => events.filter(({ kind }) => kind === 'rogue-router').length === 3)
  assert.deepEqual(events.find(({ kind }) => kind === 'router-seen')?.details, who)
  assert.deepEqual(
    events.filter(({ kind }) => kind === 'rogue-router').map(({ level, details }) => [level, details]),
    ['unknown-router', 'hop-limit', 'managed'].map((code) => ['warn', { ...who, code }]),
  )
})

test('hosts on the LAN: link-layer address and addresses', { skip }, async (t) => {
  lab.cable()
  lab.uplink(true)
  const nats = await natsWith(siteOf())
  t.after(async () => await nats[Symbol.asyncDispose]())
  const { health } = lab.start(nats, 'a')
  await until('state ok', () => health().state === 'ok')
  await until('an address', () => /inet6 fd00:1:2:3:/.test(host.ip('-6 address show dev eth0')))
  await host.run('ping', '-6', '-c', '1', '-W', '5', 'fd00:1:2:3::1')
  const link = await nats.connectedLink()
  const [answer] = await ask(link, { service: 'ra-advertiser', question: 'hosts-seen', body: undefined, expected: 1 })
  const hosts = answer?.answer as readonly HostSeen[]
  const mac = /link\/ether (\S+)/.exec(host.ip('link show dev eth0'))?.[1]
  const mine = hosts.find((one) => one.mac === mac)
  assert.ok(
    mine?.addresses.some((address) => address.startsWith('fd00:1:2:3:')),
    JSON.stringify(hosts),
  )
})

/** Waits until no raw socket here has anything left to read: a queue that runs over would lose messages. */
const untilRead = async (): Promise<unknown> =>
  await until('empty queues', () =>
    readFileSync('/proc/self/net/raw6', 'utf8')
      .split('\n')
      .slice(1, -1)
      .every((line) => line.trim().split(/ +/)[4]?.split(':')[1] === '00000000'),
  )
/** So many fit in the queue of a socket. */
const BATCH = 50

/** A service that is well, on a LAN to which a port leads; `counters` are those of its newest report. */
const startWell = async (t: TestContext) => {
  lab.cable()
  lab.uplink(true)
  const nats = await natsWith(siteOf())
  t.after(async () => await nats[Symbol.asyncDispose]())
  const port = new EthernetPort('br0')
  t.after(() => port.close())
  const { health } = lab.start(nats, 'a')
  await until('state ok', () => health().state === 'ok')
  let counters: Readonly<Record<string, number>> = {}
  const status = new KvBucket(await nats.connectedLink(), 'status')
  t.after(status.watch((entry) => (counters = parseStatus(entry.value)?.counters ?? counters)))
  return { port, health, counters: () => counters }
}

test('2000 garbled Router Advertisements: each is counted, none is taken for more than it is, and it goes on', {
  skip,
}, async (t) => {
  const { port, health, counters } = await startWell(t)
  const good = rogue()
  const garbage = fc.sample(fc.tuple(fc.uint8Array({ maxLength: 100 }), fc.nat(good.length)), {
    numRuns: 2000,
    seed: 6104,
  })
  for (const [n, [octets, kept]] of garbage.entries()) {
    port.send(toAll(Uint8Array.of(134, 0, 0, 0, ...good.subarray(4, kept), ...octets)))
    if (n % BATCH === BATCH - 1) await untilRead()
  }
  await until('all of them counted', () => counters().ra_received_total === 2000)
  assert.ok((counters().ra_refused_malformed_total ?? 0) > 100, JSON.stringify(counters()))
  assert.equal(counters().ra_neighbours, 1)
  assert.equal(health().state, 'ok')
  assert.match(await solicit(host), /Router lifetime +: +1800 /)
})

test('1000 garbled Router Solicitations: each is counted, with its reason when it is refused, and it goes on', {
  skip,
}, async (t) => {
  const { port, health, counters } = await startWell(t)
  // The host has solicited too.
  const untilSettled = async (): Promise<number> => {
    await until('a report', () => counters().rs_received_total !== undefined)
    return counters().rs_received_total ?? 0
  }
  const before = await untilSettled()
  const good = Uint8Array.of(133, 0, 0, 0, 0, 0, 0, 0, 1, 1, ...ROUTER.mac)
  const garbage = fc.sample(
    fc.tuple(
      fc.uint8Array({ maxLength: 60 }),
      fc.nat(good.length),
      fc.constantFrom('fe80::66', '::', 'ff02::1'),
      fc.constantFrom(255, 255, 255, 64),
    ),
    { numRuns: 1000, seed: 4861 },
  )
  // As far as a sender can get them through the kernel, which drops multicast sources.
  const arriving = garbage.filter(([, , source]) => source !== 'ff02::1')
  for (const [n, [octets, kept, source, hopLimit]] of garbage.entries()) {
    port.send(
      encodeFrame({
        destinationMac: Uint8Array.of(0x33, 0x33, 0, 0, 0, 2),
        sourceMac: ROUTER.mac,
        source: ip6(source),
        destination: ip6('ff02::2'),
        hopLimit,
        message: Uint8Array.of(133, 0, 0, 0, ...good.subarray(4, kept), ...octets),
      }),
    )
    if (n % BATCH === BATCH - 1) await untilRead()
  }
  await until('all of them counted', () => (counters().rs_received_total ?? 0) >= before + arriving.length)
  const reasons = Object.entries(counters()).filter(([name, count]) => name.startsWith('rs_refused_') && count > 0)
  for (const reason of ['hop_limit', 'too_short', 'option_length_zero', 'option_overrun', 'slla_from_unspecified'])
    assert.ok(
      reasons.some(([name]) => name === `rs_refused_${reason}_total`),
      JSON.stringify(counters()),
    )
  assert.equal(health().state, 'ok')
  assert.match(await solicit(host), /Router lifetime +: +1800 /)
})

/** RFC 8200 §4.5: one message as two packets. The first has 16 octets of it. */
const inTwo = (message: Uint8Array): Uint8Array[] => {
  const destination = ip6('ff02::2')
  const whole = Uint8Array.from(message)
  new DataView(whole.buffer).setUint16(2, icmp6Checksum({ source: ROUTER.ip, destination, message: whole }))
  const packet = (at: number, part: Uint8Array, more: 0 | 1): Uint8Array => {
    const frame = encodeFrame({
      destinationMac: Uint8Array.of(0x33, 0x33, 0, 0, 0, 2),
      sourceMac: ROUTER.mac,
      source: ROUTER.ip,
      destination,
      hopLimit: 255,
      // next header ICMPv6, reserved, offset in units of 8 with the M flag, identification
      message: Uint8Array.of(58, 0, 0, at | more, 0, 0, 0, 7, ...part),
    })
    // Next header: fragment; what encodeFrame put for a checksum is the offset, which is not zero or has to be.
    frame[20] = 44
    frame.set([0, at | more], 56)
    return frame
  }
  return [packet(0, whole.subarray(0, 16), 1), packet(16, whole.subarray(16), 0)]
}

test('RFC 6980 §5: a solicitation in fragments is not answered, and counted', { skip }, async (t) => {
  const { port, counters } = await startWell(t)
  const solicitation = Uint8Array.of(133, 0, 0, 0, 0, 0, 0, 0, 1, 1, ...ROUTER.mac, 14, 1, 0, 0, 0, 0, 0, 0)
  for (const frame of inTwo(solicitation)) port.send(frame)
  await until('the counter', () => counters().rs_refused_fragmented_total === 1)
})
