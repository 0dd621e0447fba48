import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { blankTypes } from './blank-types.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const LEFT_OUT: ReadonlySet<string> = new Set(['node_modules', 'testdata', 'page'])

/**
 * Makes of an empty folder what an image has in /app: sources without types, and the links by which they find each other. Dependencies are
 * linked to where they are. Returns Node's options for it.
 */
export const makeImageTree = (folder: string): readonly string[] => {
  for (const part of ['services', 'shared', 'deploy/typeless'])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true, filter: (from) => !LEFT_OUT.has(basename(from)) })
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
  blankTypes(folder)
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, '@sixgate'), { recursive: true })
  for (const name of readdirSync(join(ROOT, 'node_modules')))
    if (name !== '@sixgate') symlinkSync(join(ROOT, 'node_modules', name), join(modules, name))
  for (const part of ['services', 'shared'])
    for (const name of readdirSync(join(folder, part)))
      symlinkSync(join('../..', part, name), join(modules, '@sixgate', name))
  return [`--import=${join(folder, 'deploy/typeless/hook.mjs')}`]
}
