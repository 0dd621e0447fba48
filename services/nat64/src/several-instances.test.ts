/**
 * Several instances at one TUN that share mappings over a real NATS. The test's own namespace is the gateway, so that NATS
 * is there on 127.0.0.1; else as testkit/gateway-lab.ts draws it.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Status, parseStatus } from '@sixgate/bus'
import { enterNamespace, Namespace, type Process } from '@sixgate/testkit'
import { parse } from 'yaml'
import { KvBucket } from '../../../shared/bus/src/nats/kv-bucket.ts'
import { NatsLab } from '../../../shared/bus/src/testkit/nats-lab.ts'
import { Recorder } from '../../../shared/bus/src/testkit/recorder.ts'
import { GatewayLab, labSite, SERVER_SEEN } from './testkit/gateway-lab.ts'

const skip = enterNamespace()

const FLOWS = new URL('testkit/flows.ts', import.meta.url).pathname
const CLI = new URL('../../console/src/cli.ts', import.meta.url).pathname
const PORT = 7008
/** So many that each queue has some of them: the kernel spreads flows by a hash. */
const FLOW_COUNT = 24

/** A site with NATS, its document published; instances of nat64 are started by the test. */
class SharedLab {
  readonly gateway: GatewayLab
  readonly nats: NatsLab
  /** Of all instances, since the start. */
  readonly reports = new Recorder<Status>()
  readonly #started: Process[] = []
  #unwatch: (() => void) | undefined

  private constructor(gateway: GatewayLab, nats: NatsLab) {
    this.gateway = gateway
    this.nats = nats
  }

  static async make(site: string): Promise<SharedLab> {
    const lab = new SharedLab(await GatewayLab.make(site, Namespace.here('gateway')), await NatsLab.start())
    await lab.nats.makeBuckets('hosts')
    await lab.nats.publish(JSON.stringify(parse(site)))
    const bucket = new KvBucket(await lab.nats.connectedLink(), 'status')
    lab.#unwatch = bucket.watch(({ operation, value }) => {
      const status = operation === 'put' ? parseStatus(value) : undefined
      if (status !== undefined) lab.reports.add(status)
    })
    return lab
  }

  /** One more instance, with a state directory of its own: what it knows of others comes over NATS. */
  async start(): Promise<Instance> {
    const folder = join(this.gateway.stateDir, `instance-${this.#started.length}`)
    const running = this.gateway.spawn({
      SITE: this.nats.server.url,
      NKEY_SEED_FILE: this.nats.seedFile,
      STATE_DIR: folder,
      HEALTH_FILE: `${folder}.json`,
    })
    this.#started.push(running)
    await running.waitFor(/data plane is up/)
    const [, name = ''] = await running.waitFor(/"instance":"([^"]+)"/)
    return { name, running }
  }

  /** Waits until the instance has carried packets both ways. */
  async carries({ name }: Instance): Promise<void> {
    await this.reports.until((reports) =>
      reports.some(
        ({ instance, counters }) =>
          instance === name &&
          (counters['translated_6to4_packets_total'] ?? 0) > 0 &&
          (counters['translated_4to6_packets_total'] ?? 0) > 0,
      ),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unwatch?.()
    // The test's own namespace ends later than the lab.
    await Promise.all(this.#started.map((running) => running.stop()))
    await this.gateway.close()
    await this.nats[Symbol.asyncDispose]()
    Namespace.here().runSync('ip', 'link', 'delete', 'nat64')
  }
}

interface Instance {
  readonly name: string
  readonly running: Process
}

/** Queues of the TUN that the process holds. */
const queuesOf = ({ running }: Instance): number => {
  const folder = `/proc/${running.child.pid}/fdinfo`
  return readdirSync(folder).filter((fd) => /^iff:\tnat64$/m.test(readFileSync(join(folder, fd), 'utf8'))).length
}

const lapsOf = (flows: Process): readonly (readonly [string, number, string])[] =>
  Array.from(flows.output.stdout.matchAll(/^lap (\d+) from (.*)$/gm), ([all, lap, from = '']) => [
    all,
    Number(lap),
    from,
  ])

/** Waits until every connection had an answer to something that it sent from now on. */
const allGoOn = async (flows: Process): Promise<void> => {
  const now = lapsOf(flows).at(-1)?.[1] ?? 0
  // What was under way now ends with the next lap, so the one after it was sent later.
  await flows.waitFor(new RegExp(`^lap ${now + 2} `, 'm'))
}

test('two instances: both carry, one host has one address at both, and none of the connections ends with one of them', {
  skip,
}, async (t) => {
  await using lab = await SharedLab.make(labSite({ more: '  fastPath: off\n' }))
  const { client, server } = lab.gateway
  const first = await lab.start()
  let second = await lab.start()
  await server.spawn(process.execPath, [FLOWS, 'serve', String(PORT)]).waitFor(/^ready$/m)
  const run = (): Process =>
    client.spawn(process.execPath, [FLOWS, 'run', SERVER_SEEN, String(PORT), String(FLOW_COUNT)])
  const flows = run()
  await flows.waitFor(/^lap 1 /m)

  await t.test('each holds a queue of the same TUN, and carries packets', async () => {
    assert.deepEqual([queuesOf(first), queuesOf(second)], [1, 1])
    await lab.carries(first)
    await lab.carries(second)
  })

  await t.test('one is killed: every connection goes on', async () => {
    await second.running.stop('SIGKILL')
    await allGoOn(flows)
  })

  await t.test(
    'another one takes its place: every connection goes on, and it carries its share of new ones',
    async () => {
      second = await lab.start()
      await allGoOn(flows)
      const more = run()
      await more.waitFor(/^lap 3 /m)
      await lab.carries(second)
      assert.deepEqual(new Set(lapsOf(more).map(([, , from]) => from)), new Set([lapsOf(flows)[0]?.[2]]))
      await more.stop()
    },
  )

  await t.test('the one that was there from the start is stopped in order: every connection goes on', async () => {
    assert.equal(await first.running.stop('SIGTERM'), 0)
    await allGoOn(flows)
  })

  assert.equal(new Set(lapsOf(flows).map(([, , from]) => from)).size, 1, 'one address all the time')
  assert.match(lapsOf(flows)[0]?.[2] ?? '', /^198\.18\.0\.\d+$/)
})

test('a used-up pool: the host is told (ICMPv6 1/3), and `sixgate events` tells the operator', { skip }, async () => {
  // Of the eight addresses three are nobody's.
  await using lab = await SharedLab.make(labSite({ pool4: '198.18.0.0/29', more: '  fastPath: off\n' }))
  await lab.nats.events('nat64')
  const instance = await lab.start()
  const { client } = lab.gateway
  const hosts = ['21', '22', '23', '24', '25', '26'].map((number) => `fd00:6:4::${number}`)
  for (const host of hosts) client.ip(`address add ${host}/64 dev eth0 nodad`)
  for (const host of hosts.slice(0, -1)) assert.equal(await lab.gateway.ping(SERVER_SEEN, '-I', host), 1, host)
  const { stdout } = await client.run('ping', '-n', '-c1', '-W5', '-I', String(hosts.at(-1)), SERVER_SEEN)
  assert.match(stdout, /Destination unreachable: Address unreachable/)
  await lab.reports.until((reports) =>
    reports.some(({ problems }) => problems.some(({ code }) => code === 'pool-exhausted')),
  )
  const following = Namespace.here().spawn(process.execPath, [CLI, 'events', '--follow', '--json'], {
    SITE: lab.nats.server.url,
    NKEY_SEED_FILE: lab.nats.seedFile,
  })
  const [line] = await following.waitFor(/^\{.*pool-exhausted.*\}$/m).finally(() => void following.stop())
  const { at: _, ...event } = JSON.parse(line) as Record<string, unknown>
  assert.deepEqual(event, {
    service: 'nat64',
    instance: instance.name,
    revision: 1,
    kind: 'problem',
    level: 'warn',
    message: 'nat64.pool4 has no free address for a new host: enlarge it, or shorten nat64.idleLifetimeS',
    details: { code: 'pool-exhausted' },
  })
})
