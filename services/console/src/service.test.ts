import assert from 'node:assert/strict'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { BUCKETS, DOCUMENT_KEY, KvBucket, type Link, type ServiceName, type Status, STOPPING_KEY } from '@sixgate/bus'
import type { Process } from '@sixgate/testkit'
import { putDocument, readPublished } from './io/publisher.ts'
import { readReports } from './io/reports.ts'
import { SiteLab, siteYaml } from './testkit/site-lab.ts'
import { putReport } from './testkit/sixgate.ts'

const MAIN = join(import.meta.dirname, 'main.ts')
const CLI = join(import.meta.dirname, 'cli.ts')

const startConsole = (lab: SiteLab, more: Record<string, string> = {}): Process => lab.run('console', MAIN, [], more)

/** The document in NATS as text; waits until there is one for which `isWanted` holds. */
const document = async (link: Link, isWanted: (text: string) => boolean): Promise<{ text: string; revision: number }> =>
  await new Promise((resolve) => {
    const stop = new KvBucket(link, BUCKETS.SITE).watch(({ key, value, revision, operation }) => {
      const text = new TextDecoder().decode(value)
      if (key !== DOCUMENT_KEY || operation !== 'put' || !isWanted(text)) return
      setImmediate(() => stop())
      resolve({ text, revision })
    })
  })

/** A service of which one instance reports: `say` changes what, until it is stopped. */
const reporting = async (
  lab: SiteLab,
  service: ServiceName,
): Promise<{ say: (more: Partial<Status>) => Promise<void> }> => {
  const nats = await lab.connect(service, 'a')
  return { say: async (more) => await putReport(nats, service, more) }
}

const OLD = '64:ff9b::/96'
const NEW = '2001:db8:64::/96'

const healthOf = (lab: SiteLab): { state: string; problems: string[] } =>
  JSON.parse(readFileSync(join(lab.directory, 'run/console/health.json'), 'utf8'))

describe('the console', () => {
  it('makes the buckets and publishes the document with its auto values', async () => {
    await using lab = await SiteLab.start()
    lab.writeSite(siteYaml().replace('  prefix: fd00:6:4::/64', '  prefix: auto'))
    const console = startConsole(lab)
    await console.waitFor(/state: ok/)
    const { link } = await lab.connect('nat64')
    const { text } = await document(link, () => true)
    const kept = /ula: (\S+)::\/48/.exec(readFileSync(join(lab.directory, 'state/console/site.auto.yaml'), 'utf8'))?.[1]
    assert.ok(kept?.startsWith('fd'))
    assert.match(text, new RegExp(`"prefix":"${kept}::/64"`))
    assert.equal(healthOf(lab).state, 'ok')
    const [report] = await readReports((await lab.connect('console')).link)
    assert.deepEqual(
      { service: report?.service, state: report?.state, revision: report?.revision, counters: report?.counters },
      {
        service: 'console',
        state: 'ok',
        revision: 1,
        counters: { documents_published_total: 1, documents_invalid_total: 0, documents_put_back_total: 0 },
      },
    )
  })

  it('keeps the prefix of the document in NATS when its own state was lost', async () => {
    await using lab = await SiteLab.start()
    lab.writeSite(siteYaml().replace('  prefix: fd00:6:4::/64', '  prefix: auto'))
    const first = startConsole(lab)
    await first.waitFor(/state: ok/)
    await first.stop()
    const file = join(lab.directory, 'state/console/site.auto.yaml')
    const before = readFileSync(file, 'utf8')
    rmSync(file)
    const second = startConsole(lab)
    await second.waitFor(/state: ok/)
    assert.equal(readFileSync(file, 'utf8'), before)
    const { link } = await lab.connect('nat64')
    assert.equal((await document(link, () => true)).revision, 1)
  })

  it('publishes each edit, also of editors that replace the file, and nothing when only comments change', async () => {
    await using lab = await SiteLab.start()
    lab.writeSite(siteYaml())
    const console = startConsole(lab, { LOG_LEVEL: 'debug' })
    await console.waitFor(/state: ok/)
    const { link } = await lab.connect('nat64')
    lab.writeSite(`# a comment\n${siteYaml()}`)
    await console.waitFor(/document read[^]*document read/)
    const draft = join(lab.directory, 'site/.site.yaml.swp')
    writeFileSync(draft, siteYaml('2001:db8:64::/96'))
    renameSync(draft, lab.siteFile)
    assert.equal((await document(link, (text) => text.includes('2001:db8:64::/96'))).revision, 2)
    lab.writeSite(siteYaml('2001:db8:65::/96'))
    assert.equal((await document(link, (text) => text.includes('2001:db8:65::/96'))).revision, 3)
  })

  it('a mistake changes nothing and is named with line, what came and what is allowed; correcting it ends that', async () => {
    await using lab = await SiteLab.start()
    lab.writeSite(siteYaml())
    const console = startConsole(lab)
    await console.waitFor(/state: ok/)
    lab.writeSite(siteYaml('64:ff9b::/72'))
    await console.waitFor(/site\.yaml:5:\d+ pref64\[0\]: .*64:ff9b::\/72.* must be .*32, 40, 48, 56, 64 or 96/)
    const { link } = await lab.connect('console')
    assert.equal((await readPublished(link))?.revision, 1)
    assert.equal(healthOf(lab).state, 'rejected')
    lab.writeSite(siteYaml('2001:db8:64::/96'))
    await document(link, (text) => text.includes('2001:db8:64::/96'))
    await console.waitFor(/"revision":2,"msg":"state: ok"/)
  })

  it('a document that is wrong from the start publishes nothing', async () => {
    await using lab = await SiteLab.start()
    lab.writeSite('lan: {')
    const console = startConsole(lab)
    await console.waitFor(/site\.yaml:\d+:\d+/)
    await console.waitFor(/connected to/)
    const { link } = await lab.connect('console')
    lab.writeSite(siteYaml())
    assert.equal((await document(link, () => true)).revision, 1)
  })

  it('publishes no new revision when it is restarted with the same document', async () => {
    await using lab = await SiteLab.start()
    lab.writeSite(siteYaml())
    const first = startConsole(lab)
    await first.waitFor(/document published/)
    assert.equal(await first.stop('SIGTERM'), 0)
    const second = startConsole(lab)
    await second.waitFor(/document stands in NATS already/)
    assert.equal((await readPublished((await lab.connect('console')).link))?.revision, 1)
  })

  it('puts its document back over one that somebody else wrote, by compare-and-set', async () => {
    await using lab = await SiteLab.start()
    lab.writeSite(siteYaml())
    const console = startConsole(lab)
    await console.waitFor(/state: ok/)
    const { link } = await lab.connect('console')
    await putDocument(link, '{"foreign":1}')
    const { revision } = await document(link, (text) => text.includes('64:ff9b'))
    assert.equal(revision, 3)
  })

  it('waits for NATS, and makes all anew when NATS comes back without its storage', async () => {
    await using lab = await SiteLab.start(true)
    lab.writeSite(siteYaml())
    const console = startConsole(lab)
    await console.waitFor(/"state":"degraded"[^\n]*no connection to NATS/)
    await lab.server.start()
    await console.waitFor(/document published/)
    await console.waitFor(/state: ok/)
    await lab.server.stop('SIGKILL')
    lab.server.loseStorage()
    await lab.server.start()
    const { link } = await lab.connect('nat64')
    assert.equal((await document(link, () => true)).revision, 1)
  })

  it('marks that the site goes down when it is stopped, and takes the mark back when it starts', async () => {
    await using lab = await SiteLab.start()
    lab.writeSite(siteYaml())
    const console = startConsole(lab)
    await console.waitFor(/state: ok/)
    const { link } = await lab.connect('nat64')
    const mark = async (): Promise<number | undefined> => {
      const entry = await new KvBucket(link, BUCKETS.STATUS).get(STOPPING_KEY)
      return entry === undefined ? undefined : Date.now() - Number(new TextDecoder().decode(entry.value))
    }
    assert.equal(await mark(), undefined)
    assert.equal(await console.stop('SIGTERM'), 0)
    assert.ok(((await mark()) ?? Number.NaN) < 5000)
    const again = startConsole(lab)
    await again.waitFor(/state: ok/)
    assert.equal(await mark(), undefined)
  })

  it('leaves the mark in the file that it shares with the services too, for when NATS is gone', async () => {
    await using lab = await SiteLab.start()
    lab.writeSite(siteYaml())
    const file = join(lab.directory, 'stopping')
    writeFileSync(file, '1')
    const console = startConsole(lab)
    await console.waitFor(/state: ok/)
    assert.ok(!existsSync(file), 'the mark of an earlier stop is taken back')
    await lab.server.stop('SIGKILL')
    assert.equal(await console.stop('SIGTERM'), 0)
    assert.ok(Date.now() - Number(readFileSync(file, 'utf8')) < 10_000)
  })

  it('ends in time when it is stopped while NATS is gone', async () => {
    await using lab = await SiteLab.start()
    lab.writeSite(siteYaml())
    const console = startConsole(lab)
    await console.waitFor(/state: ok/)
    await lab.server.stop('SIGKILL')
    const beganMs = performance.now()
    assert.equal(await console.stop('SIGTERM'), 0)
    assert.ok(performance.now() - beganMs < 8000)
  })

  it('a document that vanishes is named, the one in NATS stays', async () => {
    await using lab = await SiteLab.start()
    lab.writeSite(siteYaml())
    const console = startConsole(lab)
    await console.waitFor(/state: ok/)
    rmSync(lab.siteFile)
    await console.waitFor(/site\.yaml: cannot be read .*put the site document there/)
    assert.equal((await readPublished((await lab.connect('console')).link))?.revision, 1)
  })

  describe('commit-confirmed', () => {
    /** A service that is well with revision 1, and a console that knows it. */
    const settled = async (lab: SiteLab, more: Record<string, string> = {}) => {
      await lab.makeBuckets()
      const nat64 = await reporting(lab, 'nat64')
      await nat64.say({ revision: 1 })
      lab.writeSite(siteYaml(OLD))
      const console = startConsole(lab, more)
      await console.waitFor(/state: ok/)
      const { link } = await lab.connect('console')
      return { console, nat64, link }
    }
    const refused: Partial<Status> = {
      state: 'rejected',
      refused: 2,
      problems: [{ code: 'x', message: 'revision 2: pool4: too small' }],
    }

    it('a document that a service refuses is put back at once, with the reason; an edit is tried again', async () => {
      await using lab = await SiteLab.start()
      const { console, nat64, link } = await settled(lab)
      lab.writeSite(siteYaml(NEW))
      await document(link, (text) => text.includes(NEW))
      await nat64.say(refused)
      assert.equal((await document(link, (text) => text.includes(OLD))).revision, 3)
      await nat64.say({ revision: 3 })
      await console.waitFor(/"state":"rejected"[^\n]*put back[^\n]*nat64 a: revision 2: pool4: too small/)
      const own = (await readReports(link)).find(({ service }) => service === 'console')
      assert.equal(own?.counters.documents_put_back_total, 1)
      lab.writeSite(siteYaml('2001:db8:65::/96'))
      assert.equal((await document(link, (text) => text.includes('2001:db8:65'))).revision, 4)
      await nat64.say({ revision: 4 })
      await console.waitFor(/document confirmed/)
      assert.equal(healthOf(lab).state, 'ok')
    })

    it('a service that is not well with it at the end of the window: put back', async () => {
      await using lab = await SiteLab.start()
      const { console, nat64, link } = await settled(lab, { CONFIRM_S: '2' })
      lab.writeSite(siteYaml(NEW))
      await document(link, (text) => text.includes(NEW))
      await nat64.say({ revision: 2, state: 'degraded', problems: [{ code: 'x', message: 'no TUN' }] })
      assert.equal((await document(link, (text) => text.includes(OLD))).revision, 3)
      await console.waitFor(/put back[^\n]*nat64 a: no TUN/)
    })

    it('a console that is restarted does not try it again; "config apply" does', async () => {
      await using lab = await SiteLab.start()
      const { console, nat64, link } = await settled(lab)
      lab.writeSite(siteYaml(NEW))
      await document(link, (text) => text.includes(NEW))
      await nat64.say(refused)
      await document(link, (text) => text.includes(OLD))
      assert.equal(await console.stop('SIGTERM'), 0)
      const second = startConsole(lab)
      await second.waitFor(/"state":"rejected"[^\n]*put back/)
      assert.equal((await readPublished(link))?.revision, 3)
      await nat64.say({ revision: 3 })
      const apply = lab.run('console', CLI, ['config', 'apply'])
      assert.equal((await document(link, (text) => text.includes(NEW))).revision, 4)
      await nat64.say({ revision: 4 })
      await second.waitFor(/document confirmed/)
      await apply.stop('SIGTERM')
    })

    it('what was not well before proves nothing: nothing is put back', async () => {
      await using lab = await SiteLab.start()
      const { console, nat64, link } = await settled(lab, { CONFIRM_S: '1' })
      await nat64.say({ revision: 1, state: 'degraded', problems: [{ code: 'x', message: 'no TUN' }] })
      const dns64 = await reporting(lab, 'dns64')
      await dns64.say({ revision: 1 })
      lab.writeSite(siteYaml(NEW))
      await document(link, (text) => text.includes(NEW))
      await dns64.say({ revision: 2 })
      await nat64.say({ revision: 2, state: 'degraded', problems: [{ code: 'x', message: 'no TUN' }] })
      await console.waitFor(/document confirmed/)
      assert.equal((await readPublished(link))?.revision, 2)
    })

    it('CONFIRM_S is checked', async () => {
      await using lab = await SiteLab.start()
      const console = startConsole(lab, { CONFIRM_S: 'soon' })
      assert.equal(await console.ended, 1)
      assert.match(console.output.stdout, /CONFIRM_S: \\"soon\\": must be a whole number of seconds from 0/)
    })
  })

  const WRONG: readonly (readonly [string, Record<string, string>, RegExp])[] = [
    ['SITE is a file', { SITE: 'file:site.yaml' }, /SITE: the console publishes the document.*nats:\/\/HOST:PORT/],
    ['SITE_FILE is missing', { SITE_FILE: '' }, /SITE_FILE: not set: it must name the site document/],
  ]
  for (const [what, more, message] of WRONG) {
    it(`does not start when ${what}`, async () => {
      await using lab = await SiteLab.start()
      const console = startConsole(lab, more)
      assert.equal(await console.ended, 1)
      assert.match(console.output.stdout, message)
    })
  }
})
