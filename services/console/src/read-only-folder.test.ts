/** The site's folder as compose mounts it: to be read, with the document alone to be written over by another path. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { Process } from '@sixgate/testkit'
import { obstacleTo } from './io/site-file.ts'
import { SiteLab, siteYaml } from './testkit/site-lab.ts'
import { CLI, DAEMON, sixgateHere } from './testkit/sixgate.ts'

const MAY_MOUNT = process.getuid?.() === 0 ? false : 'needs root: mounts'

const OLD = `# the LAN of the office\n${siteYaml()}`
const NEW = siteYaml('2001:db8:64::/96')

/** The daemon in a mount namespace of its own, which ends with it. */
const startReadOnly = (lab: SiteLab): Process => {
  const through = join(lab.directory, 'write/site.yaml')
  mkdirSync(dirname(through), { recursive: true })
  writeFileSync(through, '')
  const script = 'mount --bind "$1/site.yaml" "$2" && mount --bind -o ro "$1" "$1" && exec "$3" "$4"'
  const args = ['--mount', 'sh', '-c', script, 'sh', dirname(lab.siteFile), through, process.execPath, DAEMON]
  const env = { PATH: process.env.PATH, ...lab.environment('console'), SITE_WRITE_FILE: through }
  return new Process(spawn('unshare', args, { env }), 'console with a read-only folder')
}

describe("the site's folder is read-only, its document is not", { skip: MAY_MOUNT }, () => {
  it('a rollback is written into the file that the owner has; not into one that was replaced meanwhile', async () => {
    await using lab = await SiteLab.start()
    lab.writeSite(OLD)
    const daemon = startReadOnly(lab)
    try {
      await daemon.waitFor(/state: ok/)
      lab.writeSite(NEW)
      await daemon.waitFor(/"revision":2,[^\n]*document published/)
      const { ino } = statSync(lab.siteFile)
      // The command waits for services that this lab has not, until the lab ends: it is the daemon that counts.
      lab.run('console', CLI, ['config', 'rollback', '1'])
      await daemon.waitFor(/"revision":3,[^\n]*document published/)
      assert.equal(readFileSync(lab.siteFile, 'utf8'), OLD)
      assert.equal(statSync(lab.siteFile).ino, ino, 'the same file')
      // As an editor does it that saves by renaming.
      const draft = join(dirname(lab.siteFile), 'site.yaml.new')
      writeFileSync(draft, `# another file\n${NEW}`)
      renameSync(draft, lab.siteFile)
      await daemon.waitFor(/"revision":4,[^\n]*document published/)
      const { status, stderr } = await sixgateHere(lab, 'config rollback 1')
      assert.equal(status, 1)
      assert.match(stderr, /it was replaced on the host since the console started.*docker compose restart console/)
      assert.equal(readFileSync(lab.siteFile, 'utf8'), `# another file\n${NEW}`)
    } finally {
      await daemon.stop()
    }
    // Started again, it has the new file.
    const again = startReadOnly(lab)
    try {
      await again.waitFor(/state: ok/)
      lab.run('console', CLI, ['config', 'rollback', '1'])
      await again.waitFor(/"revision":5,[^\n]*document published/)
      assert.equal(readFileSync(lab.siteFile, 'utf8'), OLD)
    } finally {
      await again.stop()
    }
  })
})

describe('what keeps the document from being written', () => {
  it('no such file: says so', () => {
    assert.match(obstacleTo({ file: '/nowhere/site.yaml' }) ?? '', /^\/nowhere\/site\.yaml: cannot be written: ENOENT/)
  })
})
