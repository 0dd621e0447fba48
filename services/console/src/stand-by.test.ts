import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { BUCKETS, KvBucket, parseStatus, type Link, type Status } from '@sixgate/bus'
import type { Process } from '@sixgate/testkit'
import { SiteLab, siteYaml } from './testkit/site-lab.ts'

const MAIN = join(import.meta.dirname, 'main.ts')

const startConsole = (lab: SiteLab, number: number): Process =>
  lab.run('console', MAIN, [], { HEALTH_FILE: join(lab.directory, `run/console-${number}/health.json`) })

/** Waits for a report of the console like that. */
const reported = async (link: Link, isWanted: (report: Status) => boolean): Promise<Status> =>
  await new Promise((resolve) => {
    const stop = new KvBucket(link, BUCKETS.STATUS).watch(({ key, value, operation }) => {
      const report = operation === 'put' && key.startsWith('console.') ? parseStatus(value) : undefined
      if (report === undefined || !isWanted(report)) return
      setImmediate(() => stop())
      resolve(report)
    })
  })

const standsBy = ({ remarks = [] }: Status): boolean => remarks.some((line) => line.startsWith('stands by'))
const markOf = (lab: SiteLab): boolean => existsSync(join(lab.directory, 'stopping'))

describe('two consoles of one machine', () => {
  it('one is active, the other reports and leaves everything alone; it takes over when the first one ends', async () => {
    await using lab = await SiteLab.start()
    lab.writeSite(siteYaml())
    const first = startConsole(lab, 1)
    await first.waitFor(/state: ok/)
    const second = startConsole(lab, 2)
    const { link } = await lab.connect('console', 'observer', false)
    const waiting = await reported(link, (report) => standsBy(report) && report.state === 'ok')
    assert.equal(waiting.revision, 1)

    lab.writeSite(siteYaml('2001:db8:64::/96'))
    await first.waitFor(/"revision":2,"msg":"document published"/)
    await reported(link, (report) => standsBy(report) && report.revision === 2)
    assert.doesNotMatch(second.output.stdout, /document (published|stands in NATS)/)

    assert.equal(await first.stop('SIGTERM'), 0)
    await second.waitFor(/the console before this one has ended/)
    await second.waitFor(/document stands in NATS already/)
    await reported(
      link,
      (report) =>
        report.instance === waiting.instance && !standsBy(report) && report.state === 'ok' && report.revision === 2,
    )
    assert.equal(markOf(lab), false, 'the mark of the stop is taken back')
    lab.writeSite(siteYaml('2001:db8:65::/96'))
    await second.waitFor(/"revision":3,"msg":"document published"/)
  })

  it('the one that stands by ends: no mark that the site goes down', async () => {
    await using lab = await SiteLab.start()
    lab.writeSite(siteYaml())
    await startConsole(lab, 1).waitFor(/state: ok/)
    const second = startConsole(lab, 2)
    await second.waitFor(/stands by/)
    assert.equal(await second.stop('SIGTERM'), 0)
    assert.equal(markOf(lab), false)
  })

  it('the site goes down: both end, and the mark stays', async () => {
    await using lab = await SiteLab.start()
    lab.writeSite(siteYaml())
    const first = startConsole(lab, 1)
    await first.waitFor(/state: ok/)
    const second = startConsole(lab, 2)
    await second.waitFor(/stands by/)
    assert.deepEqual(await Promise.all([first.stop('SIGTERM'), second.stop('SIGTERM')]), [0, 0])
    assert.equal(markOf(lab), true)
  })
})
