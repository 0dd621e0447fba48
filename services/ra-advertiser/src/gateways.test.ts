import { after, afterEach, test } from 'node:test'
import { ask, KvBucket } from '@sixgate/bus'
import { enterNamespace } from '@sixgate/testkit'
import type { NeighbourReport } from './core/neighbour-report.ts'
import { EthernetPort } from './testkit/ethernet-port.ts'
import { GatewayLab, heardBy, natsWith, optionsOf, siteOf } from './testkit/gateway-lab.ts'
import { GATEWAYS, reportOf, SECOND_MAC, SecondGateway } from './testkit/second-gateway.ts'
import { until } from './testkit/until.ts'

/** Two gateways of one site document, on one link and at one NATS (testkit/second-gateway.ts). */

const skip = enterNamespace()
const lab = skip === false ? await GatewayLab.create() : ({} as GatewayLab)
const second = skip === false ? await SecondGateway.create(lab) : ({} as SecondGateway)
afterEach(async () => {
  await second.killAll()
  await lab.killAll()
})
after(async () => {
  await second.close()
  await lab.close()
})

test('each gateway is itself: lease, address, preference and health; they know each other', { skip }, async (t) => {
  lab.cable()
  lab.uplink(true)
  second.cable()
  const ra = { health: { downAfterS: 2, upAfterS: 1, uplink: false }, knownRouters: [] }
  const nats = await natsWith(siteOf(ra, { gateways: GATEWAYS }))
  t.after(async () => await nats[Symbol.asyncDispose]())
  await using shared = await second.share(nats)
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
  second.start(nats, shared.url)
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
