import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must } from '../harness/command.ts'
import { ROOT } from '../harness/engine.ts'
import { addNetns, deleteNetns } from '../harness/netns.ts'
import { notAnyMore, onlyOne } from '../harness/only-one.ts'
import { CACHE } from './cache.ts'
import type { Guest } from './guests.ts'
import { packDisk } from './payload.ts'

const SIZE_MIB = 8192
/** The engine whose data the disk gets runs in here. */
const NETNS = 'sixgate-vm'

/**
 * A disk with the data of a site engine (deploy/machine/engine.sh) that has the product's images for the guest's architecture,
 * built from the working tree as it is now: in the guest it is /var/lib/sixgate. They are loaded on this machine, because in an
 * emulated one that takes minutes. Kept in the cache until an image changes.
 */
export const engineDisk = async (guest: Guest): Promise<string> => {
  const disk = join(CACHE, `engine-${guest.arch}.img`)
  const env = { PLATFORM: `linux/${guest.arch}` }
  const engine = (...argv: readonly string[]) =>
    must([join(ROOT, 'deploy/machine/engine.sh'), ...argv], { env, deadlineS: 120 })
  images([], env)
  const data = (await engine('data')).trim()
  const contents = readFileSync(join(data, 'built'), 'utf8')
  if (existsSync(disk) && existsSync(`${disk}.built`) && readFileSync(`${disk}.built`, 'utf8') === contents) return disk
  rmSync(`${disk}.built`, { force: true })
  mkdirSync(CACHE, { recursive: true })
  // For a guest of this machine's architecture it is the site engine that demo and tests use.
  await onlyOne()
  await deleteNetns(NETNS)
  await addNetns(NETNS)
  try {
    await engine('site-start', NETNS)
    images(['site-load'], env)
  } finally {
    await engine('site-stop')
    await deleteNetns(NETNS)
  }
  await pack(data, disk)
  notAnyMore()
  writeFileSync(`${disk}.built`, contents)
  return disk
}

/** Writes to this terminal: it takes long the first time. */
const images = (argv: readonly string[], env: Readonly<Record<string, string>>): void => {
  execFileSync(join(ROOT, 'deploy/machine/images.sh'), argv, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  })
}

/** The build engine's data are left out: they are beside the site engine's. */
const pack = async (data: string, disk: string): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'sixgate-vm-engine-'))
  try {
    const parts = ['site', 'built', 'loaded'].map((part) => join(data, part))
    await must(['cp', '--archive', ...parts, folder], { deadlineS: 600 })
    await packDisk(folder, `${disk}.new`, SIZE_MIB)
    renameSync(`${disk}.new`, disk)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
