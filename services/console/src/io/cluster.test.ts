import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, it, type TestContext } from 'node:test'
import { jetstream } from '@nats-io/jetstream'
import { parse } from 'yaml'
import { ask, BUCKETS, KvBucket, KvError, type NatsSite } from '@sixgate/bus'
import { NatsCluster } from '../testkit/nats-cluster.ts'
import { ensureBuckets } from './buckets.ts'
import { putDocument, readPublished } from './publisher.ts'

/** The NATS of two gateways and a third machine: three servers with the configuration that is shipped. */

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const LIMIT_MS = 60_000

/** Until `work` succeeds: a cluster chooses its leaders first. */
const untilDone = async <T>(work: () => Promise<T>): Promise<T> => {
  const endMs = performance.now() + LIMIT_MS
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (performance.now() > endMs) throw error
      await pause(200)
    }
  }
}

const untilTrue = async (what: string, look: () => boolean): Promise<void> => {
  const endMs = performance.now() + LIMIT_MS
  while (!look()) {
    assert.ok(performance.now() < endMs, what)
    await pause(50)
  }
}

/** Keys that a service sees, followed as long as the test lasts. */
const followed = (nats: NatsSite, bucket: string, t: TestContext): Set<string> => {
  const keys = new Set<string>()
  const stop = new KvBucket(nats.link, bucket).watch(({ key, operation }) => {
    if (operation === 'put') keys.add(key)
  })
  t.after(stop)
  return keys
}

/** The path of the health check that `deploy/compose.two.yml` gives the server. */
const healthPath = (): string => {
  const { services } = parse(readFileSync(new URL('../../../../deploy/compose.two.yml', import.meta.url), 'utf8')) as {
    services: { nats: { healthcheck: { test: string[] } } }
  }
  const { pathname, search } = new URL(services.nats.healthcheck.test.at(-1) ?? '')
  return `${pathname}${search}`
}

describe('three NATS servers as one', () => {
  it('a server that is alone is healthy for Docker, so that its gateway starts with what it has on disk', async () => {
    await using cluster = await NatsCluster.start(['b'])
    assert.equal(await cluster.health('b', healthPath()), 200)
    // Without a leader the server says so where it is asked for it.
    assert.equal(await cluster.health('b', '/healthz?js-meta-only=true'), 503)
  })

  it('what one gateway writes the other has; one server may die; with one left nothing is written and nothing lost', async (t) => {
    await using cluster = await NatsCluster.start()
    const console = await cluster.connect('a', 'console')
    await untilDone(async () => await ensureBuckets(console.link, 3))
    const manager = await jetstream(console.link.connection, { checkAPI: false }).jetstreamManager(false)
    for (const bucket of Object.values(BUCKETS))
      assert.equal((await manager.streams.info(`KV_${bucket}`)).config.num_replicas, 3, bucket)
    assert.equal((await manager.streams.info('events')).config.num_replicas, 3)

    // An address is given once, whoever asks first.
    const a = await cluster.connect('a', 'nat64')
    const b = await cluster.connect('b', 'nat64')
    const [hostsA, hostsB] = [a, b].map(({ link }) => new KvBucket(link, BUCKETS.HOSTS)) as [KvBucket, KvBucket]
    const seenByB = followed(b, BUCKETS.HOSTS, t)
    const outcomes = await Promise.all([
      hostsA.create('198-18-0-2', bytes('a')),
      hostsB.create('198-18-0-2', bytes('b')),
    ])
    assert.equal(outcomes.filter((revision) => revision !== undefined).length, 1)
    await untilTrue('b sees the address', () => seenByB.has('198-18-0-2'))
    // Services of both answer commands of either.
    a.answer({ who: () => 'a' })
    b.answer({ who: () => 'b' })
    for (const at of ['a', 'b'] as const) {
      const { link } = await cluster.connect(at, 'console')
      const answers = await ask(link, { service: 'nat64', question: 'who', expected: 2 })
      assert.deepEqual(
        answers.map(({ answer }) => answer),
        ['a', 'b'],
        at,
      )
    }
    // Permissions are every server's.
    await assert.rejects(new KvBucket(b.link, BUCKETS.SITE).put('document', bytes('{}')), KvError)

    const atB = await cluster.connect('b', 'console')
    await untilDone(async () => await putDocument(atB.link, '{}'))
    await cluster.kill('c')
    await untilDone(async () => await hostsA.put('198-18-0-3', bytes('a')))
    await untilTrue('b sees the next address', () => seenByB.has('198-18-0-3'))

    // No majority: what is there can be read by nobody's leave, and nothing is written.
    await cluster.kill('a')
    const lonely = await hostsB.create('198-18-0-4', bytes('b')).then(
      (revision) => `revision ${revision}`,
      (error: KvError) => error.code,
    )
    assert.match(lonely, /^(timeout|unserved|failed)$/)
    // The document is not taken for one that never was.
    const published = await readPublished(atB.link).then(
      (document) => document?.revision,
      (error: KvError) => error.code,
    )
    assert.match(String(published), /^(1|timeout|unserved|failed)$/)

    await cluster.start('a')
    await untilDone(async () => await hostsB.put('198-18-0-5', bytes('b')))
    assert.deepEqual(new TextDecoder().decode((await hostsB.get('198-18-0-3'))?.value), 'a')
    const standing = await untilDone(async () => await putDocument(atB.link, '{"lan":1}'))
    assert.equal(standing?.isNew, true)
  })

  for (const [how, signal] of [
    ['restarted', 'SIGTERM'],
    ['killed and started', 'SIGKILL'],
  ] as const)
    it(`a server that is ${how} is one of three again: what its machine writes the others have, and it hears them`, async (t) => {
      await using cluster = await NatsCluster.start()
      const console = await cluster.connect('a', 'console')
      await untilDone(async () => await ensureBuckets(console.link, 3))
      const a = await cluster.connect('a', 'nat64')
      const b = await cluster.connect('b', 'nat64')
      const [hostsA, hostsB] = [a, b].map(({ link }) => new KvBucket(link, BUCKETS.HOSTS)) as [KvBucket, KvBucket]
      const [seenByA, seenByB] = [followed(a, BUCKETS.HOSTS, t), followed(b, BUCKETS.HOSTS, t)]
      await hostsA.create('198-18-0-2', bytes('a'))
      await untilTrue('b sees the address', () => seenByB.has('198-18-0-2'))
      await cluster.kill('a', signal)
      await cluster.start('a')
      await untilTrue('the service of a is connected again', () => a.link.connected)
      await untilDone(async () => await hostsA.put('198-18-0-3', bytes('a')))
      await untilDone(async () => await hostsB.put('198-18-0-4', bytes('b')))
      await untilTrue('b sees what a wrote', () => seenByB.has('198-18-0-3'))
      await untilTrue('a sees what b wrote', () => seenByA.has('198-18-0-4'))
      // It is a whole one: with another one away there is a majority.
      await cluster.kill('b')
      await untilDone(async () => await hostsA.put('198-18-0-5', bytes('a')))
    })

  it('a server with a certificate of another authority is none of the cluster', async () => {
    await using cluster = await NatsCluster.start()
    await cluster.kill('c')
    cluster.forge('c')
    await cluster.start('c')
    const isRefused = (name: 'a' | 'c'): boolean => /certificate signed by unknown authority/.test(cluster.log(name))
    await untilTrue('each refuses the other', () => isRefused('a') && isRefused('c'))
    assert.doesNotMatch(cluster.log('c'), /JetStream cluster new metadata leader/)
  })
})
