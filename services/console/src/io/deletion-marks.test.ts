/** With the permissions that the services really have. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import { KvBucket, type Link } from '@sixgate/bus'
import { SiteLab } from '../testkit/site-lab.ts'
import { marksBefore, removeMark, sweepMarks } from './deletion-marks.ts'

const VALUE = new TextEncoder().encode('a mapping')

/** Messages in the bucket: keys, and marks of those that were deleted. */
const messages = async (link: Link): Promise<number> =>
  (await (await link.kv('hosts')).status()).streamInfo.state.messages

const makeLab = async () => {
  const lab = await SiteLab.start()
  await lab.makeBuckets()
  const { link } = await lab.connect('console')
  const nat64 = await lab.connect('nat64')
  return { lab, link, bucket: new KvBucket(nat64.link, 'hosts') }
}

test('what deleted keys left is taken away; keys stay, and so do marks that are new', async () => {
  const { lab, link, bucket } = await makeLab()
  await using _ = lab
  assert.equal(await sweepMarks(link, Date.now() + 1000), 0, 'an empty bucket')
  for (const key of ['a', 'b', 'c', 'd']) await bucket.put(key, VALUE)
  for (const key of ['a', 'b']) await bucket.delete(key)
  assert.equal(await messages(link), 4)
  assert.equal(await sweepMarks(link, Date.now() - 60_000), 0, 'younger than that')
  assert.equal(await messages(link), 4)
  assert.equal(await sweepMarks(link, Date.now() + 1000), 2)
  assert.equal(await messages(link), 2)
  assert.deepEqual((await bucket.keys()).toSorted(), ['c', 'd'])
  // The address can be given out again, as one that nobody ever had.
  assert.ok(await bucket.create('a', VALUE))
})

test('a key that was written again since its mark was seen stays', async () => {
  const { lab, link, bucket } = await makeLab()
  await using _ = lab
  await bucket.put('a', VALUE)
  await bucket.delete('a')
  const mark = (await marksBefore(link, Date.now() + 1000)).get('a') ?? assert.fail()
  assert.ok(await bucket.create('a', VALUE))
  assert.equal(await removeMark(await jetstreamManager(link.connection, link.jetstream), 'a', mark), 0)
  assert.equal(new TextDecoder().decode((await bucket.get('a'))?.value), 'a mapping')
})

test('who follows the bucket hears of the end, and nothing of the sweep; who comes later sees keys alone', async () => {
  const { lab, link, bucket } = await makeLab()
  await using _ = lab
  const heard: string[] = []
  const until = async (count: number): Promise<void> => {
    while (heard.length < count) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const follow = (name: string) =>
    bucket.watch(
      ({ key, operation }) => void heard.push(`${name} ${operation} ${key}`),
      ({ lost }) => void heard.push(`${name} synced, lost: ${lost.join()}`),
    )
  const stop = follow('first')
  await until(1)
  for (const key of ['a', 'b']) await bucket.put(key, VALUE)
  await bucket.delete('a')
  await until(4)
  await sweepMarks(link, Date.now() + 1000)
  await bucket.put('c', VALUE)
  await until(5)
  stop()
  const stopLater = follow('later')
  await until(8)
  stopLater()
  assert.deepEqual(heard, [
    'first synced, lost: ',
    'first put a',
    'first put b',
    'first delete a',
    'first put c',
    'later put b',
    'later put c',
    'later synced, lost: ',
  ])
})
