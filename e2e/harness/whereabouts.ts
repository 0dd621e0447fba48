import { cpus, release } from 'node:os'
import { must } from './command.ts'
import { ROOT } from './engine.ts'

/** The commit of the working tree, short, with `+` when something in it is not committed, but for what runs themselves write. */
export const commitNow = async (): Promise<string> => {
  const commit = (await must(['git', '-C', ROOT, 'rev-parse', '--short', 'HEAD'])).trim()
  const written = [':!e2e/CHAOS.md', ':!e2e/SOAK.md', ':!e2e/chaos']
  const changes = await must(['git', '-C', ROOT, 'status', '--porcelain', '--untracked-files=no', ...written])
  return `${commit}${changes === '' ? '' : '+'}`
}

/** `2 × AMD EPYC, Linux 6.18` */
export const machineNow = (): string => `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, Linux ${release()}`
