/**
 * From the moment that a mapping ends, the kernel translates nothing for the host that had it, whatever ended it. nat64 runs in
 * the test's own process and namespace, the gateway of testkit/gateway-lab.ts: while the test blocks that process nobody is
 * given an address, and the fast path goes on alone.
 *
 *   client fd00:6:4::10 ─lan0─ gateway (this process) ─wan0─ server
 *   other  fd00:6:5::20 ─lan1─┘
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Bus } from '@sixgate/bus'
import { parseSite } from '@sixgate/site'
import { enterNamespace, Namespace } from '@sixgate/testkit'
import { parse } from 'yaml'
import { KvBucket } from '../../../shared/bus/src/nats/kv-bucket.ts'
import { NatsLab, silent } from '../../../shared/bus/src/testkit/nats-lab.ts'
import type { HostsPage } from './core/address-map/host-listing.ts'
import { Nat64 } from './service.ts'
import { eventually } from './testkit/eventually.ts'
import { GatewayLab, labSite, SERVER_SEEN } from './testkit/gateway-lab.ts'

const skip = enterNamespace()

const CLIENT = 'fd00:6:4::10'
const OTHER = 'fd00:6:5::20'
/** How often mappings that are over are looked for (io/mappings.ts). */
const SWEEP_MS = 60_000
/** Further than any lifetime below, told by NATS or not. */
const LONG_S = 1000
/** Pings of one `traffic`, each way. */
const PINGS = 20

/** Of a pool4 of eight addresses, three of which are the gateway's own, one is left. */
const ALL_BUT_ONE = [3, 4, 5, 6].map((number) => `{ ip6: "fd00:6:4::a${number}", ip4: 198.18.0.${number} }`).join()

interface Document {
  readonly fastPath?: 'auto' | 'lan' | 'off'
  readonly pool4?: string
  /** Pairs of ip6 and ip4. */
  readonly hosts?: string
}

const siteOf = ({ fastPath = 'auto', pool4 = '198.18.0.0/24', hosts = '' }: Document) => {
  const more = `  idleLifetimeS: 60\n  keptLifetimeS: 60\n  fastPath: ${fastPath}\n  hosts: [${hosts}]\n`
  return parseSite(parse(`${labSite({ pool4, more })}lans: [{ interface: lan1, prefix: "fd00:6:5::/64" }]\n`))
}

/** The number of a group in /proc/net/snmp6. */
const echoRequestsAt = (where: Namespace): number =>
  Number(/^Icmp6InEchos\s+(\d+)/m.exec(where.sh('cat', '/proc/self/net/snmp6'))?.[1] ?? assert.fail())

class RemovalLab {
  readonly lab: GatewayLab
  readonly client: Namespace
  readonly other: Namespace
  readonly #services: Nat64[] = []
  readonly #folders: string[] = []
  #revision = 0

  private constructor(lab: GatewayLab, other: Namespace) {
    this.lab = lab
    this.client = lab.client
    this.other = other
  }

  static async make(): Promise<RemovalLab> {
    const lab = await GatewayLab.make(labSite(), Namespace.here('gateway'))
    const other = await lab.lab.namespace('other')
    lab.lab.cable(
      { in: other, name: 'eth0', addresses: [`${OTHER}/64`] },
      { in: lab.gateway, name: 'lan1', addresses: ['fd00:6:5::1/64'] },
    )
    other.ip('-6 route add default via fd00:6:5::1')
    return new RemovalLab(lab, other)
  }

  async start(document: Document, bus: Bus = { bucket: () => undefined }): Promise<Nat64> {
    const stateDir = mkdtempSync(join(tmpdir(), 'nat64-'))
    const instance = `instance-${this.#services.length}`
    const service = new Nat64({ name: 'nat64', instance, log: silent, stateDir, sysctlRoot: '/proc/sys/net', bus })
    this.#folders.push(stateDir)
    this.#services.push(service)
    await this.apply(service, document)
    return service
  }

  async apply(service: Nat64, document: Document): Promise<void> {
    await service.apply({ revision: ++this.#revision, site: siteOf(document) })
  }

  /** The host asks the server until it has an answer, whoever carries it. */
  async speak(host = this.client): Promise<void> {
    const { stdout } = await host.run('ping', '-n', '-c1', '-w30', SERVER_SEEN)
    assert.match(stdout, / 1 received/)
  }

  /** Has the client ask the server, and the server this address; nobody else does anything meanwhile. Returns what the kernel translated. */
  traffic(ip4: string): number {
    const before = this.#translated()
    const { stdout } = this.client.runSync(...PING, SERVER_SEEN)
    this.lab.server.runSync(...PING, ip4)
    assert.match(stdout, new RegExp(`^${PINGS} packets transmitted`, 'm'))
    return this.#translated() - before
  }

  #translated(): number {
    const of = (service: Nat64): number => {
      const counters = service.counters()
      const [to4, to6] = [
        counters['fast_path_translated_6to4_packets_total'],
        counters['fast_path_translated_4to6_packets_total'],
      ]
      return (to4 ?? assert.fail()) + (to6 ?? assert.fail())
    }
    return this.#services.reduce((sum, service) => sum + of(service), 0)
  }

  /** The client gets an address, for which the kernel translates: the one that is returned. */
  async settle(service: Nat64): Promise<string> {
    await this.speak()
    const [ip4, ...more] = addressesOf(service, CLIENT)
    assert.ok(ip4 !== undefined && more.length === 0)
    // Each ping is two packets.
    assert.equal(this.traffic(ip4), 2 * 2 * PINGS)
    return ip4
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const service of this.#services) await service.stop('remove')
    await this.lab.close()
    for (const folder of this.#folders) rmSync(folder, { recursive: true })
  }
}

const PING = ['ping', '-n', '-q', `-c${PINGS}`, '-i0.01', '-W1'] as const

const addressesOf = (service: Nat64, ip6: string): string[] => {
  const page = service.questions['hosts']?.({}) as HostsPage | undefined
  const { hosts } = page ?? assert.fail()
  return hosts.filter((host) => host.ip6 === ip6).map(({ ip4 }) => ip4)
}

/** From now on this process believes that nobody said anything for a long time; the kernel and the data plane do not. */
const skipTime = (t: TestContext): void => {
  const { hrtime } = process
  t.mock.method(process, 'hrtime', (): [number, number] => {
    const [seconds, nanoseconds] = hrtime()
    return [seconds + LONG_S, nanoseconds]
  })
}

/** The address that was the client's is the other host's: what the server sends to it is translated for that one. */
const isTheOthers = (lab: RemovalLab, ip4: string): void => {
  const [atClient, atOther] = [echoRequestsAt(lab.client), echoRequestsAt(lab.other)]
  assert.equal(lab.traffic(ip4), 2 * PINGS, 'of the server and the other host')
  assert.equal(echoRequestsAt(lab.client), atClient)
  assert.equal(echoRequestsAt(lab.other), atOther + PINGS)
}

for (const fastPath of ['auto', 'lan'] as const) {
  const named = (text: string): string => `${text}; fastPath: ${fastPath}`

  test(named('nobody spoke for its lifetime'), { skip }, async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    await using lab = await RemovalLab.make()
    const service = await lab.start({ fastPath })
    const ip4 = await lab.settle(service)
    t.mock.timers.tick(SWEEP_MS)
    assert.equal(lab.traffic(ip4), 2 * 2 * PINGS, 'the kernel saw it')
    skipTime(t)
    t.mock.timers.tick(SWEEP_MS)
    assert.equal(lab.traffic(ip4), 0)
    t.mock.restoreAll()
    await lab.speak()
  })

  test(named('its address is needed'), { skip }, async (t) => {
    await using lab = await RemovalLab.make()
    const service = await lab.start({ fastPath, pool4: '198.18.0.0/29', hosts: ALL_BUT_ONE })
    const ip4 = await lab.settle(service)
    skipTime(t)
    await lab.speak(lab.other)
    assert.deepEqual([addressesOf(service, OTHER), addressesOf(service, CLIENT)], [[ip4], []])
    isTheOthers(lab, ip4)
  })

  test(named('a backup gives its address to another host'), { skip }, async () => {
    await using lab = await RemovalLab.make()
    const service = await lab.start({ fastPath })
    const ip4 = await lab.settle(service)
    await restore(service, 'instance-0', ip4)
    isTheOthers(lab, ip4)
  })

  test(named('another instance gives its address to another host'), { skip }, async () => {
    await using nats = await NatsLab.start()
    await nats.makeBuckets('hosts')
    await using lab = await RemovalLab.make()
    const bucket = async (): Promise<Bus> => {
      const hosts = new KvBucket(await nats.connectedLink(), 'hosts')
      return { bucket: () => hosts }
    }
    const first = await lab.start({ fastPath }, await bucket())
    const second = await lab.start({ fastPath }, await bucket())
    assert.deepEqual([first.counters()['fast_path'], second.counters()['fast_path_off_other_instance']], [1, 1])
    const ip4 = await lab.settle(first)
    await eventually(() => addressesOf(second, CLIENT).length === 1, 'the second instance knows the host', 30)
    await restore(second, 'instance-1', ip4)
    await eventually(() => addressesOf(first, OTHER).length === 1, 'the first instance knows of it', 30)
    assert.deepEqual(addressesOf(first, CLIENT), [])
    isTheOthers(lab, ip4)
  })

  for (const [what, documentOf] of [
    ['a document with another pool', () => ({ pool4: '198.19.0.0/24' })],
    [
      'a document that gives its address to another host',
      (ip4: string) => ({ hosts: `{ ip6: "${OTHER}", ip4: ${ip4} }` }),
    ],
    ['a document that gives it another address', () => ({ hosts: `{ ip6: "${CLIENT}", ip4: 198.18.0.200 }` })],
    ['a document without fast path', () => ({ fastPath: 'off' as const })],
  ] as const)
    test(named(what), { skip }, async () => {
      await using lab = await RemovalLab.make()
      const service = await lab.start({ fastPath })
      const ip4 = await lab.settle(service)
      assert.notEqual(ip4, '198.18.0.200')
      await lab.apply(service, { fastPath, ...documentOf(ip4) })
      // Where the pool's route went, so that packets to it still reach the TUN.
      lab.lab.gateway.runSync('ip', 'route', 'add', '198.18.0.0/24', 'dev', 'nat64', 'proto', '99')
      assert.equal(lab.traffic(ip4), 0)
      await lab.speak()
    })
}

/** The question that `sixgate restore` asks. */
const restore = async (service: Nat64, instance: string, ip4: string): Promise<void> => {
  const mappings = [{ ip6: OTHER, ip4, pref64: '64:ff9b::/96' }]
  const answer = await service.questions['restore-mappings']?.({ instance, mappings })
  assert.deepEqual(answer, { restored: 1, already: 0, unfit: [], busy: [] })
}
