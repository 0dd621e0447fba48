import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { blankTypes } from '../../deploy/typeless/blank-types.ts'
import { must } from '../harness/command.ts'
import { type Guest, nodeArch } from './guests.ts'
import { suiteScript } from './suite-script.ts'
import type { Suite } from './suites.ts'
import { closureOf } from './workspace-closure.ts'

/** Tests of any workspace may use it. */
const TEST_PACKAGES = ['fast-check']
/** Beside what the suite's workspaces name: test kits reach into each other's sources. */
const TEST_WORKSPACES = ['shared/bus', 'shared/testkit']
/** Sources that run in the guest, where to strip their types takes Node seconds for each process. */
const SOURCES = ['{services,shared}/*/src/**/*.ts', '{e2e,deploy}/**/*.ts']
/** Tells Node that they have none (deploy/typeless/hook.mjs). */
const TYPELESS = 'deploy/typeless'
const SCOPE = '@sixgate'
/** The package of native code that differs by platform. */
const KOFFI = '@koromix/koffi-linux-'

const versionOf = (root: string, name: string): string => {
  const { version } = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')) as {
    version: string
  }
  return version
}

/** Unpacks a package of npm's registry into `folder`; the archive is kept in `cache`. */
const fetchPackage = async (spec: string, cache: string, folder: string): Promise<void> => {
  mkdirSync(folder, { recursive: true })
  mkdirSync(cache, { recursive: true })
  const name = `${spec.replace(/^@/, '').replaceAll(/[/@]/g, '-')}.tgz`
  if (!readdirSync(cache).includes(name)) {
    // Another run may want the same at the same time.
    const aside = mkdtempSync(join(cache, 'pack-'))
    await must(['npm', 'pack', '--silent', spec], { cwd: aside, deadlineS: 300 })
    renameSync(join(aside, name), join(cache, name))
    rmSync(aside, { recursive: true })
  }
  await must(['tar', '-xzf', join(cache, name), '--strip-components=1', '--no-same-owner', '-C', folder])
}

/**
 * Lays out in `folder` what the guest finds below /work: the sources as they are in the working tree now, the npm packages
 * that they need, Node and the native parts for the guest's architecture, and the script of the suite.
 */
export const layOut = async (
  root: string,
  cache: string,
  folder: string,
  guest: Guest,
  suite: Suite,
): Promise<void> => {
  const { workspaces, packages } = closureOf(root, [...suite.workspaces, ...TEST_WORKSPACES], TEST_PACKAGES)
  for (const one of workspaces) cpSync(join(root, one), join(folder, one), { recursive: true })
  for (const file of ['package.json', 'tsconfig.json', TYPELESS, ...(suite.files ?? [])])
    cpSync(join(root, file), join(folder, file), { recursive: true })
  blankTypes(folder, SOURCES)
  for (const one of packages)
    if (!one.startsWith(KOFFI)) {
      const options = { recursive: true, dereference: false }
      cpSync(join(root, 'node_modules', one), join(folder, 'node_modules', one), options)
    }
  mkdirSync(join(folder, 'node_modules', SCOPE), { recursive: true })
  for (const one of workspaces) symlinkSync(join('../..', one), join(folder, 'node_modules', SCOPE, basename(one)))
  const koffi = `${KOFFI}${nodeArch(guest)}`
  await fetchPackage(`${koffi}@${versionOf(root, 'koffi')}`, cache, join(folder, 'node_modules', koffi))
  const node = `node-linux-${nodeArch(guest)}@${versionOf(root, 'node')}`
  await fetchPackage(node, cache, join(folder, 'node'))
  mkdirSync(join(folder, 'bin'))
  symlinkSync('../node/bin/node', join(folder, 'bin/node'))
  writeFileSync(join(folder, 'suite'), suiteScript(suite, suite.steps))
  if (suite.stepsAfterReboot !== undefined)
    writeFileSync(join(folder, 'suite-after-reboot'), suiteScript(suite, suite.stepsAfterReboot))
}

/** A disk image with the files of `folder` and room to write. */
export const packDisk = async (folder: string, image: string, sizeMiB: number): Promise<void> => {
  await must(['mkfs.ext4', '-q', '-F', '-d', folder, image, `${sizeMiB}M`], { deadlineS: 300 })
}
