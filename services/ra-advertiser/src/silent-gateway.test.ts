import assert from 'node:assert/strict'
import { after, afterEach, test } from 'node:test'
import { type Ip6, parseIp6 } from '@sixgate/addr'
import { KvBucket } from '@sixgate/bus'
import type { NatsLab } from '@sixgate/bus/testkit'
import { enterNamespace } from '@sixgate/testkit'
import { encodeRouterAdvertisement, ICMP6_TYPE } from './core/ra-wire.ts'
import { UNANSWERED_MAX } from './core/silence.ts'
import { EthernetPort } from './testkit/ethernet-port.ts'
import { GatewayLab, type Heard, heardBy, LAN_MAC, natsWith, optionsOf, siteOf } from './testkit/gateway-lab.ts'
import { decodeFrame, encodeFrame } from './testkit/icmp6-frame.ts'
import { PLAIN_HEADER } from './testkit/plain-header.ts'
import { GATEWAYS, reportOf, SECOND_MAC, SecondGateway } from './testkit/second-gateway.ts'
import { until } from './testkit/until.ts'

/** One of two gateways dies without a word: the other one withdraws it (testkit/second-gateway.ts draws them). */

const skip = enterNamespace()
const lab = skip === false ? await GatewayLab.create() : ({} as GatewayLab)
// What is for one of the three alone is heard, too.
if (skip === false) lab.gateway.ip('link set br0 promisc on')
const second = skip === false ? await SecondGateway.create(lab) : ({} as SecondGateway)
afterEach(async () => {
  await second.killAll()
  await lab.killAll()
})
after(async () => {
  await second.close()
  await lab.close()
})

const A = 'fe80::5eff:fe10:1'
const B = 'fe80::5eff:fe10:2'

const address = (text: string): Ip6 => parseIp6(text) ?? assert.fail(text)

const TO_ALL_NODES = {
  destinationMac: Uint8Array.of(0x33, 0x33, 0, 0, 0, 1),
  sourceMac: Uint8Array.of(2, 0, 0x5e, 0x10, 0, 2),
  destination: address('ff02::1'),
  hopLimit: 255,
}

/** `::2 1800` of each DNS server in a message. */
const serversIn = (message: Heard | undefined): string =>
  (message === undefined ? [] : optionsOf(message, 'rdnss'))
    .flatMap(({ servers, lifetimeS }) => servers.map((server) => `::${server.at(-1)} ${lifetimeS}`))
    .toSorted()
    .join(', ')

/** By whose link-layer address a frame left. */
const isBy = (mac: string, { sourceMac }: { readonly sourceMac: Uint8Array }): boolean =>
  Buffer.from(sourceMac).toString('hex') === mac.replaceAll(':', '')

/** Router Advertisements that name `source` as their router, and left from the link with address `mac`. */
const sentAs = (source: string, mac: string, { frames }: EthernetPort): Heard[] => {
  const own = frames.filter((frame) => isBy(mac, decodeFrame(frame) ?? { sourceMac: new Uint8Array() }))
  return heardBy({ frames: own }).filter((message) => message.source === source)
}

const routes = (): string => lab.host.ip('-6 route show default')

/** Both gateways, well, and known to the host. */
async function bringUp(
  t: { after: (fn: () => Promise<void> | void) => void },
  ra = {},
): Promise<{ readonly nats: NatsLab; readonly port: EthernetPort }> {
  lab.cable()
  lab.uplink(true)
  second.cable()
  const nats = await natsWith(siteOf({ ...ra, health: { uplink: false } }, { gateways: GATEWAYS }))
  t.after(async () => await nats[Symbol.asyncDispose]())
  const shared = await second.share(nats)
  t.after(async () => await shared[Symbol.asyncDispose]())
  const status = new KvBucket(await nats.connectedLink(), 'status')
  const reports: string[] = []
  t.after(status.watch((entry) => void reports.push(new TextDecoder().decode(entry.value))))
  const tell = async (): Promise<void> => {
    for (const at of ['a', 'b'])
      for (const service of ['nat64', 'dns64'])
        await status.put(`${service}.${at}-1`, reportOf(service, at, [])).catch(() => undefined)
  }
  await tell()
  const timer = setInterval(() => void tell(), 1000)
  t.after(() => clearInterval(timer))
  const port = new EthernetPort('br0')
  t.after(() => port.close())
  lab.start(nats, 'a', { GATEWAY: 'a' })
  second.start(nats, shared.url)
  await until('both default routers', () => routes().includes('pref high') && routes().includes('pref medium'))
  await until('both have told where they advertise from', () =>
    [A, B].every((source) => reports.some((report) => report.includes(source))),
  )
  return { nats, port }
}

test('who dies is withdrawn by the other one as router and DNS server, until it is back', { skip }, async (t) => {
  const { nats, port } = await bringUp(t)
  assert.deepEqual(sentAs(A, SECOND_MAC, port), [])

  await lab.killAll()
  lab.gateway.ip('link set wire nomaster')
  await until('the host has no route through it any more', () => !routes().includes(A))
  await until('its last words are heard here, too', () => sentAs(A, SECOND_MAC, port).length > 0)
  for (const message of sentAs(A, SECOND_MAC, port)) {
    assert.deepEqual([message.routerLifetimeS, serversIn(message)], [0, '::1 0'])
    // Neither its place in the hosts' neighbour caches nor what both gateways say of the site.
    const kinds = message.options.map(({ kind }) => kind)
    assert.deepEqual(kinds, ['rdnss'])
  }
  await until('its DNS server is withdrawn', () => serversIn(sentAs(B, SECOND_MAC, port).at(-1)) === '::1 0, ::2 1800')
  assert.match(routes(), new RegExp(`${B}.* pref medium`))

  lab.gateway.ip('link set wire master br0')
  lab.start(nats, 'a', { GATEWAY: 'a' })
  await until('the host has a route through it again', () => routes().includes(A))
  await until('it speaks for itself', () => serversIn(sentAs(B, SECOND_MAC, port).at(-1)) === '::2 1800')
  assert.ok(sentAs(A, SECOND_MAC, port).length <= 3, 'at most MAX_FINAL_RTR_ADVERTISEMENTS')
})

test('who is there answers, however long its services are away: nothing is withdrawn', { skip }, async (t) => {
  const { port } = await bringUp(t)
  await lab.killAll()
  const from = port.frames.length
  /** Neighbor Advertisements of ::1, the last octet of the target. */
  const answers = (): number =>
    port.frames
      .slice(from)
      .flatMap((frame) => decodeFrame(frame) ?? [])
      .filter((frame) => isBy(LAN_MAC, frame))
      .filter(({ message }) => message[0] === ICMP6_TYPE.NEIGHBOUR_ADVERTISEMENT && message[23] === 1).length
  // Twice as many as it takes.
  await until('answers', () => answers() >= 2 * UNANSWERED_MAX)
  assert.ok(routes().includes(A))
  assert.deepEqual(sentAs(A, SECOND_MAC, port), [])
  assert.deepEqual(new Set(sentAs(B, SECOND_MAC, port).map(serversIn)), new Set(['::2 1800']))
})

test('who is taken for dead and is not says so: its last words by somebody else do not last', { skip }, async (t) => {
  const { port } = await bringUp(t, { maxRtrAdvIntervalS: 1800 })
  const said = (): Heard[] => sentAs(A, LAN_MAC, port)
  // Those of the start; then none by the schedule for 10 min.
  await until('three messages', () => said().length === 3)
  const message = encodeRouterAdvertisement({ ...PLAIN_HEADER, routerLifetimeS: 0, options: [] })
  port.send(encodeFrame({ ...TO_ALL_NODES, source: address(A), message }))
  await until('said again', () => said().length > 3)
  assert.equal(said().at(-1)?.routerLifetimeS, 5400)
})
