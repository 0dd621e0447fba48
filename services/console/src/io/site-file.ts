import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { writeDurably } from '@sixgate/host'

const advice = (file: string): string =>
  `write it on the host: docker compose exec -T console sixgate config history REV > deploy/site.yaml; or let the console do it: deploy/compose.edit.yml, and chmod a+w ${file} when root does not own it`

/** The new text over the old one, so that the file keeps its owner. */
const overwrite = (file: string, text: string): void => {
  const bytes = Buffer.from(text)
  const fd = openSync(file, 'r+')
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, done)
    ftruncateSync(fd, bytes.length)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

const canReplace = (file: string, ownerId: number): boolean => {
  if (ownerId !== process.getuid?.()) return false
  try {
    accessSync(dirname(file), constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Whether `writeSiteFile` would find what it needs; false also when there is no file. */
export const isSiteFileWritable = (file: string): boolean => {
  try {
    if (canReplace(file, statSync(file).uid)) return true
    accessSync(file, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/**
 * Writes the site document. A file of this user is replaced in one step; one of somebody else is written over, so that it
 * stays theirs. Throws an error that says what to do.
 */
export const writeSiteFile = (file: string, text: string): void => {
  try {
    const { uid, mode } = statSync(file)
    if (canReplace(file, uid)) writeDurably(file, text, mode & 0o777)
    else overwrite(file, text)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`${file}: cannot be written (${reason}); ${advice(file)}`, { cause })
  }
}

/** Text of the site document now; undefined when it cannot be read. */
export const siteFileText = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
