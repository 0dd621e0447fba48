import assert from 'node:assert/strict'
import { chmodSync, chownSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type NatsSite, SERVICE_NAMES, type SiteEvent } from '@sixgate/bus'
import { siteEvents } from './io/events.ts'
import { readHistory } from './io/history-file.ts'
import { SiteLab, siteYaml } from './testkit/site-lab.ts'
import { DAEMON, onTerminal, report, shell, SIXGATE, sixgateHere } from './testkit/sixgate.ts'

const OLD = `# the LAN of the office\n${siteYaml()}`
const NEW = siteYaml('2001:db8:64::/96')

const others = SERVICE_NAMES.filter((service) => service !== 'console')

const stateOf = (lab: SiteLab): string => join(lab.directory, 'state/console')

/** Every service reports that it is well with a revision. */
const allWell = async (lab: SiteLab, revision: number): Promise<void> => {
  for (const service of others) await report(lab, service, { revision })
}

/** Events until `isLast`. */
const eventsUntil = async (nats: NatsSite, isLast: (event: SiteEvent) => boolean): Promise<SiteEvent[]> => {
  const all: SiteEvent[] = []
  const end = new AbortController()
  for await (const event of siteEvents(nats.link, { follow: end.signal })) {
    all.push(event)
    if (isLast(event)) end.abort()
  }
  return all
}

/** A console with two revisions: OLD, which is confirmed, and NEW, which every service is well with. */
const withTwoRevisions = async (): Promise<SiteLab> => {
  const lab = await SiteLab.start()
  lab.writeSite(OLD)
  const daemon = lab.run('console', DAEMON)
  await daemon.waitFor(/state: ok/)
  await allWell(lab, 1)
  lab.writeSite(NEW)
  await daemon.waitFor(/"revision":2,[^\n]*document published/)
  await allWell(lab, 2)
  const nats = await lab.connect('console', 'watcher', false)
  await eventsUntil(nats, ({ kind }) => kind === 'document-confirmed')
  return lab
}

describe('sixgate config history, diff and events', () => {
  it('list who wanted what, when, what changed, and what became of it', async () => {
    await using lab = await withTwoRevisions()
    const history = await sixgateHere(lab, 'config history')
    assert.deepEqual({ status: history.status, stderr: history.stderr }, { status: 0, stderr: '' })
    const [head, newest, oldest] = history.stdout.split('\n')
    assert.match(head ?? '', /^REVISION +PUBLISHED +OUTCOME +WHO +CHANGED$/)
    assert.match(newest ?? '', /^2 +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +confirmed +file +pref64\[0\]$/)
    assert.match(oldest ?? '', /^1 +\S+ \S+ +confirmed +file +-$/)
    const listed = JSON.parse((await sixgateHere(lab, 'config history --json')).stdout) as {
      revisions: { changed?: string[] }[]
    }
    assert.deepEqual(listed.revisions[0]?.changed, ['pref64[0]'])
    assert.equal((await sixgateHere(lab, 'config history 1')).stdout, OLD)
    const between = await sixgateHere(lab, 'config diff 1 2')
    assert.equal(between.status, 0)
    assert.match(between.stdout, /^--- revision 1\n\+\+\+ revision 2\n@@ [^\n]+ @@\n-# the LAN of the office\n/)
    assert.match(between.stdout, /\n- {2}- 64:ff9b::\/96\n\+ {2}- 2001:db8:64::\/96\n/)
    assert.equal((await sixgateHere(lab, 'config diff')).stdout, '', 'the file is what is in force')
    assert.match((await sixgateHere(lab, 'config diff previous')).stdout, /\+ {2}- 2001:db8:64::\/96/)
    const json = JSON.parse((await sixgateHere(lab, 'config diff 1 2 --json')).stdout) as { changes: unknown }
    assert.deepEqual(json.changes, [{ path: 'pref64[0]', before: '64:ff9b::/96', after: '2001:db8:64::/96' }])
    const missing = await sixgateHere(lab, 'config diff 7')
    assert.equal(missing.status, 1)
    assert.match(missing.stderr, /revision 7 is not kept; the history has 1 to 2/)
    lab.writeSite(siteYaml('64:ff9b::/72'))
    const { status, stdout, stderr } = await sixgateHere(lab, 'config diff')
    assert.equal(status, 1)
    assert.match(stderr, /pref64\[0\]: "64:ff9b::\/72": length must be/)
    assert.match(stdout, /\+ {2}- 64:ff9b::\/72/)
    await eventsUntil(await lab.connect('console', 'watcher', false), ({ kind }) => kind === 'document-refused')
    const events = await sixgateHere(lab, 'events')
    assert.equal(events.status, 0)
    assert.deepEqual(
      events.stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.replace(/^\S+ \S+ +/, '').replaceAll(/ {2,}/g, '  '))
        .filter((line) => line.startsWith('console  document-'))
        .slice(0, 3),
      [
        'console  document-published  revision 1 was published by file',
        'console  document-published  revision 2 was published by file, changed: pref64[0]',
        'console  document-confirmed  document confirmed: every service that was well is well with it',
      ],
    )
    assert.match(events.stdout, /console +document-refused +site\.yaml:5:\d+ pref64\[0\]: "64:ff9b::\/72"/)
    const lines = (await sixgateHere(lab, 'events --json --since=1h --service=console')).stdout.trimEnd().split('\n')
    assert.equal((JSON.parse(lines[0] ?? '') as { kind: string }).kind, 'document-published')
    assert.equal((await sixgateHere(lab, 'events --service=dns64')).stdout, 'nothing happened in that time\n')
    const wrong = await sixgateHere(lab, 'events --since=soon')
    assert.equal(wrong.status, 2)
    assert.match(wrong.stderr, /--since: "soon": must be a time like/)
  })

  it('colours are for a terminal, and not with NO_COLOR; an archive is not for a terminal either way', async () => {
    await using lab = await withTwoRevisions()
    const diff = `${SIXGATE} config diff 1 2`
    const red = '\u001b[31m'
    assert.ok((await shell(lab, onTerminal(diff), { TERM: 'xterm' })).stdout.includes(red))
    assert.ok((await shell(lab, onTerminal(diff), { TERM: 'xterm', NO_COLOR: '' })).stdout.includes(red))
    for (const more of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
      const { stdout } = await shell(lab, onTerminal(diff), { TERM: 'xterm', ...more })
      assert.match(stdout, /- {2}- 64:ff9b::\/96/)
      assert.ok(!stdout.includes('\u001b'), JSON.stringify(more))
    }
    assert.ok(!(await shell(lab, `${diff} | cat`)).stdout.includes('\u001b'))
    for (const words of ['backup', 'support-bundle']) {
      const { status, stdout } = await shell(lab, onTerminal(`${SIXGATE} ${words}`), { NO_COLOR: '1' })
      assert.equal(status, 2, words)
      assert.match(stdout, /an archive would fill the screen/)
    }
  })

  it('says so when there is none', async () => {
    await using lab = await SiteLab.start()
    assert.deepEqual(await sixgateHere(lab, 'config history'), {
      status: 0,
      stdout: 'no document was published yet\n',
      stderr: '',
    })
  })

  it('has what was put back, why, and what stands in its place, with its comments', async () => {
    await using lab = await SiteLab.start()
    lab.writeSite(OLD)
    const daemon = lab.run('console', DAEMON)
    await daemon.waitFor(/state: ok/)
    await allWell(lab, 1)
    lab.writeSite(NEW)
    await daemon.waitFor(/"revision":2,[^\n]*document published/)
    await report(lab, 'nat64', {
      state: 'rejected',
      refused: 2,
      problems: [{ code: 'x', message: 'revision 2: pool4: too small' }],
    })
    const told = await eventsUntil(
      await lab.connect('console', 'watcher', false),
      ({ kind, revision }) => kind === 'document-published' && revision === 3,
    )
    // The owner learns of it as an event of the site, before the one that stands in its place.
    assert.deepEqual(
      told
        .filter(({ kind }) => kind === 'document-put-back')
        .map(({ service, level, message, details }) => ({ service, level, message, details })),
      [
        {
          service: 'console',
          level: 'warn',
          message: 'revision 2 was put back: nat64 a: revision 2: pool4: too small',
          details: { revision: 2 },
        },
      ],
    )
    const history = readHistory(stateOf(lab))
    assert.deepEqual(
      history.map(({ revision, outcome, who, text }) => ({ revision, outcome, who, text })),
      [
        { revision: 1, outcome: 'confirmed', who: 'file', text: OLD },
        { revision: 2, outcome: 'put-back', who: 'file', text: NEW },
        { revision: 3, outcome: 'confirmed', who: 'put back', text: OLD },
      ],
    )
    assert.match(
      (await sixgateHere(lab, 'config history')).stdout,
      /revision 2 was put back: nat64 a: revision 2: pool4: too small/,
    )
  })

  it('goes on after a restart of the console, with the newest comments; when it is damaged, it begins anew', async () => {
    await using lab = await SiteLab.start()
    lab.writeSite(siteYaml())
    const first = lab.run('console', DAEMON)
    await first.waitFor(/state: ok/)
    await first.stop('SIGTERM')
    lab.writeSite(OLD)
    const second = lab.run('console', DAEMON)
    await second.waitFor(/state: ok/)
    assert.deepEqual(
      readHistory(stateOf(lab)).map(({ revision, text }) => ({ revision, text })),
      [{ revision: 1, text: OLD }],
    )
    await second.stop('SIGTERM')
    const file = join(stateOf(lab), 'history.json')
    writeFileSync(file, '{')
    const broken = await sixgateHere(lab, 'config history')
    assert.equal(broken.status, 1)
    assert.match(broken.stderr, /history\.json: cannot be read .*; remove it/)
    await lab.run('console', DAEMON).waitFor(/the history begins anew/)
    assert.equal(readFileSync(`${file}.corrupt`, 'utf8'), '{')
  })
})

describe('sixgate config rollback', () => {
  it('writes the text back with its comments, publishes it, and goes through the trial', async () => {
    await using lab = await withTwoRevisions()
    chmodSync(lab.siteFile, 0o640)
    const running = sixgateHere(lab, 'config rollback 1')
    const nats = await lab.connect('console', 'watcher', false)
    await eventsUntil(nats, ({ kind, revision }) => kind === 'document-published' && revision === 3)
    await allWell(lab, 3)
    const { status, stdout, stderr } = await running
    assert.equal(status, 0, `${stdout}${stderr}`)
    assert.match(
      stdout,
      /^site\.yaml holds the text of revision 1 again\nsite document: revision 3, in force everywhere\n/,
    )
    assert.equal(readFileSync(lab.siteFile, 'utf8'), OLD)
    assert.equal(statSync(lab.siteFile).mode & 0o777, 0o640)
    await eventsUntil(nats, ({ kind, revision }) => kind === 'document-confirmed' && revision === 3)
    const last = readHistory(stateOf(lab)).at(-1)
    assert.deepEqual([last?.who, last?.outcome], ['sixgate, rollback to 1', 'confirmed'])

    // An edit that is no revision is kept; a file of another user stays theirs.
    const edit = siteYaml('64:ff9b::/72')
    lab.writeSite(edit)
    const isRoot = process.getuid?.() === 0
    if (isRoot) chownSync(lab.siteFile, 1234, 1234)
    const again = sixgateHere(lab, 'config rollback 2 --json')
    await eventsUntil(nats, ({ kind, revision }) => kind === 'document-published' && revision === 4)
    await allWell(lab, 4)
    const { from, revision, replaced, isConverged } = JSON.parse((await again).stdout) as Record<string, unknown>
    assert.deepEqual([from, revision, isConverged], [2, 4, true])
    assert.equal(readFileSync(String(replaced), 'utf8'), edit)
    assert.equal(readFileSync(lab.siteFile, 'utf8'), NEW)
    if (isRoot) assert.equal(statSync(lab.siteFile).uid, 1234)

    const missing = await sixgateHere(lab, 'config rollback 9')
    assert.deepEqual(missing, {
      status: 1,
      stdout: '',
      stderr: 'sixgate: revision 9 is not kept; the history has 1 to 4\n',
    })
  })

  it('says that a revision has to be named, and that nobody answers', async () => {
    await using lab = await SiteLab.start()
    const none = await sixgateHere(lab, 'config rollback')
    assert.equal(none.status, 2)
    const silent = await sixgateHere(lab, 'config rollback 1')
    assert.equal(silent.status, 1)
    assert.match(silent.stderr, /the console does not run/)
  })
})

describe('sixgate events', () => {
  it('--follow goes on with those that come', async () => {
    await using lab = await SiteLab.start()
    lab.writeSite(OLD)
    await lab.run('console', DAEMON).waitFor(/state: ok/)
    const following = lab.run('console', join(import.meta.dirname, 'cli.ts'), ['events', '--follow', '--json'])
    await following.waitFor(/document-published/)
    lab.writeSite(NEW)
    await following.waitFor(/revision 2 was published/)
    await following.stop('SIGTERM')
  })
})
