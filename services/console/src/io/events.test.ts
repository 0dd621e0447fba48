import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { jetstream } from '@nats-io/jetstream'
import { EVENTS_KEPT, type NatsSite, type SiteEvent } from '@sixgate/bus'
import { SiteLab } from '../testkit/site-lab.ts'
import { siteEvents } from './events.ts'

const happening = (nats: NatsSite, service: SiteEvent['service'], message: string, atMs = Date.now()): void =>
  nats.event({ atMs, service, instance: 'a', revision: 1, kind: 'takeover', level: 'info', message })

const messagesOf = async (nats: NatsSite, sinceMs?: number): Promise<string[]> => {
  const all: string[] = []
  for await (const { message } of siteEvents(nats.link, sinceMs === undefined ? {} : { sinceMs })) all.push(message)
  return all
}

/** The first `count` events that come, kept ones included. */
const firstOf = async (nats: NatsSite, count: number): Promise<string[]> => {
  const all: string[] = []
  const end = new AbortController()
  for await (const { message } of siteEvents(nats.link, { follow: end.signal })) {
    all.push(message)
    if (all.length === count) end.abort()
  }
  return all
}

describe('events, with the real server and keys', () => {
  it('of every service are kept in order, also what was told before NATS or the stream was there', async () => {
    await using lab = await SiteLab.start()
    const dns64 = await lab.connect('dns64')
    happening(dns64, 'dns64', 'early')
    await lab.makeBuckets()
    const console = await lab.connect('console')
    assert.deepEqual(await firstOf(console, 1), ['early'])
    const nat64 = await lab.connect('nat64')
    for (const message of ['one', 'two', 'three']) happening(nat64, 'nat64', message)
    assert.deepEqual(await firstOf(console, 4), ['early', 'one', 'two', 'three'])
    assert.deepEqual(await messagesOf(console), ['early', 'one', 'two', 'three'])
    assert.deepEqual(await messagesOf(console, Date.now() + 60_000), [], 'nothing is that new')
  })

  it('the newest alone are read when no more are wanted', async () => {
    await using lab = await SiteLab.start()
    await lab.makeBuckets()
    const console = await lab.connect('console')
    const newest = async (count: number): Promise<string[]> => {
      const messages: string[] = []
      for await (const { message } of siteEvents(console.link, { newest: count })) messages.push(message)
      return messages
    }
    assert.deepEqual(await newest(2), [])
    const [dns64, nat64] = [await lab.connect('dns64'), await lab.connect('nat64')]
    for (const message of ['one', 'two', 'three']) happening(nat64, 'nat64', message)
    await firstOf(console, 3)
    happening(dns64, 'dns64', 'four')
    await firstOf(console, 4)
    assert.deepEqual(await newest(2), ['three', 'four'])
    assert.deepEqual(await newest(4), ['one', 'two', 'three', 'four'])
    assert.deepEqual(await newest(500), ['one', 'two', 'three', 'four'])
    // Behind what each service may keep, others of the newest may be gone: all are read, and more than wanted come.
    assert.deepEqual(await newest(EVENTS_KEPT.perService + 1), ['one', 'two', 'three', 'four'])
  })

  it('without any, there is none', async () => {
    await using lab = await SiteLab.start()
    const console = await lab.connect('console')
    assert.deepEqual(await messagesOf(console), [], 'no stream yet')
    await lab.makeBuckets()
    assert.deepEqual(await messagesOf(console), [])
  })

  it('survive a restart of the server, and those told meanwhile come after it', async () => {
    await using lab = await SiteLab.start()
    await lab.makeBuckets()
    const nat64 = await lab.connect('nat64')
    const console = await lab.connect('console')
    happening(nat64, 'nat64', 'before')
    assert.deepEqual(await firstOf(console, 1), ['before'])
    await lab.server.stop()
    happening(nat64, 'nat64', 'meanwhile')
    await lab.server.start()
    assert.ok((await nat64.link.ready(20_000)) && (await console.link.ready(20_000)))
    assert.deepEqual(await firstOf(console, 2), ['before', 'meanwhile'])
  })

  it('a service tells in its own name only', async () => {
    await using lab = await SiteLab.start()
    await lab.makeBuckets()
    const nat64 = await lab.connect('nat64')
    const console = await lab.connect('console')
    happening(nat64, 'dns64', 'in the name of another')
    happening(await lab.connect('dns64'), 'dns64', 'mine')
    assert.deepEqual(await firstOf(console, 1), ['mine'])
  })

  it('the stream is bounded for each service, and gets the limits of this version when it is older', async () => {
    await using lab = await SiteLab.start()
    const { link } = await lab.connect('console')
    await lab.makeBuckets()
    const manager = await jetstream(link.connection, { checkAPI: false }).jetstreamManager(false)
    const { config } = await manager.streams.info('events')
    assert.equal(config.max_msgs_per_subject, EVENTS_KEPT.perService)
    await manager.streams.update('events', { ...config, max_msgs_per_subject: 3 })
    await lab.makeBuckets()
    assert.equal((await manager.streams.info('events')).config.max_msgs_per_subject, EVENTS_KEPT.perService)
  })
})
