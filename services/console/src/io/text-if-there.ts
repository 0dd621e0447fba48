import { readFileSync } from 'node:fs'

/** Text of a file; undefined: there is no such file. Throws what `node:fs` throws. */
export const textIfThere = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
