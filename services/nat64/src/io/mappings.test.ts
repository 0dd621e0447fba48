/** Who gets which address: alone, several instances over a real NATS, NATS away and back. */
import assert from 'node:assert/strict'
import { once, EventEmitter } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatIp4, formatIp6, type Ip6 } from '@sixgate/addr'
import type { Bucket } from '@sixgate/bus'
import { parseSite } from '@sixgate/site'
import { parse } from 'yaml'
import { KvBucket } from '../../../../shared/bus/src/nats/kv-bucket.ts'
import { NatsLab, silent } from '../../../../shared/bus/src/testkit/nats-lab.ts'
import { kvKey } from '../core/address-map/kv-entry.ts'
import type { Mapping } from '../core/address-map/registry.ts'
import { type Plan, planFrom } from '../core/plan.ts'
import { ip4Of, ip6Of } from '../testkit/core-lab.ts'
import { eventually } from '../testkit/eventually.ts'
import { labSite } from '../testkit/gateway-lab.ts'
import { Mappings } from './mappings.ts'

const planOf = (pool4 = '198.18.0.0/24', pref64 = '"64:ff9b::/96"', guaranteedS = 7440): Plan =>
  planFrom(parseSite(parse(labSite({ pool4, pref64, more: `  idleLifetimeS: ${guaranteedS}\n` }))), [])

/** An instance, and what its data plane was told. */
class Instance {
  readonly mappings: Mappings
  readonly directory: string
  readonly #told = new EventEmitter()
  readonly installed = new Map<string, string>()
  readonly refused: string[] = []
  /** By host: when the kernel saw it last. */
  readonly seenByKernelS = new Map<string, number>()

  constructor(bucket: Bucket | undefined, directory = mkdtempSync(join(tmpdir(), 'mappings-')), plan = planOf()) {
    this.directory = directory
    this.#told.setMaxListeners(0)
    this.mappings = new Mappings(directory, bucket, silent, {
      onInstall: (mapping) => this.#set(mapping),
      onRemove: (mapping) => {
        this.installed.delete(formatIp6(mapping.ip6))
        this.#told.emit('change')
      },
      onRefuse: (ip6: Ip6) => {
        this.refused.push(formatIp6(ip6))
        this.#told.emit('change')
      },
      seenS: ({ ip6 }) => this.seenByKernelS.get(formatIp6(ip6)) ?? 0,
      seenByIp4: () =>
        new Map(
          this.mappings.registry
            .all()
            .map(({ ip4, ip6 }) => [ip4, { seenS: this.seenByKernelS.get(formatIp6(ip6)) ?? 0 }]),
        ),
    })
    this.mappings.reconfigure(plan)
    for (const mapping of this.mappings.registry.all()) this.#set(mapping)
  }

  #set(mapping: Mapping): void {
    this.installed.set(formatIp6(mapping.ip6), formatIp4(mapping.ip4))
    this.#told.emit('change')
  }

  /** A host without mapping speaks; resolves with its address once the data plane has it. */
  async speak(host: string, pref = 0): Promise<string> {
    this.mappings.want(ip6Of(host), pref)
    await this.until(() => this.installed.has(host))
    return this.installed.get(host) ?? assert.fail()
  }

  /** Resolves when the condition holds; looks after every event. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await once(this.#told, 'change', { signal: AbortSignal.timeout(15_000) })
  }

  /** Resolves when NATS knows every mapping. */
  async untilConfirmed(): Promise<void> {
    await eventually(() => this.mappings.counters().hosts_unconfirmed === 0, 'all mappings confirmed')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mappings.close()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

const hostNumber = (number: number): string => formatIp6(ip6Of(`fd00:6:4::${(number + 16).toString(16)}`))

test('alone: every host has an address of its own, and keeps it over a restart', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'mappings-'))
  const first = new Instance(undefined, directory)
  const hosts = Array.from({ length: 100 }, (_, index) => hostNumber(index))
  const given = await Promise.all(hosts.map((host) => first.speak(host)))
  assert.equal(new Set(given).size, hosts.length)
  assert.ok(!given.some((ip4) => ['198.18.0.0', '198.18.0.1', '198.18.0.255'].includes(ip4)), 'reserved addresses')
  await first.mappings.close()
  const second = new Instance(undefined, directory)
  assert.deepEqual(
    hosts.map((host) => second.installed.get(host)),
    given,
  )
  await second.mappings.close()
  await using third = new Instance(undefined, directory)
  assert.equal(third.installed.size, hosts.length)
})

test('two prefixes: one host has an address for each', async () => {
  await using instance = new Instance(
    undefined,
    undefined,
    planOf('198.18.0.0/24', '"64:ff9b::/96", "2001:db8:64::/96"'),
  )
  const one = await instance.speak('fd00:6:4::10', 0)
  instance.installed.clear()
  const two = await instance.speak('fd00:6:4::10', 1)
  assert.notEqual(one, two)
})

test('a used-up pool: refused while everybody has a right to his address, then the longest unused goes', async () => {
  await using instance = new Instance(undefined, undefined, planOf('198.18.0.0/29'))
  for (let index = 0; index < 5; index++) await instance.speak(hostNumber(index))
  instance.mappings.want(ip6Of(hostNumber(9)), 0)
  await instance.until(() => instance.refused.includes(hostNumber(9)))
  assert.ok(instance.mappings.exhausted)

  // The guarantee ends: host 2 is the one that was silent for the longest time.
  instance.mappings.reconfigure(planOf('198.18.0.0/29', '"64:ff9b::/96"', 60))
  const { registry } = instance.mappings
  for (const mapping of registry.all()) {
    const isTwo = formatIp6(mapping.ip6) === hostNumber(2)
    registry.lastSeenS[mapping.slot] = (registry.lastSeenS[mapping.slot] ?? 0) - (isTwo ? 300 : 200)
  }
  const freed = instance.installed.get(hostNumber(2))
  assert.equal(await instance.speak(hostNumber(9)), freed)
  assert.ok(!instance.installed.has(hostNumber(2)))
})

test('a host that only the kernel saw (fast path) keeps its address; the next one gives way', async () => {
  await using instance = new Instance(undefined, undefined, planOf('198.18.0.0/29', '"64:ff9b::/96"', 60))
  for (let index = 0; index < 5; index++) await instance.speak(hostNumber(index))
  const { registry } = instance.mappings
  const idleS = new Map([
    [hostNumber(3), 400],
    [hostNumber(1), 300],
  ])
  for (const mapping of registry.all()) {
    const nowS = registry.lastSeenS[mapping.slot] ?? 0
    instance.seenByKernelS.set(hostNumber(3), nowS)
    registry.lastSeenS[mapping.slot] = nowS - (idleS.get(formatIp6(mapping.ip6)) ?? 0)
  }
  const freed = instance.installed.get(hostNumber(1))
  assert.equal(await instance.speak(hostNumber(9)), freed)
  assert.ok(instance.installed.has(hostNumber(3)))
})

test('two instances over NATS never give one address twice, and one host always gets the same one', async () => {
  await using lab = await NatsLab.start()
  await lab.makeBuckets('hosts')
  await using one = new Instance(new KvBucket(await lab.connectedLink(), 'hosts'))
  await using two = new Instance(new KvBucket(await lab.connectedLink(), 'hosts'))
  const hosts = Array.from({ length: 200 }, (_, index) => hostNumber(index))
  // Every host speaks through both at once, in opposite orders. One that loses an address that was given without NATS
  // (it was too slow) speaks again.
  const speakAll = (): void => {
    for (const host of hosts) if (!one.installed.has(host)) one.mappings.want(ip6Of(host), 0)
    for (const host of hosts.toReversed()) if (!two.installed.has(host)) two.mappings.want(ip6Of(host), 0)
  }
  await eventually(() => {
    speakAll()
    return hosts.every((host) => one.installed.has(host) && one.installed.get(host) === two.installed.get(host))
  }, 'both agree')
  assert.equal(new Set(hosts.map((host) => one.installed.get(host))).size, hosts.length)
  await one.untilConfirmed()
  await two.untilConfirmed()
})

test('a backup gives hosts the addresses that they had, in every instance; who is in the way gets another', async () => {
  await using lab = await NatsLab.start()
  await lab.makeBuckets('hosts')
  await using one = new Instance(new KvBucket(await lab.connectedLink(), 'hosts'))
  await using two = new Instance(new KvBucket(await lab.connectedLink(), 'hosts'))
  const [a, b, c] = [hostNumber(0), hostNumber(1), hostNumber(2)]
  const [ofA, ofB, ofC] = [await one.speak(a), await two.speak(b), await two.speak(c)]
  await one.until(() => one.installed.size === 3)
  await two.until(() => two.installed.size === 3)
  await one.untilConfirmed()
  await two.untilConfirmed()
  const restore = async (host: string, ip4: string): Promise<string> =>
    await one.mappings.restore({ ip6: ip6Of(host), pref64: '64:ff9b::/96' }, ip4Of(ip4))
  // A and B change places, D takes C's.
  const d = hostNumber(3)
  assert.equal(await restore(a, ofA), 'already')
  assert.equal(await restore(a, ofB), 'restored')
  assert.equal(await restore(b, ofA), 'restored')
  assert.equal(await restore(d, ofC), 'restored')
  assert.equal(await restore(d, '203.0.113.9'), 'unfit')
  assert.equal(await one.mappings.restore({ ip6: ip6Of(d), pref64: '2001:db8::/96' }, ip4Of(ofC)), 'unfit')
  const wanted = new Map([
    [a, ofB],
    [b, ofA],
    [d, ofC],
  ])
  assert.deepEqual(one.installed, wanted)
  await two.until(() => [...wanted].every(([host, ip4]) => two.installed.get(host) === ip4) && !two.installed.has(c))
  await one.untilConfirmed()
  const again = await two.speak(c)
  assert.ok(![ofA, ofB, ofC].includes(again))
  await using third = new Instance(new KvBucket(await lab.connectedLink(), 'hosts'))
  await third.until(() => third.installed.get(c) === again && third.installed.get(d) === ofC)
})

test('a new instance learns from NATS what it has not on disk', async () => {
  await using lab = await NatsLab.start()
  await lab.makeBuckets('hosts')
  await using one = new Instance(new KvBucket(await lab.connectedLink(), 'hosts'))
  const ip4 = await one.speak('fd00:6:4::10')
  await one.untilConfirmed()
  await using two = new Instance(new KvBucket(await lab.connectedLink(), 'hosts'))
  await two.until(() => two.installed.get('fd00:6:4::10') === ip4)
})

test('NATS away: addresses are given at once, and told to NATS when it is back', async () => {
  await using lab = await NatsLab.start()
  await lab.makeBuckets('hosts')
  const bucket = new KvBucket(await lab.connectedLink(), 'hosts')
  await using one = new Instance(bucket)
  await lab.server.stop()
  const started = performance.now()
  const ip4 = await one.speak('fd00:6:4::10')
  assert.ok(performance.now() - started < 1000, 'the data plane does not wait for NATS')
  assert.equal(one.mappings.counters().hosts_unconfirmed, 1)
  await lab.server.start()
  await one.untilConfirmed()
  const entry = await bucket.get(kvKey(ip4Of(ip4)))
  assert.match(new TextDecoder().decode(entry?.value), /"ip6":"fd00:6:4::10","pref64":"64:ff9b::\/96"/)
})

test('conflict after NATS was away: what NATS had earlier wins, the other host gets a new address', async () => {
  await using lab = await NatsLab.start()
  await lab.makeBuckets('hosts')
  const link = await lab.connectedLink()
  const directory = mkdtempSync(join(tmpdir(), 'mappings-'))
  // Alone, one instance gives the address away; meanwhile another one does, to another host, with NATS.
  const alone = new Instance(undefined, directory)
  const ip4 = await alone.speak('fd00:6:4::10')
  await alone.mappings.close()
  await new KvBucket(link, 'hosts').create(
    kvKey(ip4Of(ip4)),
    new TextEncoder().encode('{"ip6":"fd00:6:4::99","pref64":"64:ff9b::/96","seen":1}'),
  )
  await using one = new Instance(new KvBucket(await lab.connectedLink(), 'hosts'), directory)
  await one.until(() => one.installed.get('fd00:6:4::99') === ip4 && !one.installed.has('fd00:6:4::10'))
  assert.notEqual(await one.speak('fd00:6:4::10'), ip4)
})

test('NATS lost its storage: the mappings stay and are told anew', async () => {
  await using lab = await NatsLab.start()
  await lab.makeBuckets('hosts')
  const bucket = new KvBucket(await lab.connectedLink(), 'hosts')
  await using one = new Instance(bucket)
  const ip4 = await one.speak('fd00:6:4::10')
  await one.untilConfirmed()
  await lab.restart('lose')
  await lab.makeBuckets('hosts')
  const isTold = async (): Promise<boolean> =>
    (await bucket.get(kvKey(ip4Of(ip4))).catch(() => undefined)) !== undefined
  await eventually(isTold, 'told anew')
  assert.equal(one.installed.get('fd00:6:4::10'), ip4)
})

test('an entry that was deleted by another instance ends the mapping here', async () => {
  await using lab = await NatsLab.start()
  await lab.makeBuckets('hosts')
  const bucket = new KvBucket(await lab.connectedLink(), 'hosts')
  await using one = new Instance(bucket)
  const ip4 = await one.speak('fd00:6:4::10')
  await one.untilConfirmed()
  // It follows the bucket once it has heard of another's entry.
  const other = '{"ip6":"fd00:6:4::99","pref64":"64:ff9b::/96","seen":1}'
  await bucket.create('198-18-0-200', new TextEncoder().encode(other))
  await one.until(() => one.installed.get('fd00:6:4::99') === '198.18.0.200')
  await bucket.delete(kvKey(ip4Of(ip4)))
  await one.until(() => !one.installed.has('fd00:6:4::10'))
})

test('entries that are no mappings are left alone', async () => {
  await using lab = await NatsLab.start()
  await lab.makeBuckets('hosts')
  const bucket = new KvBucket(await lab.connectedLink(), 'hosts')
  await bucket.create('something', new TextEncoder().encode('else'))
  await bucket.create('198-18-0-9', new Uint8Array([0xff, 0x00]))
  await using one = new Instance(bucket)
  await one.speak('fd00:6:4::10')
  await one.untilConfirmed()
  assert.equal((await bucket.get('something'))?.key, 'something')
})
