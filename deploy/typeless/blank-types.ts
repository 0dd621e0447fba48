/**
 * `node blank-types.ts FOLDER`: puts blanks in the place of the types in every source of services/ and shared/ below the folder, in the files
 * themselves. What is left is JavaScript, each line and column where it was. Images are made so; hook.mjs tells Node of it.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'

const SOURCES = '{services,shared}/*/src/**/*.ts'

/** Returns the files that it changed or left as they were, relative to the folder. `sources`: patterns. */
export const blankTypes = (folder: string, sources: string | readonly string[] = SOURCES): readonly string[] => {
  const files = globSync(sources, { cwd: folder })
  for (const file of files) {
    const path = join(folder, file)
    writeFileSync(path, stripTypeScriptTypes(readFileSync(path, 'utf8')))
  }
  return files
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2)
  if (folder === undefined) throw new Error('blank-types.ts FOLDER: the folder with services/ and shared/')
  const { length } = blankTypes(folder)
  if (length === 0) throw new Error(`${folder}: there is no ${SOURCES}`)
  process.stdout.write(`${length} sources without types\n`)
}
