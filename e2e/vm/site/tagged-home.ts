import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../../harness/engine.ts'
import { Stack } from '../../harness/stack.ts'
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

/** The client's address in the pool, where the reboot leaves it. */
const ADDRESS_FILE = join(tmpdir(), 'sixgate-pool-address')

export const keepAddress = (address: string): Promise<void> => writeFile(ADDRESS_FILE, address, { flush: true })
export const keptAddress = (): Promise<string> => readFile(ADDRESS_FILE, 'utf8')
