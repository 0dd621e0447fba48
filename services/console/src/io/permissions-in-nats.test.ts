import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { jetstream } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { connect } from '@nats-io/transport-node'
import {
  apiPrefixOf,
  ask,
  BUCKET_SHAPES,
  type Bucket,
  type BucketName,
  KvBucket,
  type KvError,
  Lease,
  openNats,
  SERVICE_NAMES,
  type ServiceName,
} from '@sixgate/bus'
import { createLogger } from '@sixgate/obs'
import { SiteLab } from '../testkit/site-lab.ts'
import { readReports } from './reports.ts'

/** As services call it. */
const API = apiPrefixOf('nat64')

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const services = SERVICE_NAMES.filter((service) => service !== 'console')

const synced = (bucket: Bucket): Promise<void> =>
  new Promise((resolve) => {
    const stop = bucket.watch(
      () => undefined,
      () => {
        resolve()
        setImmediate(() => stop())
      },
    )
  })

/** `ok`, or the code of the KvError. */
const outcome = async (work: Promise<unknown>): Promise<string> =>
  await work.then(
    () => 'ok',
    (error: KvError) => error.code,
  )

describe('with the real server and keys', () => {
  for (const service of services) {
    it(`${service} follows the document, asks for the mark, reports, and can do no more with these`, async () => {
      await using lab = await SiteLab.start()
      await lab.makeBuckets()
      const { link } = await lab.connect(service)
      const site = new KvBucket(link, 'site')
      const status = new KvBucket(link, 'status')
      await synced(site)
      assert.deepEqual(
        {
          report: await outcome(status.put(`${service}.a`, bytes('{}'))),
          withdraw: await outcome(status.delete(`${service}.a`)),
          mark: await outcome(status.get('site.stopping')),
          'put document': await outcome(site.put('document', bytes('{}'))),
          'create document': await outcome(site.create('document', bytes('{}'))),
          'delete document': await outcome(site.delete('document')),
          'report as another': await outcome(status.put('console.a', bytes('{}'))),
          'put the mark': await outcome(status.put('site.stopping', bytes('0'))),
          'read a report': await outcome(status.get('console.a')),
        },
        {
          report: 'ok',
          withdraw: 'ok',
          mark: 'ok',
          'put document': 'refused',
          'create document': 'refused',
          'delete document': 'refused',
          'report as another': 'refused',
          'put the mark': 'refused',
          'read a report': 'refused',
        },
      )
    })
  }

  const HOSTS: readonly (readonly [ServiceName, string])[] = [
    ['nat64', 'ok'],
    ['dns64', 'refused'],
    ['ra-advertiser', 'refused'],
    ['nat44-firewall', 'refused'],
    ['console', 'refused'],
  ]
  for (const [service, expected] of HOSTS) {
    it(`hosts is ${expected} for ${service}`, async () => {
      await using lab = await SiteLab.start()
      await lab.makeBuckets()
      const hosts = new KvBucket((await lab.connect(service)).link, 'hosts')
      if (expected === 'ok') await synced(hosts)
      const outcomes = [
        await outcome(hosts.create('198-18-0-1', bytes('x'))),
        await outcome(hosts.get('198-18-0-1')),
        await outcome(hosts.put('198-18-0-1', bytes('x'))),
        await outcome(hosts.delete('198-18-0-1')),
      ]
      assert.deepEqual(
        outcomes,
        outcomes.map(() => expected),
      )
    })
  }

  it('ra-advertiser follows the reports of the others', async () => {
    await using lab = await SiteLab.start()
    await lab.makeBuckets()
    const nat64 = new KvBucket((await lab.connect('nat64')).link, 'status')
    const status = new KvBucket((await lab.connect('ra-advertiser')).link, 'status')
    const { promise: seen, resolve } = Promise.withResolvers<string>()
    const stop = status.watch(({ key }) => resolve(key))
    await nat64.put('nat64.a', bytes('{}'))
    assert.equal(await seen, 'nat64.a')
    stop()
  })

  for (const service of ['ra-advertiser', 'nat44-firewall'] as const) {
    it(`${service} takes its lease, hands it over, and cannot touch another's`, async () => {
      await using lab = await SiteLab.start()
      await lab.makeBuckets()
      const { link } = await lab.connect(service)
      const leases = new KvBucket(link, 'leases')
      const log = createLogger({ service, instance: 'test', level: 'silent' })
      const instance = (name: string): { lease: Lease; active: Promise<void> } => {
        const { promise, resolve } = Promise.withResolvers<void>()
        return {
          lease: new Lease({ bucket: leases, key: service, instance: name, log, onChange: () => resolve() }),
          active: promise,
        }
      }
      const a = instance('a')
      await a.active
      const b = instance('b')
      await a.lease.release()
      await b.active
      await b.lease.release()
      assert.equal(await leases.get(service), undefined)
      assert.equal(await outcome(leases.put('dns64', bytes('{}'))), 'refused')
    })
  }

  it('only the console makes buckets; services wait for them', async () => {
    await using lab = await SiteLab.start()
    const { link } = await lab.connect('nat64')
    const kvm = new Kvm(jetstream(link.connection, link.jetstream))
    await assert.rejects(kvm.create('hosts', {}), /[Pp]ermissions? [Vv]iolation/)
    assert.equal(await outcome(new KvBucket(link, 'hosts').put('a', bytes('x'))), 'unserved')
    await lab.makeBuckets()
    assert.equal(await outcome(new KvBucket(link, 'hosts').put('a', bytes('x'))), 'ok')
  })

  it('buckets are made with bounded size and lifetime, and those of an older version get that', async () => {
    await using lab = await SiteLab.start()
    const { link } = await lab.connect('console')
    const client = jetstream(link.connection, { checkAPI: false })
    await new Kvm(client).create('status', { storage: 'memory', history: 5, ttl: 300_000 })
    await lab.makeBuckets()
    const manager = await client.jetstreamManager(false)
    for (const [name, shape] of Object.entries(BUCKET_SHAPES)) {
      const { config } = await manager.streams.info(`KV_${name}`)
      assert.deepEqual(
        {
          storage: config.storage,
          history: config.max_msgs_per_subject,
          ttlMs: config.max_age / 1e6,
          maxBytes: config.max_bytes,
        },
        shape,
        name satisfies string as BucketName,
      )
    }
  })

  it('the console reads every report', async () => {
    await using lab = await SiteLab.start()
    await lab.makeBuckets()
    const report = (service: ServiceName) => ({
      service,
      instance: 'a',
      version: '0.0.0',
      revision: 1,
      state: 'ok' as const,
      sinceMs: 0,
      problems: [],
      counters: {},
      startedAtMs: 0,
      atMs: Date.now(),
    })
    for (const service of SERVICE_NAMES) {
      const { link } = await lab.connect(service, 'a')
      await new KvBucket(link, 'status').put(`${service}.a`, bytes(JSON.stringify(report(service))))
    }
    const { link } = await lab.connect('console')
    await new KvBucket(link, 'status').put('console.broken', bytes('no report'))
    const reports = await readReports(link)
    assert.deepEqual(reports.map(({ service }) => service).toSorted(), [...SERVICE_NAMES].toSorted())
  })

  it('an answer that a service has sent to a subject of another writes nothing there', async () => {
    await using lab = await SiteLab.start()
    await lab.makeBuckets()
    const console_ = (await lab.connect('console')).link
    const document = await new KvBucket(console_, 'site').put('document', bytes('good'))
    const { link } = await lab.connect('nat64')
    const { connection } = link
    const hosts = new KvBucket(link, 'hosts')
    await hosts.put('a', bytes('forged'))
    const targets = ['$KV.site.document', '$KV.leases.nat44-firewall', '$KV.status.dns64.a', '$KV.status.site.stopping']
    const requests: readonly (readonly [string, string])[] = [
      ['$JS.API.DIRECT.GET.KV_hosts.$KV.hosts.a', ''],
      ['$KV.hosts.b', 'x'],
      ['$JS.API.STREAM.INFO.KV_hosts', ''],
      ['$JS.API.CONSUMER.INFO.KV_hosts.x', ''],
    ]
    for (const reply of targets)
      for (const [subject, payload] of requests)
        connection.publish(
          subject.startsWith('$JS.API') ? subject.replace('$JS.API', API) : `${API}.${subject}`,
          payload,
          { reply },
        )
    // A consumer may name where its messages go, too.
    for (const [index, deliver_subject] of targets.entries()) {
      const config = { name: `c${index}`, deliver_subject, ack_policy: 'none', filter_subject: '$KV.hosts.>' }
      const body = JSON.stringify({ stream_name: 'KV_hosts', config, action: 'create' })
      await connection.request(`${API}.CONSUMER.CREATE.KV_hosts.c${index}.$KV.hosts.>`, body)
    }
    // All that was sent before has been dealt with when this is answered.
    await hosts.put('c', bytes('x'))
    await hosts.get('c')
    assert.ok(await hosts.get('b'), 'the requests themselves were allowed')
    const entry = await new KvBucket(console_, 'site').get('document')
    assert.deepEqual([entry?.revision, new TextDecoder().decode(entry?.value)], [document, 'good'])
    assert.deepEqual(await new KvBucket(console_, 'status').keys(), [])
    assert.deepEqual(await new KvBucket(console_, 'leases').keys(), [])
  })

  it('a service cannot listen to the answers of another, or to writes', async () => {
    await using lab = await SiteLab.start()
    const { link } = await lab.connect('dns64')
    for (const subject of ['_INBOX_nat64.>', '_INBOX.>', '$KV.>', 'sixgate.nat64.drops', 'sixgate.>', '>']) {
      const failure = new Promise((resolve) => {
        link.connection.subscribe(subject, { callback: (error) => resolve(error?.message) })
      })
      assert.match(String(await failure), /[Pp]ermissions? [Vv]iolation/, subject)
    }
  })

  it('the console asks services, services ask nobody', async () => {
    await using lab = await SiteLab.start()
    for (const service of services) (await lab.connect(service, 'a')).answer({ name: () => service })
    const { link } = await lab.connect('console', 'cli')
    for (const service of services) {
      const answers = await ask(link, { service, question: 'name', expected: 1 })
      assert.deepEqual(answers, [{ instance: 'a', answer: service }])
    }
    const other = (await lab.connect('dns64')).link
    await assert.rejects(
      ask(other, { service: 'nat64', question: 'name', expected: 1 }),
      /[Pp]ermissions? [Vv]iolation/,
    )
  })

  it('without a key nobody gets in', async () => {
    await using lab = await SiteLab.start()
    await assert.rejects(connect({ servers: lab.server.url, reconnect: false }), /authorization/i)
    await assert.rejects(
      connect({ servers: lab.server.url, user: 'nat64', pass: '', reconnect: false }),
      /authorization/i,
    )
  })

  it('a key that is not in auth.conf does not get in, and the reason is told', async () => {
    await using lab = await SiteLab.start()
    await using other = await SiteLab.start()
    const log = createLogger({ service: 'dns64', instance: 'x', level: 'silent' })
    const seedFile = other.environment('dns64').NKEY_SEED_FILE ?? ''
    const { link } = openNats({ url: lab.server.url, seedFile, service: 'dns64', instance: 'x', log })
    assert.equal(await link.ready(1000), false)
    assert.match(String(link.complaint), /authorization/i)
    await link.close()
  })
})
