import {
  closeSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'

const syncDirectory = (directory: string): void => {
  const fd = openSync(directory, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/**
 * Replaces a file so that after a crash or power cut it holds either the old text or the new one, and once this has
 * returned the new one. Makes its directory. The file then belongs to this process, with `mode`, whatever the umask is.
 * Throws what `node:fs` throws.
 */
export const writeDurably = (file: string, text: string, mode = 0o600): void => {
  mkdirSync(dirname(file), { recursive: true })
  const next = `${file}.next`
  try {
    const fd = openSync(next, 'w', mode)
    try {
      // Not writeSync: on a nearly full disk that writes a part and says how much.
      writeFileSync(fd, text)
      fchmodSync(fd, mode)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(next, file)
  } catch (error) {
    rmSync(next, { force: true })
    throw error
  }
  syncDirectory(dirname(file))
}

/** The text of a file, or undefined when there is none. Throws what `node:fs` throws otherwise. */
export const readIfThere = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Removes a file, for good once this has returned; it need not be there. */
export const removeDurably = (file: string): void => {
  mkdirSync(dirname(file), { recursive: true })
  rmSync(file, { force: true })
  syncDirectory(dirname(file))
}

/** Renames a file to `<file>.corrupt` (an older one of that name is replaced) and returns the new name. */
export const setAside = (file: string): string => {
  const aside = `${file}.corrupt`
  renameSync(file, aside)
  return aside
}
