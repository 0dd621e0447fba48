import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { Kvm } from '@nats-io/kv'
import type { BucketEntry, WatchSync } from '../contract.ts'
import { NatsLab } from '../testkit/nats-lab.ts'
import { Recorder } from '../testkit/recorder.ts'
import { KvBucket } from './kv-bucket.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** One line per event: `put a=1`, `delete a`, `synced`, `synced lost=a,b`. */
const record = (bucket: KvBucket, t: TestContext): Recorder<string> => {
  const events = new Recorder<string>()
  const onEntry = ({ operation, key, value }: BucketEntry): void =>
    events.add(operation === 'put' ? `put ${key}=${new TextDecoder().decode(value)}` : `delete ${key}`)
  const onSynced = ({ lost }: WatchSync): void =>
    events.add(lost.length === 0 ? 'synced' : `synced lost=${lost.join()}`)
  t.after(bucket.watch(onEntry, onSynced))
  return events
}

/** Everything after what was there before. */
const since = (events: Recorder<string>, count: number): string[] => events.items.slice(count)

describe('a watch', () => {
  it('brings what is there, then says synced, then brings each change', async (t) => {
    await using lab = await NatsLab.start()
    await lab.makeBuckets('hosts')
    const bucket = new KvBucket(await lab.connectedLink(), 'hosts')
    await bucket.put('a', bytes('1'))
    await bucket.put('b', bytes('2'))
    await bucket.put('c', bytes('3'))
    await bucket.delete('c')
    const events = record(bucket, t)
    assert.deepEqual(await events.count(3), ['put a=1', 'put b=2', 'synced'])
    await bucket.put('a', bytes('4'))
    await bucket.delete('b')
    assert.deepEqual((await events.count(5)).slice(3), ['put a=4', 'delete b'])
  })

  it('of an empty bucket is synced at once', async (t) => {
    await using lab = await NatsLab.start()
    await lab.makeBuckets('hosts')
    assert.deepEqual(await record(new KvBucket(await lab.connectedLink(), 'hosts'), t).count(1), ['synced'])
  })

  it('of a bucket in which everything was deleted is synced', async (t) => {
    await using lab = await NatsLab.start()
    await lab.makeBuckets('hosts')
    const bucket = new KvBucket(await lab.connectedLink(), 'hosts')
    await bucket.put('a', bytes('1'))
    await bucket.delete('a')
    assert.deepEqual(await record(bucket, t).count(1), ['synced'])
  })

  it('begins before there is a server, and waits for the bucket', async (t) => {
    await using lab = await NatsLab.start(true)
    const bucket = new KvBucket(lab.link(), 'hosts')
    const events = record(bucket, t)
    await lab.server.start()
    await lab.connectedLink()
    assert.deepEqual(events.items, [])
    await lab.makeBuckets('hosts')
    assert.deepEqual(await events.count(1), ['synced'])
    await bucket.put('a', bytes('1'))
    assert.deepEqual(await events.count(2), ['synced', 'put a=1'])
  })

  it('goes on after the server was restarted, and brings what changed meanwhile only', async (t) => {
    await using lab = await NatsLab.start()
    await lab.makeBuckets('hosts')
    const link = await lab.connectedLink()
    const bucket = new KvBucket(link, 'hosts')
    await bucket.put('a', bytes('1'))
    await bucket.put('b', bytes('2'))
    await bucket.put('c', bytes('3'))
    const events = record(bucket, t)
    await events.count(4)
    const gone = new Recorder<boolean>()
    t.after(link.onChange(() => gone.add(link.connected)))
    await lab.server.stop('SIGKILL')
    await gone.until((items) => items.includes(false))
    await lab.server.start()
    // Changed through another connection: the watch may or may not be back by now.
    const kv = await new Kvm(await lab.admin()).open('hosts')
    await kv.put('b', '5')
    await kv.purge('c')
    await events.until((items) => items.includes('put b=5') && items.includes('delete c'))
    await events.until((items) => items.lastIndexOf('synced') >= 4)
    assert.deepEqual(
      since(events, 4).filter((event) => event !== 'synced'),
      ['put b=5', 'delete c'],
    )
  })

  it('says which keys are lost when the storage is lost, and brings equal revisions of the new storage', async (t) => {
    await using lab = await NatsLab.start()
    await lab.makeBuckets('hosts')
    const bucket = new KvBucket(await lab.connectedLink(), 'hosts')
    await bucket.put('a', bytes('1'))
    await bucket.put('b', bytes('2'))
    const events = record(bucket, t)
    await events.count(3)
    await lab.server.stop()
    lab.server.loseStorage()
    await lab.server.start()
    await lab.makeBuckets('hosts')
    const kv = await new Kvm(await lab.admin()).open('hosts')
    assert.equal(await kv.put('a', 'other'), 1, 'the same revision as before')
    await events.until((items) => items.includes('put a=other'))
    await events.until((items) => items.some((item) => item.startsWith('synced lost=')))
    // The new bucket may have been seen while it was still empty; then `a` was lost before it came.
    assert.match(since(events, 3).join(' '), /^(put a=other synced lost=b|synced lost=a,b put a=other)$/)
  })

  it('notices within its timer that the bucket was replaced under a connection that stands', async (t) => {
    await using lab = await NatsLab.start()
    await lab.makeBuckets('hosts')
    const bucket = new KvBucket(await lab.connectedLink(), 'hosts')
    await bucket.put('a', bytes('1'))
    const events = record(bucket, t)
    await events.count(2)
    const kv = await new Kvm(await lab.admin()).open('hosts')
    await kv.destroy()
    await lab.makeBuckets('hosts')
    await kv.put('b', '2')
    await events.until((items) => items.includes('put b=2'))
    assert.match(since(events, 2).join(' '), /^(put b=2 synced lost=a|synced lost=a put b=2)$/)
  })

  it('brings nothing more once it was ended', async (t) => {
    await using lab = await NatsLab.start()
    await lab.makeBuckets('hosts')
    const bucket = new KvBucket(await lab.connectedLink(), 'hosts')
    const ended = new Recorder<string>()
    const stop = bucket.watch(({ key }) => ended.add(key))
    const other = record(bucket, t)
    await bucket.put('a', bytes('1'))
    await ended.count(1)
    stop()
    await bucket.put('b', bytes('2'))
    await other.until((items) => items.includes('put b=2'))
    assert.deepEqual(ended.items, ['a'])
  })

  it('holds 3000 keys', async (t) => {
    await using lab = await NatsLab.start()
    await lab.makeBuckets('hosts')
    const bucket = new KvBucket(await lab.connectedLink(), 'hosts')
    const keys = Array.from({ length: 3000 }, (_, index) => `198-18-${index >> 8}-${index & 255}`)
    // Some at a time: what waits behind 3000 others on a busy machine may wait longer than a write has time.
    for (let at = 0; at < keys.length; at += 100)
      await Promise.all(keys.slice(at, at + 100).map((key) => bucket.put(key, bytes(key))))
    const events = record(bucket, t)
    await events.until((items) => items.at(-1) === 'synced')
    assert.equal(new Set(events.items).size, 3001)
  })
})
