/** sixgate backup and sixgate restore: a site that moves to another machine, and files that are no backup. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { after, before, describe, it } from 'node:test'
import { Process } from '@sixgate/testkit'
import { runCommand } from './commands.ts'
import { type ArchivedFile, ustar } from './core/ustar.ts'
import { readHistory } from './io/history-file.ts'
import { SiteLab, siteYaml } from './testkit/site-lab.ts'
import { CLI, DAEMON, type Outcome, report, sixgateHere, withDaemon } from './testkit/sixgate.ts'
import { Credentials } from './web/credentials.ts'

const ULA = 'fd12:3456:789a::/48'
const PASSWORD = 'correct horse battery staple'
/** Of the old machine: comments, and a prefix that `auto` stands for. */
const OLD_SITE = `# the office, second floor\n${siteYaml('2001:db8:64::/96').replace('fd00:6:4::/64', 'auto # kept')}`
const RULES = 'chain user_forward {\n}\n'
const MAPPINGS = [
  { ip6: 'fd12:3456:789a::10', ip4: '198.18.0.7', pref64: '2001:db8:64::/96' },
  { ip6: 'fd12:3456:789a::11', ip4: '198.18.0.9', pref64: '2001:db8:64::/96' },
]
const PATH = { packets: 0, bytes: 0 }
const IDLE = { idleS: 4, out: { fastPath: PATH, typescript: PATH }, in: { fastPath: PATH, typescript: PATH } }

const MAY_MOUNT = process.getuid?.() === 0 ? false : 'needs root for a mount namespace'

const stateOf = (lab: SiteLab): string => join(lab.directory, 'state/console')

/** What nat64 was asked to give back. */
type Asked = { instance: string; mappings: unknown[] }[]

/** A nat64 that has these hosts, and gives back what it is asked to. */
const withNat64 = async (lab: SiteLab, mappings: readonly object[], revision = 1): Promise<Asked> => {
  const asked: Asked = []
  const nats = await report(lab, 'nat64', { instance: 'test', revision })
  nats.answer({
    hosts: () => ({ hosts: mappings.map((mapping) => ({ ...mapping, ...IDLE })), more: false }),
    'restore-mappings': (body) => {
      asked.push(body as Asked[number])
      return { restored: 1, already: 1, unfit: [], busy: [] }
    },
  })
  return asked
}

const othersReport = async (lab: SiteLab, revision: number): Promise<void> => {
  for (const service of ['ra-advertiser', 'dns64', 'nat44-firewall'] as const) await report(lab, service, { revision })
}

/** The machine whose disk is about to die. */
const oldSite = async (): Promise<SiteLab> => {
  const lab = await SiteLab.start()
  mkdirSync(stateOf(lab), { recursive: true })
  writeFileSync(join(stateOf(lab), 'site.auto.yaml'), `ula: ${ULA}\n`)
  lab.writeSite(OLD_SITE)
  mkdirSync(join(dirname(lab.siteFile), 'nft.d'))
  writeFileSync(join(dirname(lab.siteFile), 'nft.d/10-own.nft'), RULES)
  const credentials = new Credentials(stateOf(lab))
  await credentials.setPassword(PASSWORD)
  credentials.addToken('grafana', Date.now())
  await lab.run('console', DAEMON).waitFor(/state: ok/)
  return lab
}

/** What `sixgate backup` writes. */
const backupOf = async (lab: SiteLab): Promise<Outcome & { archive: Buffer }> => {
  const outcome = await sixgateHere(lab, 'backup')
  return { ...outcome, archive: Buffer.from(outcome.stdout, 'base64') }
}

const fileWith = (lab: SiteLab, archive: Uint8Array): string => {
  const file = join(lab.directory, 'backup.tar.gz')
  writeFileSync(file, archive)
  return file
}

/** Every file of a site with its text: what a command must not change. */
const everything = (lab: SiteLab): Record<string, string> =>
  Object.fromEntries(
    ['site', 'state'].flatMap((folder) =>
      readdirSync(join(lab.directory, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .map((file) => [file, readFileSync(file, 'utf8')]),
    ),
  )

describe('sixgate backup', () => {
  it('is an archive that tar reads: the document with comments, auto, rules, history, addresses, hashes; no key', async (t) => {
    await using lab = await oldSite()
    await withNat64(lab, MAPPINGS)
    const { status, stderr, archive } = await backupOf(lab)
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
    const directory = mkdtempSync(join(tmpdir(), 'backup-'))
    t.after(() => rmSync(directory, { recursive: true }))
    writeFileSync(join(directory, 'b.tar.gz'), archive)
    execFileSync('tar', ['-xzpf', 'b.tar.gz'], { cwd: directory })
    const text = (name: string): string => readFileSync(join(directory, 'sixgate-backup', name), 'utf8')
    const mode = (name: string): number => statSync(join(directory, 'sixgate-backup', name)).mode & 0o777
    assert.equal(text('site/site.yaml'), OLD_SITE)
    assert.equal(text('site/nft.d/10-own.nft'), RULES)
    assert.equal(text('site.auto.yaml'), `ula: ${ULA}\n`)
    assert.deepEqual(JSON.parse(text('mappings.json')), { mappings: MAPPINGS })
    assert.match(text('history.json'), /the office, second floor/)
    assert.match(text('web/tokens.json'), /"grafana"/)
    assert.deepEqual(
      ['site/site.yaml', 'site/nft.d/10-own.nft', 'history.json', 'web/password.json'].map(mode),
      [0o644, 0o644, 0o600, 0o600],
    )
    const all = gunzipSync(archive).toString('latin1')
    const seed = readFileSync(join(lab.directory, 'keys/console/seed'), 'utf8').trim()
    for (const secret of [seed, PASSWORD, 'PRIVATE KEY']) assert.ok(!all.includes(secret), secret)
    // What the README tells to do on the host.
    mkdirSync(join(directory, 'deploy'))
    const part = ['-xzf', 'b.tar.gz', '-C', 'deploy', '--strip-components=2', 'sixgate-backup/site']
    execFileSync('tar', part, { cwd: directory })
    assert.equal(readFileSync(join(directory, 'deploy/site.yaml'), 'utf8'), OLD_SITE)
    assert.equal(readFileSync(join(directory, 'deploy/nft.d/10-own.nft'), 'utf8'), RULES)
    const byName = JSON.parse((await sixgateHere(lab, 'backup --json')).stdout) as Record<string, string>
    assert.equal(byName['sixgate-backup/site/site.yaml'], OLD_SITE)
  })

  it('says what it could not have: addresses while no nat64 runs, the text of a file with a mistake', async () => {
    await using lab = await withDaemon()
    lab.writeSite(siteYaml('64:ff9b::/72'))
    const { status, stderr, archive } = await backupOf(lab)
    assert.equal(status, 1)
    assert.match(stderr, /pref64\[0\]: "64:ff9b::\/72".*\n.*so the backup has the text of the document in force/)
    assert.match(stderr, /no nat64 runs.*\n.*the backup has no addresses of hosts/)
    const preview = await sixgateHere(lab, `restore ${fileWith(lab, archive)}`)
    assert.equal(preview.status, 0, preview.stderr)
    assert.match(preview.stdout, /\n- {2}- 64:ff9b::\/72\n\+ {2}- 64:ff9b::\/96\n/)
    assert.match(preview.stdout, /mappings {4}the backup has none/)
  })

  it('is not written to a terminal', async () => {
    const said: string[] = []
    const status = await runCommand(
      ['backup'],
      {},
      {
        isInteractive: true,
        hasColours: true,
        closed: new AbortController().signal,
        print: () => assert.fail(),
        write: () => assert.fail(),
        complain: (text) => void said.push(text),
      },
    )
    assert.equal(status, 2)
    assert.match(said.join(), /exec -T console sixgate backup > /)
  })
})

describe('sixgate restore', () => {
  it('of a file that the container does not have says how one of the host comes in', async () => {
    await using lab = await SiteLab.start(true)
    const { status, stdout, stderr } = await sixgateHere(lab, 'restore sixgate-backup.tar.gz')
    assert.deepEqual([status, stdout], [1, ''])
    assert.match(
      stderr,
      /^sixgate: sixgate-backup\.tar\.gz: cannot be read here \(ENOENT: .*\); a file of the host comes by standard/,
    )
    assert.match(stderr, /sixgate restore - < sixgate-backup\.tar\.gz\nnothing was changed\n$/)
  })

  it('first says what would change and changes nothing; with --yes a new machine is the old site', async () => {
    await using old = await oldSite()
    await withNat64(old, MAPPINGS)
    const { archive } = await backupOf(old)

    await using lab = await withDaemon()
    const stranger = { ip6: 'fd00:6:4::99', ip4: '198.18.0.9', pref64: '2001:db8:64::/96' }
    const asked = await withNat64(lab, [{ ...MAPPINGS[0], ip4: '198.18.0.8' }, stranger])
    await othersReport(lab, 1)
    new Credentials(stateOf(lab)).addToken('other', Date.now())
    const file = fileWith(lab, archive)
    const untouched = everything(lab)
    const preview = await sixgateHere(lab, `restore ${file}`)
    assert.deepEqual([preview.status, preview.stderr], [0, ''])
    assert.match(preview.stdout, /^backup {6}of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, by sixgate \S+, revision 1$/m)
    assert.match(preview.stdout, /^\+# the office, second floor$/m)
    assert.match(preview.stdout, /^auto {8}fd12:3456:789a::\/48$/m)
    assert.match(preview.stdout, /^mappings {4}0 as now, 1 hosts get theirs back, 1 change, 1 give way$/m)
    assert.match(preview.stdout, /fd12:3456:789a::10: 198\.18\.0\.8 becomes 198\.18\.0\.7/)
    assert.match(preview.stdout, /fd00:6:4::99: loses 198\.18\.0\.9/)
    assert.match(preview.stdout, /^history {5}1 revisions, 1 of them not known here$/m)
    assert.match(preview.stdout, /the password of the backup is set\n +token \+ grafana\n +token - other\n/)
    assert.match(preview.stdout, /differ: 10-own\.nft\n.*--strip-components=2 sixgate-backup\/site/)
    assert.match(preview.stdout, /nothing was changed; with --yes it is done\n$/)
    const json = JSON.parse((await sixgateHere(lab, `restore ${file} --json`)).stdout) as Record<string, unknown>
    assert.deepEqual([json.isDone, json.auto], [false, { before: null, after: ULA }])
    assert.deepEqual(everything(lab), untouched)
    assert.deepEqual(asked, [])

    const piped = lab.run('console', CLI, ['restore', '--yes', '-'])
    piped.child.stdin?.end(archive)
    await piped.waitFor(/site\.yaml holds the text of the backup/)
    await othersReport(lab, 2)
    await report(lab, 'nat64', { instance: 'test', revision: 2 }).then(async (nats) => await nats.link.close())
    assert.equal(await piped.ended, 0, `${piped.output.stdout}${piped.output.stderr}`)
    assert.match(piped.output.stdout, /revision 2, in force everywhere/)
    assert.match(piped.output.stdout, /addresses of hosts: 1 given back, 1 as they were/)
    assert.equal(readFileSync(lab.siteFile, 'utf8'), OLD_SITE)
    assert.match(readFileSync(join(stateOf(lab), 'site.auto.yaml'), 'utf8'), /^ula: fd12:3456:789a::\/48$/m)
    assert.match((await sixgateHere(lab, 'config show')).stdout, /prefix: fd12:3456:789a::\/64/)
    assert.deepEqual(asked, [{ instance: 'test', mappings: MAPPINGS }])
    assert.ok(await new Credentials(stateOf(lab)).isPassword(PASSWORD))
    assert.deepEqual(
      new Credentials(stateOf(lab)).tokens.map(({ name }) => name),
      ['grafana'],
    )
    const history = readHistory(stateOf(lab))
    assert.deepEqual(
      history.map(({ revision, text }) => [revision, text]),
      [
        [1, OLD_SITE],
        [1, siteYaml()],
        [2, OLD_SITE],
      ],
    )
    assert.match(history.at(-1)?.who ?? '', /^sixgate, restore, backup of \d{4}-/)
    assert.ok(!existsSync(join(stateOf(lab), 'restore.tar.gz')))
    const again = await sixgateHere(lab, `restore ${file}`)
    assert.match(again.stdout, /^site\.yaml {3}as now$/m)
    assert.match(again.stdout, /^auto {8}fd12:3456:789a::\/48, as now$/m)
    assert.match(again.stdout, /^history {5}1 revisions, 0 of them not known here$/m)
  })

  it('with the same text and another prefix, the prefix alone changes: a folder that was restored on the host', async () => {
    await using old = await oldSite()
    const { archive } = await backupOf(old)
    await using lab = await SiteLab.start()
    lab.writeSite(OLD_SITE)
    const daemon = lab.run('console', DAEMON)
    await daemon.waitFor(/state: ok/)
    const running = sixgateHere(lab, `restore --yes --json ${fileWith(lab, archive)}`)
    await daemon.waitFor(/"revision":2,[^\n]*document published/)
    await othersReport(lab, 2)
    await report(lab, 'nat64', { revision: 2 })
    const { status, stdout, stderr } = await running
    assert.equal(status, 0, `${stdout}${stderr}`)
    const { isDone, revision } = JSON.parse(stdout) as Record<string, unknown>
    assert.deepEqual([isDone, revision], [true, 2])
    assert.match((await sixgateHere(lab, 'config show')).stdout, /prefix: fd12:3456:789a::\/64/)
  })

  it('a document that a service refuses is put back, as after any edit', async () => {
    await using old = await oldSite()
    const { archive } = await backupOf(old)
    await using lab = await SiteLab.start()
    lab.writeSite(siteYaml())
    const daemon = lab.run('console', DAEMON)
    await daemon.waitFor(/state: ok/)
    await othersReport(lab, 1)
    await report(lab, 'nat64')
    lab.run('console', CLI, ['restore', '--yes', fileWith(lab, archive)])
    await daemon.waitFor(/"revision":2,[^\n]*document published/)
    const problems = [{ code: 'x', message: 'revision 2: pool4: too small' }]
    await report(lab, 'nat64', { state: 'rejected', refused: 2, problems })
    // The event, not the log: it is told once the history is written.
    await lab.run('console', CLI, ['events', '--follow']).waitFor(/revision 3 was published by put back/)
    assert.deepEqual(
      readHistory(stateOf(lab))
        .slice(-2)
        .map(({ outcome, text }) => [outcome, text]),
      [
        ['put-back', OLD_SITE],
        ['confirmed', siteYaml()],
      ],
    )
    assert.equal(readFileSync(lab.siteFile, 'utf8'), OLD_SITE)
  })

  it('changes nothing where the console may not write the folder, and says what to do on the host', {
    skip: MAY_MOUNT,
  }, async () => {
    await using old = await oldSite()
    const { archive } = await backupOf(old)
    await using lab = await SiteLab.start()
    lab.writeSite(siteYaml())
    // As in compose: for the daemon alone, in a mount namespace of its own that ends with it.
    const script = 'mount --bind -o ro "$1" "$1" && exec "$2" "$3"'
    const args = ['--mount', 'sh', '-c', script, 'sh', dirname(lab.siteFile), process.execPath, DAEMON]
    const env = { PATH: process.env.PATH, ...lab.environment('console') }
    const daemon = new Process(spawn('unshare', args, { env }), 'console with a read-only folder')
    try {
      await daemon.waitFor(/state: ok/)
      const untouched = everything(lab)
      const { status, stderr } = await sixgateHere(lab, `restore --yes ${fileWith(lab, archive)}`)
      assert.equal(status, 1)
      assert.match(stderr, /nothing was changed: \S+site\.yaml: cannot be written: .*compose\.edit\.yml/)
      assert.match(stderr, /tar -xzf FILE -C deploy --strip-components=2 sixgate-backup\/site/)
      assert.deepEqual(everything(lab), untouched)
    } finally {
      await daemon.stop()
    }
  })

  it('says that the console does not run', async () => {
    await using old = await oldSite()
    const { archive } = await backupOf(old)
    await using lab = await SiteLab.start()
    lab.writeSite(siteYaml())
    const daemon = lab.run('console', DAEMON)
    await daemon.waitFor(/state: ok/)
    await daemon.stop('SIGTERM')
    const { status, stderr } = await sixgateHere(lab, `restore --yes ${fileWith(lab, archive)}`)
    assert.equal(status, 1)
    assert.match(stderr, /the console does not run, which alone writes site\.yaml/)
    assert.ok(!existsSync(join(stateOf(lab), 'restore.tar.gz')))
  })
})

const MANIFEST: ArchivedFile = {
  name: 'sixgate-backup/manifest.json',
  text: JSON.stringify({ format: 1, version: '0.1.0', madeAtMs: 1, revision: 1 }),
}
const SITE: ArchivedFile = { name: 'sixgate-backup/site/site.yaml', text: siteYaml() }
const packed = (...files: ArchivedFile[]): Buffer => gzipSync(ustar(files, 0))
const GOOD = packed(MANIFEST, SITE)
/** A header with one octet changed and its checksum made right again. */
const withType = (type: string): Buffer => {
  const tar = ustar([MANIFEST, SITE], 0)
  const from = tar[156] ?? 0
  tar[156] = type.charCodeAt(0)
  const sum = Number.parseInt(new TextDecoder().decode(tar.subarray(148, 154)), 8) - from + type.charCodeAt(0)
  tar.set(new TextEncoder().encode(sum.toString(8).padStart(6, '0')), 148)
  return gzipSync(tar)
}
const flipped = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ 0xff
  return copy
}
const file = (name: string, text: string): ArchivedFile => ({ name: `sixgate-backup/${name}`, text })

const BAD: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['an empty file', Buffer.alloc(0), /it is empty/],
  ['a text', Buffer.from(siteYaml()), /it is not gzip/],
  ['truncated gzip', GOOD.subarray(0, GOOD.length - 20), /it is truncated/],
  ['damaged gzip', flipped(GOOD, GOOD.length - 5), /gzip cannot unpack it/],
  ['gzip of no tar', gzipSync(siteYaml().repeat(20)), /it is no tar archive/],
  ['a truncated tar', gzipSync(ustar([MANIFEST, SITE], 0).subarray(0, 1536)), /it is truncated/],
  [
    'a tar that ends in a file',
    gzipSync(ustar([MANIFEST, SITE], 0).subarray(0, 540)),
    /manifest\.json: is longer than the archive/,
  ],
  [
    'a damaged header',
    gzipSync(flipped(Buffer.from(ustar([MANIFEST, SITE], 0)), 1030)),
    /no header of a file at octet 1024/,
  ],
  ['a link', withType('2'), /manifest\.json: is a folder, a link/],
  [
    'a foreign tar',
    packed({ name: 'etc/passwd', text: 'x' }),
    /it has no sixgate-backup\/manifest\.json: sixgate backup did not make it/,
  ],
  ['a support bundle', packed({ name: 'sixgate/status.json', text: '{}' }), /sixgate backup did not make it/],
  [
    'a path outside',
    packed(MANIFEST, SITE, { name: '../../etc/passwd', text: 'x' }),
    /\.\.\/\.\.\/etc\/passwd: no backup has such a file/,
  ],
  ['rules outside', packed(MANIFEST, SITE, file('site/nft.d/../x.nft', 'x')), /x\.nft: no backup has such a file/],
  [
    'a name with control characters',
    packed(MANIFEST, { name: 'a\u001b[2J', text: '' }),
    /"a\\u001b\[2J": a name must be printable ASCII/,
  ],
  ['a file twice', packed(MANIFEST, SITE, SITE), /site\.yaml: is there twice/],
  [
    'more than a backup can be',
    Buffer.alloc(17 * 1024 * 1024, 0x1f),
    /bigger than any backup \(16 MiB, 64 MiB unpacked\)/,
  ],
  ['a gzip bomb', gzipSync(Buffer.alloc(80 * 1024 * 1024)), /bigger than any backup/],
  [
    'a newer format',
    packed({ ...MANIFEST, text: '{"format":2,"version":"9.1.0","sealed":true}' }, file('new.json', '')),
    /made by sixgate 9\.1\.0 \(format 2\), this one reads format 1; install/,
  ],
  ['a manifest of nothing', packed({ ...MANIFEST, text: '[]' }, SITE), /manifest\.json: is damaged/],
  ['no document', packed(MANIFEST), /it has no sixgate-backup\/site\/site\.yaml/],
  [
    'an invalid document',
    packed(MANIFEST, { ...SITE, text: siteYaml('64:ff9b::/72') }),
    /site\.yaml:5:\d+ pref64\[0\]: "64:ff9b::\/72"/,
  ],
  ['no YAML', packed(MANIFEST, { ...SITE, text: 'lan: [' }), /site\.yaml:1:/],
  [
    'another prefix than a ULA',
    packed(MANIFEST, SITE, file('site.auto.yaml', 'ula: 2001:db8::/48')),
    /"2001:db8::\/48": must be a ULA prefix/,
  ],
  ['a damaged history', packed(MANIFEST, SITE, file('history.json', '{')), /history\.json: is damaged/],
  [
    'addresses that are none',
    packed(MANIFEST, SITE, file('mappings.json', '{"mappings":[{"ip6":"fd00::1","ip4":"x","pref64":""}]}')),
    /mappings\.json: is damaged/,
  ],
  [
    'a damaged password',
    packed(MANIFEST, SITE, file('web/password.json', '{"algorithm":"md5"}')),
    /the password or the tokens of the page: are damaged/,
  ],
]

describe('sixgate restore of what is no backup: 1, why, and nothing is changed', () => {
  let lab: SiteLab
  before(async () => {
    lab = await SiteLab.start(true)
    lab.writeSite(siteYaml())
    mkdirSync(stateOf(lab), { recursive: true })
  })
  after(async () => await lab[Symbol.asyncDispose]())

  for (const [what, archive, complaint] of BAD)
    it(what, async () => {
      const path = fileWith(lab, archive)
      const untouched = everything(lab)
      const { status, stdout, stderr } = await sixgateHere(lab, `restore --yes ${path}`)
      assert.deepEqual([status, stdout], [1, ''])
      assert.match(stderr, complaint)
      assert.match(stderr, /backup\.tar\.gz: cannot be restored: [^]*\nnothing was changed\n$/)
      assert.deepEqual(everything(lab), untouched)
    })

  it('a file that is not there', async () => {
    const { status, stderr } = await sixgateHere(lab, 'restore /nowhere/backup.tar.gz')
    assert.equal(status, 1)
    assert.match(stderr, /ENOENT.*\/nowhere\/backup\.tar\.gz/)
  })
})
