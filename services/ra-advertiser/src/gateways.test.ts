import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { after, afterEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ask, KvBucket } from '@sixgate/bus'
import type { NatsLab } from '@sixgate/bus/testkit'
import { enterNamespace, Namespace, type Process } from '@sixgate/testkit'
import type { NeighbourReport } from './core/neighbour-report.ts'
import { EthernetPort } from './testkit/ethernet-port.ts'
import { GatewayLab, heardBy, natsWith, optionsOf, siteOf } from './testkit/gateway-lab.ts'
import { until } from './testkit/until.ts'

/**
 * Two gateways of one site document, on one link and at one NATS:
 *
 *     gateway a: lan0 ── wire ┐
 *     gateway b: lan0 ── wire2 ┤ br0
 *     host:      eth0 ── port ┘   what is heard
 */

const skip = enterNamespace()
const lab = skip === false ? await GatewayLab.create() : ({} as GatewayLab)
const { gateway } = lab
const second = skip === false ? await Namespace.create('second') : gateway
const running: Process[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((process) => process.stop('SIGKILL')))
  await lab.killAll()
})
after(async () => {
  await second.close()
  await lab.close()
})

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))
const GATEWAYS = [
  { name: 'a', router: '::1', preference: 'high' },
  { name: 'b', router: '::2' },
]
const BUS_ADDRESS = '192.0.2.129'
const SECOND_MAC = '02:00:5e:10:00:02'

const connectSecond = (): void => {
  second.sysctl('ipv6/conf/all/forwarding', 1)
  second.sysctl('ipv6/conf/default/accept_dad', 0)
  gateway.ip(`link add wire2 type veth peer name lan0 address ${SECOND_MAC} netns ${second.pid}`)
  gateway.sysctl('ipv6/conf/wire2/disable_ipv6', 1)
  gateway.ip('link set wire2 master br0')
  gateway.ip('link set wire2 up')
  gateway.ip(`link add bus type veth peer name bus netns ${second.pid}`)
  gateway.ip(`address add ${BUS_ADDRESS}/30 dev bus`)
  second.ip('address add 192.0.2.130/30 dev bus')
  for (const end of [gateway, second]) end.ip('link set bus up')
}

/** NATS listens on loopback of gateway a alone; this hands octets on. Returns the address for gateway b. */
const share = async (nats: NatsLab): Promise<{ readonly url: string } & AsyncDisposable> => {
  const relay = createServer((client) => {
    const server = connect(Number(new URL(nats.server.url).port), '127.0.0.1')
    for (const [from, to] of [[client, server] as const, [server, client] as const])
      from
        .on('error', () => to.destroy())
        .on('close', () => to.destroy())
        .pipe(to)
  })
  relay.listen(0, BUS_ADDRESS)
  await once(relay, 'listening')
  const { port } = relay.address() as AddressInfo
  return { url: `nats://${BUS_ADDRESS}:${port}`, [Symbol.asyncDispose]: async () => void relay.close() }
}

const startSecond = (nats: NatsLab, url: string): void => {
  running.push(
    second.spawn(process.execPath, [MAIN], {
      GATEWAY: 'b',
      SITE: url,
      NKEY_SEED_FILE: nats.seedFile,
      STATE_DIR: join(lab.directory, 'second'),
      HEALTH_FILE: join(lab.directory, 'second.json'),
    }),
  )
}

const reportOf = (service: string, at: string, problems: readonly { code: string; message: string }[]): Uint8Array => {
  const atMs = Date.now()
  const state = problems.length === 0 ? 'ok' : 'degraded'
  const own = { service, instance: `${at}-1`, gateway: at, version: '0', revision: 1, state, problems }
  return new TextEncoder().encode(JSON.stringify({ ...own, sinceMs: atMs, counters: {}, startedAtMs: atMs, atMs }))
}

test('each gateway is itself: lease, address, preference and health; they know each other', { skip }, async (t) => {
  lab.cable()
  lab.uplink(true)
  connectSecond()
  const ra = { health: { downAfterS: 2, upAfterS: 1, uplink: false }, knownRouters: [] }
  const nats = await natsWith(siteOf(ra, { gateways: GATEWAYS }))
  t.after(async () => await nats[Symbol.asyncDispose]())
  await using shared = await share(nats)
  const link = await nats.connectedLink()
  const status = new KvBucket(link, 'status')
  /** nat64 of these gateways has lost its TUN. */
  let broken: readonly string[] = []
  const tell = async (): Promise<void> => {
    for (const at of ['a', 'b'])
      for (const service of ['nat64', 'dns64']) {
        const isBroken = service === 'nat64' && broken.includes(at)
        const problems = isBroken ? [{ code: 'tun-lost', message: 'the TUN is gone' }] : []
        await status.put(`${service}.${at}-1`, reportOf(service, at, problems)).catch(() => undefined)
      }
  }
  await tell()
  const timer = setInterval(() => void tell(), 1000)
  t.after(() => clearInterval(timer))

  const port = new EthernetPort('br0')
  t.after(() => port.close())
  lab.start(nats, 'a', { GATEWAY: 'a' })
  startSecond(nats, shared.url)
  /** `DNS server, preference` of the newest message of each router. */
  const said = (): string[] => {
    const newest = new Map(heardBy(port).map((message) => [message.source, message]))
    return [...newest.values()]
      .map((message) => {
        const servers = optionsOf(message, 'rdnss').flatMap((option) => option.servers.map((one) => one.at(-1)))
        const pref64 = optionsOf(message, 'pref64').map(({ lifetimeS }) => (lifetimeS === 0 ? 'withdrawn' : 'said'))
        return `::${servers.join()} ${message.preference} ${pref64.join()}`
      })
      .toSorted()
  }
  const becomes = async (expected: readonly string[]): Promise<void> => {
    try {
      await until(expected.join(' and '), () => said().join() === expected.join())
    } catch (cause) {
      throw new Error(`heard: ${said().join(' and ')}`, { cause })
    }
  }
  await becomes(['::1 high said', '::2 medium said'])

  // What works at b does not make a well, and the other way round.
  broken = ['a']
  await becomes(['::1 low withdrawn', '::2 medium said'])
  broken = ['b']
  await becomes(['::1 high said', '::2 low withdrawn'])
  broken = []
  await becomes(['::1 high said', '::2 medium said'])

  // With a list of known routers, which is empty, the twin is none to report.
  const findings = async (): Promise<string[]> => {
    const answers = await ask(link, { service: 'ra-advertiser', question: 'neighbours', expected: 2 })
    return answers
      .flatMap(({ instance, answer }) =>
        ((answer ?? []) as readonly NeighbourReport[]).map(
          (one) => `${instance[0]} sees ${one.mac}: ${one.findings.map(({ code }) => code).join()}`,
        ),
      )
      .toSorted()
  }
  const twins = [`a sees ${SECOND_MAC}: `, 'b sees 02:00:5e:10:00:01: ']
  await until('they see each other, and nothing is wrong', async () => (await findings()).join() === twins.join())
})
