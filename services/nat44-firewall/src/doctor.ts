/**
 * Preflight without a running site: `node services/nat44-firewall/src/doctor.ts [--json]`. Environment: SITE_FILE (default
 * /site/site.yaml), SYSCTL_ROOT, STATE_DIR, GATEWAY. Changes nothing; exit status 1 when something has to be mended.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isWell, messageOf, renderChecks } from '@sixgate/obs'
import { gatewayView, readSite, type Site } from '@sixgate/site'
import { checksOf } from './core/doctor/checks.ts'
import { readHost } from './io/doctor/read-host.ts'

const { SITE_FILE = '/site/site.yaml', SYSCTL_ROOT = '/proc/sys/net', STATE_DIR, GATEWAY } = process.env

/** `auto` needs a file to remember; a preflight remembers nothing. */
const readDocument = async (directory: string): Promise<Site | string> => {
  try {
    const { site } = await readSite(readFileSync(SITE_FILE, 'utf8'), SITE_FILE, join(directory, 'site.auto.yaml'))
    return gatewayView(site, GATEWAY)
  } catch (error) {
    return messageOf(error)
  }
}

const scratch = mkdtempSync(join(tmpdir(), 'sixgate-doctor-'))
try {
  const site = await readDocument(scratch)
  const stateDir = STATE_DIR ?? scratch
  const report = await readHost({ site, isRunning: false, sysctlRoot: SYSCTL_ROOT, stateDir, remembered: [] })
  const checks = checksOf(report)
  process.stdout.write(
    process.argv.includes('--json')
      ? `${JSON.stringify({ isWell: isWell(checks), checks }, null, 2)}\n`
      : renderChecks(checks),
  )
  process.exitCode = isWell(checks) ? 0 : 1
} finally {
  rmSync(scratch, { recursive: true })
}
