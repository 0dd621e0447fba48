import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NatsLab } from '../testkit/nats-lab.ts'
import { Recorder } from '../testkit/recorder.ts'
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

    // Of single keys NATS says no more than that nobody answers, which has other reasons too.
    const [code, message] =
      call === 'keys'
        ? ['missing', /^bucket hosts, key \*: NATS does not have it, since it is new or was started anew; the console/]
        : [
            'unserved',
            /^bucket hosts, key k: nobody in NATS answers for it: NATS is starting, stopping or without a maj/,
          ]
    it(`${call} in a bucket that does not exist: KvError "${code}" that names it`, async () => {
      await using lab = await NatsLab.start()
      const bucket = new KvBucket(await lab.connectedLink(), 'hosts')
      await assert.rejects(run(bucket), { name: 'KvError', code, message })
    })

    it(`${call} while NATS is away: KvError "disconnected" at once`, async () => {
      await using lab = await NatsLab.start(true)
      const bucket = new KvBucket(lab.link(), 'hosts')
      assert.equal(bucket.connected, false)
      await assert.rejects(run(bucket), { name: 'KvError', code: 'disconnected' })
    })
  }

  it('that is in memory is gone after a restart of NATS, and the error does not say that it never was', async () => {
    await using lab = await NatsLab.start()
    await lab.makeBuckets('status', 'site')
    const link = await lab.connectedLink()
    const [status, site] = [new KvBucket(link, 'status'), new KvBucket(link, 'site')]
    await status.put('nat64.a', bytes('1'))
    await site.put('document', bytes('{}'))
    const changes = new Recorder<boolean>()
    link.onChange(() => changes.add(link.connected))
    await lab.restart()
    await changes.until((items) => items.at(-1) === true)
    await assert.rejects(status.keys(), { code: 'missing', message: /it is new or was started anew/ })
    assert.deepEqual([await status.exists(), await site.exists()], [false, true])
    assert.deepEqual(await site.keys(), ['document'])
  })

  it('whose answer did not come before NATS went: the error says that, and whether a write was done is unknown', async () => {
    await using lab = await NatsLab.start()
    await lab.makeBuckets('site')
    const link = await lab.connectedLink()
    const bucket = new KvBucket(link, 'site')
    lab.server.freeze()
    const [late, lost] = [bucket.put('a', bytes('1')), bucket.get('a')]
    const outcomes = Promise.allSettled([late, lost])
    await lab.server.stop('SIGKILL')
    for (const outcome of await outcomes) {
      assert.ok(outcome.status === 'rejected')
      const { code, message } = outcome.reason as { code: string; message: string }
      assert.equal(code, 'timeout')
      assert.equal(message, `bucket site, key a: the connection to NATS was lost before it answered`)
    }
  })

  it('that NATS does not answer for in time, while the connection stands', async () => {
    await using lab = await NatsLab.start()
    await lab.makeBuckets('site')
    const bucket = new KvBucket(await lab.connectedLink(), 'site')
    lab.server.freeze()
    await assert.rejects(bucket.get('a'), {
      code: 'timeout',
      message: 'bucket site, key a: NATS did not answer in time',
    })
  })
})
