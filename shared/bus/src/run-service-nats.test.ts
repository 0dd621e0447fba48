import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { KvBucket } from './nats/kv-bucket.ts'
import { putStoppingMark, removeStoppingMark } from './nats/stopping-mark.ts'
import { parseStatus, type Status } from './status.ts'
import { putStoppingFile } from './stopping-file.ts'
import { BEHAVIOUR } from './testkit/fixture-service.ts'
import { NatsLab } from './testkit/nats-lab.ts'
import { Recorder } from './testkit/recorder.ts'
import { siteDocument } from './testkit/service-process.ts'

type Report = Status | 'withdrawn'

/** Every report that comes into the bucket `status` from now on. */
const reportsOf = async (lab: NatsLab, t: TestContext): Promise<Recorder<Report>> => {
  const reports = new Recorder<Report>()
  const bucket = new KvBucket(await lab.connectedLink(), 'status')
  t.after(
    bucket.watch(({ operation, key, value }) => {
      if (operation === 'delete' && key.startsWith('nat64.')) reports.add('withdrawn')
      const status = operation === 'put' ? parseStatus(value) : undefined
      if (status !== undefined) reports.add(status)
    }),
  )
  return reports
}

const last = (reports: Recorder<Report>): Status | undefined =>
  reports.items.findLast((report): report is Status => report !== 'withdrawn')

describe('a service with SITE=nats:', () => {
  it('applies each document and reports it, with the bus at hand', async (t) => {
    await using lab = await NatsLab.start()
    const first = await lab.publish(siteDocument(1001))
    const reports = await reportsOf(lab, t)
    const service = lab.service()
    await service.logged(/applied 1 with port 1001, hosts shared/)
    const second = await lab.publish(siteDocument(1002))
    await reports.until((items) => items.some((item) => item !== 'withdrawn' && item.revision === second))
    assert.deepEqual([first, second], [1, 2])
    const { service: name, state, problems, counters, version, startedAtMs, sinceMs, atMs } = last(reports) as Status
    assert.deepEqual(
      { name, state, problems, counters },
      { name: 'nat64', state: 'ok', problems: [], counters: { packets_total: 7 } },
    )
    assert.match(version, /^\d+\.\d+\.\d+$/)
    assert.ok(startedAtMs <= sinceMs && sinceMs <= atMs)
  })

  it('waits for NATS without end, then for the document, and says what for', async () => {
    await using lab = await NatsLab.start(true)
    const service = lab.service()
    await service.logged(/no connection to NATS at nats:\/\/127\.0\.0\.1:\d+: .*tried again until it works/)
    await service.process.waitFor(/"state":"starting"/)
    assert.equal(service.health.state, 'starting')
    await lab.server.start()
    await service.logged(/no document in NATS .* yet: the console publishes it/)
    await lab.publish(siteDocument(1001))
    await service.logged(/applied 1/)
  })

  it('a seed that is missing is named, and found once it is there', async () => {
    await using lab = await NatsLab.start()
    await lab.publish(siteDocument())
    const seedFile = join(lab.directory, 'later')
    const service = lab.service({ NKEY_SEED_FILE: seedFile })
    await service.logged(/NKEY_SEED_FILE: .*later.*the one-shot container .*keys.* makes it/)
    writeFileSync(seedFile, lab.seed)
    await service.logged(/applied 1/)
  })

  it('starts with the last known good document while NATS is away, and takes over when it comes back', async () => {
    await using lab = await NatsLab.start()
    await lab.publish(siteDocument(1001))
    await lab.publish(siteDocument(1002))
    const before = lab.service()
    await before.logged(/applied 2 with port 1002/)
    assert.equal(await before.terminate(), 0)
    await lab.server.stop()
    const service = lab.service()
    await service.logged(/starting with revision 2, the last one known to be good/)
    await service.logged(/applied 2 with port 1002/)
    await service.logged(/state: ok/)
    assert.equal(service.health.state, 'ok', 'the data plane does not need NATS')
    await lab.server.start()
    await lab.publish(siteDocument(1003))
    await service.logged(/applied 3 with port 1003/)
    assert.equal(service.messages.filter((message) => message.startsWith('applied')).length, 2)
  })

  it('a last known good document that is damaged is named and left alone', async () => {
    await using lab = await NatsLab.start()
    const revision = await lab.publish(siteDocument(1001))
    const before = lab.service()
    await before.logged(/state: ok/)
    await before.terminate()
    const file = join(lab.directory, 'state/last-known-good.json')
    rmSync(file)
    writeFileSync(file, '{"revision":1,')
    const service = lab.service()
    await service.process.waitFor(/last-known-good\.json is damaged/)
    await service.logged(new RegExp(`applied ${revision} `))
  })

  it('keeps running while NATS is gone, and follows again after a restart of NATS', async (t) => {
    await using lab = await NatsLab.start()
    await lab.publish(siteDocument(1001))
    const service = lab.service()
    await service.logged(/state: ok/)
    await lab.server.stop('SIGKILL')
    await service.logged(/connection to .* lost; the service goes on without/)
    await lab.server.start()
    const reports = await reportsOf(lab, t)
    await lab.publish(siteDocument(1002))
    await service.logged(/applied 2 with port 1002/)
    await reports.until((items) => items.some((item) => item !== 'withdrawn' && item.revision === 2))
  })

  it('storage that was lost: keeps what is in force, and applies the same revision number with other content', async () => {
    await using lab = await NatsLab.start()
    await lab.publish(siteDocument(1001))
    const service = lab.service()
    await service.logged(/state: ok/)
    await lab.restart('lose')
    await service.logged(/connected to .* again/)
    assert.equal(await lab.publish(siteDocument(1002)), 1)
    await service.logged(/applied 1 with port 1002/)
  })

  it('what it cannot serve is reported as rejected with the reason, the revision before stays in force', async (t) => {
    await using lab = await NatsLab.start()
    await lab.publish(siteDocument(1001))
    const reports = await reportsOf(lab, t)
    const service = lab.service()
    await service.logged(/state: ok/)
    await lab.publish(siteDocument(BEHAVIOUR.REJECT))
    await reports.until(() => last(reports)?.state === 'rejected')
    assert.deepEqual(
      { revision: last(reports)?.revision, problems: last(reports)?.problems },
      {
        revision: 1,
        problems: [
          { code: 'port-taken', message: 'revision 2: firewall.inbound[0].port: 1: is taken; choose another' },
        ],
      },
    )
    await lab.publish(siteDocument(1003))
    await reports.until(() => last(reports)?.state === 'ok')
    assert.equal(last(reports)?.revision, 3)
  })

  it('what is no site document for its version is reported as rejected', async (t) => {
    await using lab = await NatsLab.start()
    await lab.publish(siteDocument(1001))
    const reports = await reportsOf(lab, t)
    const service = lab.service()
    await service.logged(/state: ok/)
    await lab.publish('{"lan":{}}')
    await reports.until(() => last(reports)?.state === 'rejected')
    assert.match(
      JSON.stringify(last(reports)?.problems),
      /revision 2 is no site document for this version: .*lan\.interface/,
    )
  })

  it('SIGTERM alone is a restart: what it made stays, and its report is withdrawn', async (t) => {
    await using lab = await NatsLab.start()
    await lab.publish(siteDocument())
    const reports = await reportsOf(lab, t)
    const service = lab.service()
    await reports.count(1)
    await service.logged(/state: ok/)
    assert.equal(await service.terminate(), 0)
    assert.ok(service.messages.includes('stop keep'))
    await reports.until((items) => items.at(-1) === 'withdrawn')
    assert.equal(last(reports)?.state, 'stopping')
  })

  const MARKS: readonly (readonly [string, (lab: NatsLab) => Promise<void>, string])[] = [
    ['a mark of now: remove', async (lab) => putStoppingMark(await lab.connectedLink(), Date.now()), 'stop remove'],
    [
      'a mark of 14 s ago: remove',
      async (lab) => putStoppingMark(await lab.connectedLink(), Date.now() - 14_000),
      'stop remove',
    ],
    [
      'a mark of 16 s ago: keep',
      async (lab) => putStoppingMark(await lab.connectedLink(), Date.now() - 16_000),
      'stop keep',
    ],
    [
      'a mark that was taken back: keep',
      async (lab) => {
        const link = await lab.connectedLink()
        await putStoppingMark(link, Date.now())
        await removeStoppingMark(link)
      },
      'stop keep',
    ],
    ['NATS gone: keep', async (lab) => await lab.server.stop('SIGKILL'), 'stop keep'],
  ]
  for (const [what, prepare, expected] of MARKS) {
    it(`SIGTERM and ${what}`, async () => {
      await using lab = await NatsLab.start()
      await lab.publish(siteDocument())
      const service = lab.service()
      await service.logged(/state: ok/)
      await prepare(lab)
      assert.equal(await service.terminate(), 0)
      assert.ok(service.messages.includes(expected), service.messages.join('\n'))
    })
  }

  const STOPPING_FILE: readonly (readonly [string, number, string])[] = [
    ['of now', 0, 'stop remove'],
    ['of 16 s ago', 16_000, 'stop keep'],
  ]
  for (const [what, ageMs, expected] of STOPPING_FILE) {
    it(`SIGTERM, NATS gone, and a mark ${what} in the file that the console shares: ${expected}`, async () => {
      await using lab = await NatsLab.start()
      await lab.publish(siteDocument())
      const file = join(lab.directory, 'stopping')
      const service = lab.service({ STOPPING_FILE: file })
      await service.logged(/state: ok/)
      await lab.server.stop('SIGKILL')
      putStoppingFile(file, Date.now() - ageMs)
      assert.equal(await service.terminate(), 0)
      assert.ok(service.messages.includes(expected), service.messages.join(' '))
    })
  }

  it('--remove takes away what a killed process left, without NATS', async () => {
    await using lab = await NatsLab.start()
    await lab.publish(siteDocument(1001))
    const killed = lab.service()
    await killed.logged(/state: ok/)
    await killed.process.stop('SIGKILL')
    await lab.server.stop()
    const removing = lab.service({}, ['--remove'])
    assert.equal(await removing.process.ended, 0)
    assert.deepEqual(removing.messages.slice(-3), ['applied 1 with port 1001, hosts alone', 'stop remove', 'removed'])
  })

  it('--remove without a last known good document removes what it can', async () => {
    await using lab = await NatsLab.start(true)
    const removing = lab.service({}, ['--remove'])
    assert.equal(await removing.process.ended, 0)
    assert.deepEqual(removing.messages.slice(-2), ['stop remove', 'removed'])
  })

  it('ON_STOP=remove needs no mark', async () => {
    await using lab = await NatsLab.start()
    await lab.publish(siteDocument())
    const service = lab.service({ ON_STOP: 'remove' })
    await service.logged(/state: ok/)
    await service.terminate()
    assert.ok(service.messages.includes('stop remove'))
  })

  it('two instances report each under its own name and both follow', async (t) => {
    await using lab = await NatsLab.start()
    await lab.publish(siteDocument())
    const reports = await reportsOf(lab, t)
    const one = lab.service({ STATE_DIR: join(lab.directory, 'one') })
    const other = lab.service({ STATE_DIR: join(lab.directory, 'other') })
    await Promise.all([one.logged(/state: ok/), other.logged(/state: ok/)])
    await lab.publish(siteDocument(1002))
    const names = (items: readonly Report[]) =>
      new Set(items.flatMap((item) => (item !== 'withdrawn' && item.revision === 2 ? [item.instance] : [])))
    await reports.until((items) => names(items).size === 2)
  })

  const twoGateways = (): string =>
    JSON.stringify({
      ...JSON.parse(siteDocument()),
      gateways: [
        { name: 'a', router: '::1' },
        { name: 'b', router: '::2' },
      ],
    })

  it('each of two gateways has the document as its own, and says which one it is', async (t) => {
    await using lab = await NatsLab.start()
    await lab.publish(twoGateways())
    const reports = await reportsOf(lab, t)
    const start = (gateway: string) =>
      lab.service({ GATEWAY: gateway, LOG_LEVEL: 'debug', STATE_DIR: join(lab.directory, gateway) })
    const [a, b] = [start('a'), start('b')]
    await Promise.all([a.logged(/router fd00:6:4::1"/), b.logged(/router fd00:6:4::2"/)])
    const told = (): string[] =>
      reports.items.flatMap((item) =>
        item === 'withdrawn' || item.state !== 'ok' ? [] : [`${item.gateway} ${item.instance.split('-')[0]}`],
      )
    await reports.until(() => new Set(told()).size === 2)
    assert.deepEqual([...new Set(told())].toSorted(), ['a a', 'b b'])
  })

  const STRANGERS: readonly (readonly [string, Record<string, string>, RegExp])[] = [
    ['a name that the document does not have', { GATEWAY: 'c' }, /this machine is "c"/],
    ['no name where the document has gateways', {}, /this machine has no name/],
  ]
  for (const [what, environment, reason] of STRANGERS) {
    it(`${what}: refused with the reason`, async (t) => {
      await using lab = await NatsLab.start()
      await lab.publish(twoGateways())
      const reports = await reportsOf(lab, t)
      lab.service(environment)
      await reports.until(() => last(reports)?.state === 'rejected')
      assert.match(last(reports)?.problems[0]?.message ?? '', reason)
    })
  }

  const GATEWAY_MARKS: readonly (readonly [string, string | undefined, string])[] = [
    ['its own gateway goes down: remove', 'a', 'stop remove'],
    ['another one goes down: keep', 'b', 'stop keep'],
    ['a mark without a name: keep', undefined, 'stop keep'],
  ]
  for (const [what, marked, expected] of GATEWAY_MARKS) {
    it(`SIGTERM at gateway a, and ${what}`, async () => {
      await using lab = await NatsLab.start()
      await lab.publish(twoGateways())
      const service = lab.service({ GATEWAY: 'a' })
      await service.logged(/state: ok/)
      await putStoppingMark(await lab.connectedLink(), Date.now(), marked)
      assert.equal(await service.terminate(), 0)
      assert.ok(service.messages.includes(expected), service.messages.join('\n'))
    })
  }

  it('a name that is none ends the process and says what is allowed', async () => {
    await using lab = await NatsLab.start()
    const service = lab.service({ GATEWAY: 'Pi.A' })
    assert.equal(await service.process.ended, 1)
    assert.match(service.messages.join(), /GATEWAY: .*Pi\.A.*1 to 15 lower-case letters and digits/)
  })

  it('reports are renewed before they expire', async (t) => {
    await using lab = await NatsLab.start()
    await lab.publish(siteDocument())
    const reports = await reportsOf(lab, t)
    lab.service()
    await reports.until((items) => items.filter((item) => item !== 'withdrawn' && item.state === 'ok').length >= 3)
    const times = reports.items.flatMap((item) => (item !== 'withdrawn' && item.state === 'ok' ? [item.atMs] : []))
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0))
    assert.ok(
      gaps.every((gap) => gap < 4000),
      gaps.join(' '),
    )
  })
})
