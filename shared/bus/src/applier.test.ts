import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Applier, RETRY_MS, SLOW_APPLY_MS } from './applier.ts'
import { type Problem, type Service, SiteRejected, type SiteSnapshot } from './contract.ts'
import { offerOf } from './offer.ts'
import { siteDocument } from './testkit/service-process.ts'

/** Apply calls that the test ends itself, one by one. */
class Bench {
  readonly calls: number[] = []
  readonly applied: number[] = []
  problems: readonly Problem[] = []
  nowMs = 0
  readonly #pending: PromiseWithResolvers<void>[] = []
  readonly applier: Applier

  constructor() {
    const service: Service = {
      apply: async ({ revision }: SiteSnapshot) => {
        this.calls.push(revision)
        const pending = Promise.withResolvers<void>()
        this.#pending.push(pending)
        await pending.promise
      },
      problems: () => this.problems,
      counters: () => ({}),
      stop: async () => undefined,
    }
    const events = {
      applied: ({ revision }: { revision: number }) => void this.applied.push(revision),
      changed: () => undefined,
    }
    this.applier = new Applier(service, events, () => this.nowMs)
  }

  offer(revision: number, port = revision): void {
    this.applier.offer(offerOf(revision, siteDocument(1000 + port)))
  }

  /** Ends the oldest call under way: well, or with an error. */
  async end(error?: Error): Promise<void> {
    const pending = this.#pending.shift()
    if (pending === undefined) throw new Error('no apply is under way')
    if (error === undefined) pending.resolve()
    else pending.reject(error)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const codes = ({ applier }: Bench): string[] => applier.condition().problems.map(({ code }) => code)

describe('the applier', () => {
  it('applies one at a time; of those that wait only the newest', async () => {
    const bench = new Bench()
    for (const revision of [1, 2, 3, 4]) bench.offer(revision)
    assert.deepEqual(bench.calls, [1])
    await bench.end()
    assert.deepEqual(bench.calls, [1, 4])
    await bench.end()
    assert.deepEqual(bench.applied, [1, 4])
    assert.equal(bench.applier.revision, 4)
  })

  it('ignores what is in force, on its way or waiting already', async () => {
    const bench = new Bench()
    bench.offer(1)
    bench.offer(1)
    bench.offer(2)
    bench.offer(2)
    await bench.end()
    bench.offer(2)
    await bench.end()
    bench.offer(2)
    assert.deepEqual(bench.calls, [1, 2])
  })

  it('takes the same revision with other content, and an older revision: storage may have been lost', async () => {
    const bench = new Bench()
    bench.offer(5)
    await bench.end()
    bench.offer(5, 77)
    await bench.end()
    bench.offer(1)
    await bench.end()
    assert.deepEqual(bench.calls, [5, 5, 1])
  })

  it('goes from starting over ok to degraded with the service’s problems', async () => {
    const bench = new Bench()
    assert.equal(bench.applier.condition().state, 'starting')
    bench.offer(1)
    assert.equal(bench.applier.condition().state, 'starting')
    await bench.end()
    assert.deepEqual(bench.applier.condition(), { state: 'ok', revision: 1, problems: [] })
    bench.problems = [{ code: 'x', message: 'y' }]
    assert.deepEqual(bench.applier.condition(), { state: 'degraded', revision: 1, problems: bench.problems })
  })

  it('a refusal keeps what is in force, and ends with the next document', async () => {
    const bench = new Bench()
    bench.offer(1)
    await bench.end()
    bench.offer(2)
    await bench.end(new SiteRejected('no', 'pool4: too small'))
    const { state, revision, problems } = bench.applier.condition()
    assert.deepEqual(
      [state, revision, problems],
      ['rejected', 1, [{ code: 'no', message: 'revision 2: pool4: too small' }]],
    )
    bench.nowMs += 10 * RETRY_MS
    bench.applier.tick()
    assert.deepEqual(bench.calls, [1, 2], 'it is not tried again')
    bench.offer(3)
    await bench.end()
    assert.equal(bench.applier.condition().state, 'ok')
  })

  it('a document that is no site does not disturb one that is on its way', async () => {
    const bench = new Bench()
    bench.offer(1)
    bench.applier.refuse({ code: 'document-invalid', message: 'line 3' })
    await bench.end()
    assert.equal(bench.applier.revision, 1)
    assert.equal(bench.applier.condition().state, 'rejected')
    bench.offer(2)
    await bench.end()
    assert.equal(bench.applier.condition().state, 'ok')
  })

  it('the fate of a document that was overtaken is of no interest', async () => {
    const bench = new Bench()
    bench.offer(1)
    bench.offer(2)
    await bench.end(new SiteRejected('no', 'no'))
    assert.deepEqual(codes(bench), [])
    await bench.end()
    assert.equal(bench.applier.condition().state, 'ok')
  })

  it('another error is degraded and tried again, until it works or a newer document comes', async () => {
    const bench = new Bench()
    bench.offer(1)
    await bench.end(new Error('busy'))
    assert.deepEqual(codes(bench), ['apply-failed'])
    assert.equal(bench.applier.condition().state, 'degraded')
    bench.nowMs = RETRY_MS - 1
    bench.applier.tick()
    assert.deepEqual(bench.calls, [1])
    bench.nowMs = RETRY_MS
    bench.applier.tick()
    bench.applier.tick()
    assert.deepEqual(bench.calls, [1, 1])
    await bench.end()
    assert.deepEqual(codes(bench), [])
    assert.equal(bench.applier.condition().state, 'ok')
  })

  it('an apply that takes long is a problem while it lasts', async () => {
    const bench = new Bench()
    bench.offer(1)
    bench.nowMs = SLOW_APPLY_MS - 1
    assert.deepEqual(codes(bench), [])
    bench.nowMs = SLOW_APPLY_MS
    assert.deepEqual(codes(bench), ['apply-slow'])
    await bench.end()
    assert.deepEqual(codes(bench), [])
  })

  it('closing waits for the apply under way and takes nothing more', async () => {
    const bench = new Bench()
    bench.offer(1)
    bench.offer(2)
    const closed = bench.applier.close()
    bench.offer(3)
    assert.equal(bench.applier.condition().state, 'stopping')
    await bench.end()
    await closed
    assert.deepEqual(bench.calls, [1])
  })
})
