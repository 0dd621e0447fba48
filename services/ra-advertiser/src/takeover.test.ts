import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { formatIp6 } from '@sixgate/addr'
import { KvBucket, putStoppingMark } from '@sixgate/bus'
import { NatsLab } from '@sixgate/bus/testkit'
import { enterNamespace, Lab, Namespace, type Process } from '@sixgate/testkit'
import { decodeRouterAdvertisement, type ReceivedAdvertisement } from './core/ra-wire.ts'
import { EthernetPort } from './testkit/ethernet-port.ts'
import { decodeFrame } from './testkit/icmp6-frame.ts'
import { until } from './testkit/until.ts'

/**
 * Several instances and one lease (DESIGN §4), with a real NATS server. This namespace is the gateway:
 *
 *     gateway: lan0 ── wire ┐
 *                        br0      what is captured: all that comes out of lan0 to all nodes
 *     host:    eth0 ── port ┘
 */

const skip = enterNamespace()
const gateway = skip === false ? Namespace.here('gateway') : ({} as Namespace)
const lab = new Lab()
const host = skip === false ? await lab.namespace('host') : gateway
const directory = mkdtempSync(join(tmpdir(), 'sixgate-ra-takeover-'))
after(async () => {
  await lab.close()
  rmSync(directory, { recursive: true })
})

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))
/** DESIGN §4. */
const TAKEOVER_MAX_MS = 3000

const SITE = JSON.stringify({
  lan: { interface: 'lan0', prefix: 'fd00:1:2:3::/64' },
  pref64: ['64:ff9b::/96'],
  nat64: { pool4: ['192.168.64.0/24'] },
})

if (skip === false) {
  gateway.sysctl('ipv6/conf/all/forwarding', 1)
  for (const end of [gateway, host]) end.sysctl('ipv6/conf/default/accept_dad', 0)
  gateway.ip('link add br0 type bridge')
  gateway.sysctl('ipv6/conf/br0/disable_ipv6', 1)
  gateway.ip(`link add port type veth peer name eth0 netns ${host.pid}`)
  for (const name of ['br0', 'port']) gateway.ip(`link set ${name} up`)
  host.ip('link set eth0 up')
  gateway.ip('link set port master br0')
}

/** A new lan0 with nobody's traces on it. */
const cable = (): void => {
  gateway.runSync('ip', 'link', 'delete', 'lan0')
  gateway.ip('link add lan0 type veth peer name wire')
  gateway.sysctl('ipv6/conf/wire/disable_ipv6', 1)
  gateway.ip('link set wire master br0')
  gateway.ip('link set wire up')
  // The host forgets the router of the test before.
  for (const state of ['down', 'up']) host.ip(`link set eth0 ${state}`)
}

interface Instance {
  readonly process: Process
  readonly health: () => string
}

const instances: Instance[] = []
afterEach(async () => {
  await Promise.all(instances.splice(0).map(({ process: running }) => running.stop('SIGKILL')))
})

/** All instances share one state directory, as containers of one service share one volume. */
const start = (nats: NatsLab, name: string): Instance => {
  const healthFile = join(directory, `health-${name}.json`)
  rmSync(healthFile, { force: true })
  const running = gateway.spawn(process.execPath, [MAIN], {
    SITE: nats.server.url,
    NKEY_SEED_FILE: nats.seedFile,
    STATE_DIR: join(directory, 'state'),
    HEALTH_FILE: healthFile,
  })
  const instance = {
    process: running,
    health: () => {
      try {
        return (JSON.parse(readFileSync(healthFile, 'utf8')) as { state: string }).state
      } catch {
        return 'none yet'
      }
    },
  }
  instances.push(instance)
  return instance
}

interface Heard extends ReceivedAdvertisement {
  readonly source: string
}
const heardBy = (port: EthernetPort): Heard[] =>
  port.frames
    .flatMap((frame) => decodeFrame(frame) ?? [])
    .filter(({ message }) => message[0] === 134)
    .map(({ message, source }) => ({ ...decodeRouterAdvertisement(message), source: formatIp6(source) }))

const site = async (): Promise<NatsLab> => {
  const nats = await NatsLab.start()
  await nats.makeBuckets('site', 'status', 'leases')
  await nats.publish(SITE)
  return nats
}

/** One instance that advertises and one that stands by. */
const pair = async (nats: NatsLab, port: EthernetPort): Promise<[active: Instance, standby: Instance]> => {
  const active = start(nats, 'a')
  await until('the first message', () => heardBy(port)[0])
  await until('active is ok', () => active.health() === 'ok')
  const standby = start(nats, 'b')
  await standby.process.waitFor(/another instance is active, this one stands by/)
  await until('standby is ok', () => standby.health() === 'ok')
  return [active, standby]
}

const defaultRoute = (): string => host.ip('-6 route show default').trim()
/** Without the remaining seconds. */
const routeNow = (): string => defaultRoute().replace(/ expires \d+sec/, '')

for (const [signal, what, limitMs] of [
  ['SIGKILL', 'dies', TAKEOVER_MAX_MS],
  ['SIGTERM', 'is restarted', 1500],
] as const)
  test(`the active instance ${what}: the other advertises within ${limitMs} ms, hosts see nothing of it`, {
    skip,
  }, async (t) => {
    cable()
    await using nats = await site()
    const port = new EthernetPort('br0')
    t.after(() => port.close())
    const [active] = await pair(nats, port)
    const route = await until('the default route', () => routeNow() || undefined)
    await until('an address', () => /inet6 fd00:1:2:3:/.test(host.ip('-6 address show dev eth0')))
    const ping = host.run('ping', '-6', '-i', '0.1', '-c', '50', '-W', '1', 'fd00:1:2:3::1')
    const before = heardBy(port).length
    const startMs = performance.now()
    active.process.child.kill(signal)
    const first = await until('a message of the other', () => heardBy(port)[before])
    const tookMs = performance.now() - startMs
    t.diagnostic(`first message of the successor after ${Math.round(tookMs)} ms`)
    assert.ok(tookMs <= limitMs, `${tookMs} ms`)
    assert.equal(first.routerLifetimeS, 1800)
    assert.match((await ping).stdout, /50 received, 0% packet loss/)
    assert.equal(routeNow(), route)
    const heard = heardBy(port)
    assert.ok(heard.every(({ routerLifetimeS }) => routerLifetimeS === 1800))
    assert.equal(new Set(heard.map(({ source }) => source)).size, 1)
  })

test('NATS is gone: the active one answers, the other stays silent; it comes back: nothing changes hands', {
  skip,
}, async (t) => {
  cable()
  await using nats = await site()
  const port = new EthernetPort('br0')
  t.after(() => port.close())
  const [active, standby] = await pair(nats, port)
  await nats.server.stop('SIGKILL')
  await active.process.waitFor(/connection to .* lost/)
  await standby.process.waitFor(/connection to .* lost/)
  // Longer than the 3 s after which an instance that knows of no holder would begin.
  const { stdout } = await host.run('rdisc6', '-1', '-w', '5000', 'eth0')
  assert.match(stdout, /Router lifetime +: +1800 /)
  await nats.server.start()
  await nats.makeBuckets('leases')
  await nats.connectedLink()
  const lease = new KvBucket(await nats.connectedLink(), 'leases')
  const { promise: renewed, resolve } = Promise.withResolvers<void>()
  t.after(lease.watch((entry) => entry.operation === 'put' && entry.revision >= 3 && resolve()))
  await renewed
  assert.doesNotMatch(standby.process.output.stdout, /this instance is the active one/)
})

test('down: final messages of the active one, then the host is as it was found', { skip }, async (t) => {
  cable()
  const state = (): string =>
    gateway.ip('-o -6 address show dev lan0') +
    gateway.ip('-o link show lan0').replaceAll(/state \w+|qdisc \w+|,?(NO-CARRIER|LOWER_UP),?/g, '')
  const before = state()
  await using nats = await site()
  const port = new EthernetPort('br0')
  t.after(() => port.close())
  const [active, standby] = await pair(nats, port)
  port.frames.length = 0
  await putStoppingMark(await nats.connectedLink(), Date.now())
  const statuses = await Promise.all([active, standby].map(({ process: running }) => running.stop('SIGTERM')))
  assert.deepEqual(statuses, [0, 0])
  // A message of the burst at the start may have come first.
  const lifetimes = heardBy(port).map(({ routerLifetimeS }) => routerLifetimeS)
  const finals = lifetimes.slice(lifetimes.indexOf(0))
  assert.ok(finals.length >= 1 && finals.length <= 3, `${finals.length} final messages`)
  assert.ok(finals.every((lifetimeS) => lifetimeS === 0))
  assert.equal(state(), before)
})

test('down while the active one is dead: the other takes away what that one made', { skip }, async (t) => {
  cable()
  await using nats = await site()
  const port = new EthernetPort('br0')
  t.after(() => port.close())
  const [active, standby] = await pair(nats, port)
  await putStoppingMark(await nats.connectedLink(), Date.now())
  await active.process.stop('SIGKILL')
  assert.equal(await standby.process.stop('SIGTERM'), 0)
  assert.equal(gateway.ip('-o -6 address show dev lan0'), '')
})
