import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { docker, ROOT } from '../../harness/engine.ts'
import { SERVICES, Stack } from '../../harness/stack.ts'
import { untilTrue } from '../../harness/until.ts'
import { type Home, PROJECT } from '../../topologies/home.ts'

/** The tag of the LAN, as in the recipe that this product comes from. */
export const VLAN = 2

/** The document of the simulated site with the one difference that its LAN is tagged. */
export const taggedDocument = async (): Promise<string> => {
  const text = await readFile(join(ROOT, 'e2e/site/site.yaml'), 'utf8')
  return text.replace(/^ {2}interface: lan0.*$/m, `  interface: lan0\n  vlan: ${VLAN}`)
}

/** The stack with the fast path on. */
export const stackOf = (home: Home): Stack => new Stack(PROJECT, home).with('deploy/compose.bpf.yml')

/** What `sixgate status` says of the fast path. */
export const fastPathRemark = async (stack: Stack): Promise<string> =>
  /fast path: [^\n]+/.exec((await stack.sixgate(['status'])).stdout)?.[0] ?? ''

/** In between the processor is left to the services. */
const LOOK_EVERY_MS = 5000

/**
 * Awaits that Docker calls every service healthy. Before that there is no use in asking the console how the site is: each question
 * starts Node in the guest, and takes the processor from the services that start.
 */
export const healthy = (stack: Stack): Promise<void> =>
  untilTrue('Docker calls every service healthy', 120, async () => {
    await pause(LOOK_EVERY_MS)
    const ids = (await stack.compose(['ps', '--quiet', ...SERVICES])).trim().split('\n')
    const states = (await docker(['inspect', '--format', '{{.State.Health.Status}}', ...ids])).trim().split('\n')
    return states.length === SERVICES.length && states.every((state) => state === 'healthy')
  })

/** The client's address in the pool, where the reboot leaves it. */
const ADDRESS_FILE = join(tmpdir(), 'sixgate-pool-address')

export const keepAddress = (address: string): Promise<void> => writeFile(ADDRESS_FILE, address, { flush: true })
export const keptAddress = (): Promise<string> => readFile(ADDRESS_FILE, 'utf8')
