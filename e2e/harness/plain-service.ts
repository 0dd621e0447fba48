import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { Namespace, Process } from '@sixgate/testkit'
import { ROOT } from './engine.ts'

/** A service as a process in a namespace of the test, with `site.yaml` of `directory` and a state of its own there. */
export const spawnPlain = (where: Namespace, directory: string, name: 'nat64' | 'nat44-firewall'): Process => {
  const stateDir = mkdtempSync(join(directory, `${name}-`))
  return where.spawn(process.execPath, [join(ROOT, 'services', name, 'src/main.ts')], {
    SITE: `file:${join(directory, 'site.yaml')}`,
    STATE_DIR: stateDir,
    HEALTH_FILE: join(stateDir, 'health.json'),
    LOG_LEVEL: 'info',
  })
}
