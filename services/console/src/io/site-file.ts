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
import { messageOf } from '@sixgate/obs'

/** The site document's file: where it is read, and how it is written where its folder may not be. */
export interface SiteFilePlace {
  readonly file: string
  /** Another path to the same file, by which it can be written over: in compose the folder is mounted read-only, this file is not. */
  readonly through?: string | undefined
}

const ON_THE_HOST =
  'write it on the host: docker compose exec -T console sixgate config history REV > deploy/site.yaml; or let the console do it: deploy/compose.edit.yml'

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

const isWritable = (file: string): boolean => {
  try {
    accessSync(file, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Why the file cannot be written over by its other path. */
const obstacleThrough = ({ file, through }: SiteFilePlace): string | undefined => {
  const { dev, ino, uid } = statSync(file)
  if (through !== undefined) {
    const other = statSync(through)
    if (other.dev !== dev || other.ino !== ino)
      return 'it was replaced on the host since the console started, as editors do that save by renaming: docker compose restart console, then once more'
    if (isWritable(through)) return undefined
  }
  if (uid === process.getuid?.()) return ON_THE_HOST
  return `it belongs to user ${uid}, and the console may write what root owns or everybody may: sudo chown root deploy/site.yaml, or chmod a+w deploy/site.yaml; or ${ON_THE_HOST}`
}

/** What keeps `writeSiteFile` from it, and what to do; undefined: nothing. */
export const obstacleTo = (place: SiteFilePlace): string | undefined => {
  const { file } = place
  try {
    if (canReplace(file, statSync(file).uid) || isWritable(file)) return undefined
    const obstacle = obstacleThrough(place)
    return obstacle === undefined ? undefined : `${file}: cannot be written: ${obstacle}`
  } catch (error) {
    return `${file}: cannot be written: ${messageOf(error)}; ${ON_THE_HOST}`
  }
}

/**
 * Writes the site document. A file of this user is replaced in one step; one of somebody else, or in a folder that may not
 * be written, is written over, so that it stays theirs. Throws an error that says what to do.
 */
export const writeSiteFile = (place: SiteFilePlace, text: string): void => {
  const obstacle = obstacleTo(place)
  if (obstacle !== undefined) throw new Error(obstacle)
  const { file, through = file } = place
  try {
    const { uid, mode } = statSync(file)
    if (canReplace(file, uid)) writeDurably(file, text, mode & 0o777)
    else overwrite(isWritable(file) ? file : through, text)
  } catch (cause) {
    throw new Error(`${file}: cannot be written: ${messageOf(cause)}; ${ON_THE_HOST}`, { cause })
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
