import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { Kvm } from '@nats-io/kv'
import { Process } from '@sixgate/testkit'
import { Lease } from './lease.ts'
import { LEASE_EXPIRY_MS } from './lease-state.ts'
import { KvBucket } from './nats/kv-bucket.ts'
import type { Link } from './nats/link.ts'
import { NatsLab, silent } from './testkit/nats-lab.ts'
import { Recorder } from './testkit/recorder.ts'

const KEY = 'ra-advertiser'
const PROCESS = join(import.meta.dirname, 'testkit/lease-process.ts')

/** A takeover ends within 3 s (`t.diagnostic` says how long it took); a busy machine may be so much later, without any other reason. */
const TAKEOVER_MAX_MS = 3000
const BUSY_MS = 7000

interface Instance {
  readonly lease: Lease
  readonly changes: Recorder<boolean>
  readonly link: Link
}

const instance = (lab: NatsLab, t: TestContext, name: string): Instance => {
  const link = lab.link()
  const changes = new Recorder<boolean>()
  const lease = new Lease({
    bucket: new KvBucket(link, 'leases'),
    key: KEY,
    instance: name,
    log: silent,
    onChange: changes.add,
  })
  t.after(() => lease.release())
  return { lease, changes, link }
}

const holderIn = async (lab: NatsLab): Promise<string | undefined> => {
  const entry = await (await new Kvm(await lab.admin()).open('leases')).get(KEY)
  return entry === null || entry.operation !== 'PUT' ? undefined : entry.json<{ holder: string }>().holder
}

const processOf = (lab: NatsLab, name: string): Process =>
  new Process(
    spawn('setpriv', ['--pdeathsig', 'KILL', '--', process.execPath, PROCESS, lab.server.url, lab.seedFile, name]),
    `instance ${name}`,
  )

/** Waits until the instance has seen who else holds the lease. */
const standsBy = async ({ lease, link }: Instance, other: string): Promise<void> => {
  await link.ready(10_000)
  for (let turn = 0; turn < 400 && lease.other !== other; turn++)
    await new Promise((resolve) => setTimeout(resolve, 25))
  assert.equal(lease.other, other)
}

describe('a lease', () => {
  it('without NATS is held from the start', () => {
    const changes: boolean[] = []
    const lease = new Lease({
      bucket: undefined,
      key: KEY,
      instance: 'a',
      log: silent,
      onChange: (a) => changes.push(a),
    })
    assert.deepEqual([lease.active, changes], [true, [true]])
  })

  it('is held by one; SIGTERM hands it over at once', async (t) => {
    await using lab = await NatsLab.start()
    await lab.makeBuckets('leases')
    const a = instance(lab, t, 'a')
    await a.changes.count(1)
    const b = instance(lab, t, 'b')
    await standsBy(b, 'a')
    assert.deepEqual([a.lease.active, b.lease.active, await holderIn(lab)], [true, false, 'a'])
    const startMs = performance.now()
    await a.lease.release()
    await b.changes.count(1)
    // Before it would have expired: the watch told.
    assert.ok(performance.now() - startMs < LEASE_EXPIRY_MS, `${performance.now() - startMs} ms`)
    assert.deepEqual([a.lease.active, b.lease.active, await holderIn(lab)], [false, true, 'b'])
  })

  it('of a holder that is killed (SIGKILL) goes to one of two others within 3 s', async (t) => {
    await using lab = await NatsLab.start()
    await lab.makeBuckets('leases')
    const holder = processOf(lab, 'killed')
    await holder.waitFor(/active/)
    const b = instance(lab, t, 'b')
    const c = instance(lab, t, 'c')
    await standsBy(b, 'killed')
    await standsBy(c, 'killed')
    const startMs = performance.now()
    await holder.stop('SIGKILL')
    await Promise.race([b.changes.count(1), c.changes.count(1)])
    const tookMs = performance.now() - startMs
    assert.ok(tookMs <= TAKEOVER_MAX_MS + BUSY_MS, `${tookMs} ms`)
    t.diagnostic(`takeover after ${Math.round(tookMs)} ms`)
    const [winner, loser] = b.lease.active ? [b, c] : [c, b]
    assert.deepEqual(winner.changes.items, [true])
    await standsBy(loser, b.lease.active ? 'b' : 'c')
    assert.deepEqual(loser.changes.items, [])
  })

  it('of a holder that was only asleep (SIGSTOP): it wakes up and steps down', async (t) => {
    await using lab = await NatsLab.start()
    await lab.makeBuckets('leases')
    const sleeper = processOf(lab, 'sleeper')
    await sleeper.waitFor(/active/)
    const b = instance(lab, t, 'b')
    await standsBy(b, 'sleeper')
    sleeper.child.kill('SIGSTOP')
    await b.changes.count(1)
    sleeper.child.kill('SIGCONT')
    await sleeper.waitFor(/standby/)
    assert.deepEqual([b.changes.items, await holderIn(lab)], [[true], 'b'])
    await sleeper.stop('SIGKILL')
  })

  for (const storage of ['keep', 'lose'] as const)
    it(`outlives a restart of NATS (storage: ${storage}): the same holder, without a break`, async (t) => {
      await using lab = await NatsLab.start()
      await lab.makeBuckets('leases')
      const a = instance(lab, t, 'a')
      await a.changes.count(1)
      const b = instance(lab, t, 'b')
      await standsBy(b, 'a')
      await lab.restart(storage)
      await lab.makeBuckets('leases')
      await Promise.all([a.link.ready(10_000), b.link.ready(10_000)])
      for (let turn = 0; turn < 400 && (await holderIn(lab)) !== 'a'; turn++)
        await new Promise((resolve) => setTimeout(resolve, 25))
      assert.equal(await holderIn(lab), 'a')
      assert.deepEqual([a.changes.items, b.changes.items], [[true], []])
      // And it still is a lease.
      await a.lease.release()
      await b.changes.count(1)
    })

  it('while NATS is gone: the holder holds, who knows of him stays silent, who knows of none goes alone', async (t) => {
    await using lab = await NatsLab.start()
    await lab.makeBuckets('leases')
    const a = instance(lab, t, 'a')
    await a.changes.count(1)
    const b = instance(lab, t, 'b')
    await standsBy(b, 'a')
    await lab.server.stop('SIGKILL')
    const newcomer = instance(lab, t, 'newcomer')
    // The newcomer goes alone after 3 s: by then b had the same time, and did not.
    await newcomer.changes.count(1)
    assert.deepEqual([a.lease.active, b.lease.active, newcomer.lease.active], [true, false, true])
    await lab.server.start()
    await lab.makeBuckets('leases')
    // One of the two that are active gets it, the other steps down; b never was.
    await Promise.race([a.changes.count(2), newcomer.changes.count(2)])
    assert.equal(Number(a.lease.active) + Number(newcomer.lease.active), 1)
    assert.deepEqual(b.changes.items, [])
  })

  it('begins before its bucket is made, and is one lease afterwards', async (t) => {
    await using lab = await NatsLab.start()
    const a = instance(lab, t, 'a')
    await a.link.ready(10_000)
    await lab.makeBuckets('leases')
    await a.changes.count(1)
    assert.equal(await holderIn(lab), 'a')
  })

  it('that its own earlier life left behind is taken at once', async (t) => {
    await using lab = await NatsLab.start()
    await lab.makeBuckets('leases')
    const before = processOf(lab, 'same')
    await before.waitFor(/active/)
    await before.stop('SIGKILL')
    const startMs = performance.now()
    const a = instance(lab, t, 'same')
    await a.changes.count(1)
    assert.ok(performance.now() - startMs < LEASE_EXPIRY_MS, `${performance.now() - startMs} ms`)
  })

  it('whose entry is damaged expires like any other', async (t) => {
    await using lab = await NatsLab.start()
    await lab.makeBuckets('leases')
    await (await new Kvm(await lab.admin()).open('leases')).put(KEY, '{"holder":')
    const a = instance(lab, t, 'a')
    await a.changes.count(1)
    assert.equal(await holderIn(lab), 'a')
  })
})
