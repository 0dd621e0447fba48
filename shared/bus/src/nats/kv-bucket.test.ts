import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KvError } from '../kv-error.ts'
import { NatsLab } from '../testkit/nats-lab.ts'
import { KvBucket } from './kv-bucket.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (value: Uint8Array | undefined): string => new TextDecoder().decode(value)

describe('a bucket', () => {
  it('create writes only where nothing is, also after a delete', async () => {
    await using lab = await NatsLab.start()
    await lab.makeBuckets('hosts')
    const bucket = new KvBucket(await lab.connectedLink(), 'hosts')
    assert.equal(await bucket.create('198-18-0-1', bytes('a')), 1)
    assert.equal(await bucket.create('198-18-0-1', bytes('b')), undefined)
    assert.equal(text((await bucket.get('198-18-0-1'))?.value), 'a')
    await bucket.delete('198-18-0-1')
    assert.equal(await bucket.get('198-18-0-1'), undefined)
    assert.equal(await bucket.create('198-18-0-1', bytes('b')), 3)
  })

  it('of many who create one key at once exactly one gets it', async () => {
    await using lab = await NatsLab.start()
    await lab.makeBuckets('hosts')
    const one = new KvBucket(await lab.connectedLink(), 'hosts')
    const other = new KvBucket(await lab.connectedLink(), 'hosts')
    const won = await Promise.all(
      Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? one : other).create('k', bytes(String(index)))),
    )
    const winners = won.flatMap((revision, index) => (revision === undefined ? [] : [index]))
    assert.equal(winners.length, 1)
    assert.equal(text((await one.get('k'))?.value), String(winners[0]))
  })

  it('update writes only over the revision that it was told (JetStream error 10071)', async () => {
    await using lab = await NatsLab.start()
    await lab.makeBuckets('site')
    const bucket = new KvBucket(await lab.connectedLink(), 'site')
    const first = await bucket.put('document', bytes('1'))
    const second = await bucket.update('document', bytes('2'), first)
    assert.ok(second !== undefined && second > first)
    assert.equal(await bucket.update('document', bytes('3'), first), undefined)
    const entry = await bucket.get('document')
    assert.equal(text(entry?.value), '2')
    assert.deepEqual({ ...entry, value: '' }, { key: 'document', value: '', revision: second, operation: 'put' })
  })

  it('get of a key that never was is undefined', async () => {
    await using lab = await NatsLab.start()
    await lab.makeBuckets('site')
    assert.equal(await new KvBucket(await lab.connectedLink(), 'site').get('document'), undefined)
  })

  it('keys lists all keys', async () => {
    await using lab = await NatsLab.start()
    await lab.makeBuckets('status')
    const bucket = new KvBucket(await lab.connectedLink(), 'status')
    assert.deepEqual(await bucket.keys(), [])
    await bucket.put('nat64.a', bytes('1'))
    await bucket.put('nat64.b', bytes('2'))
    await bucket.put('nat64.a', bytes('3'))
    assert.deepEqual((await bucket.keys()).toSorted(), ['nat64.a', 'nat64.b'])
  })

  for (const call of ['get', 'put', 'create', 'update', 'delete', 'keys'] as const) {
    const run = (bucket: KvBucket): Promise<unknown> =>
      ({
        get: () => bucket.get('k'),
        put: () => bucket.put('k', bytes('v')),
        create: () => bucket.create('k', bytes('v')),
        update: () => bucket.update('k', bytes('v'), 1),
        delete: () => bucket.delete('k'),
        keys: () => bucket.keys(),
      })[call]()

    it(`${call} in a bucket that does not exist: KvError "missing" that names it`, async () => {
      await using lab = await NatsLab.start()
      const bucket = new KvBucket(await lab.connectedLink(), 'hosts')
      await assert.rejects(run(bucket), (error) => {
        assert.ok(error instanceof KvError)
        assert.equal(error.code, 'missing', String(error.cause))
        assert.match(error.message, /bucket hosts.*does not exist yet/)
        return true
      })
    })

    it(`${call} while NATS is away: KvError "disconnected" at once`, async () => {
      await using lab = await NatsLab.start(true)
      const bucket = new KvBucket(lab.link(), 'hosts')
      assert.equal(bucket.connected, false)
      await assert.rejects(run(bucket), { name: 'KvError', code: 'disconnected' })
    })
  }
})
