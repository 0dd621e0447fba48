import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { formatPrefix } from '@sixgate/addr'
import { readIfThere } from '@sixgate/host'
import { type ReadSite, readSite, ulaOf } from '@sixgate/site'
import { type Backup, BackupError, backupFiles, parseBackup } from '../core/backup.ts'
import { readUstar, UstarError, ustar } from '../core/ustar.ts'
import { checkCredentials } from '../web/credentials.ts'

const MIB = 1024 * 1024
/** A site with all the hosts that nat64 can have, and a full history, is below both. */
const MAX_ARCHIVE_BYTES = 16 * MIB
const MAX_UNPACKED_BYTES = 64 * MIB

const TOO_BIG = `it is bigger than any backup (${MAX_ARCHIVE_BYTES / MIB} MiB, ${MAX_UNPACKED_BYTES / MIB} MiB unpacked)`

/** The archive of a backup, tar.gz. */
export const packBackup = (backup: Backup): Uint8Array =>
  gzipSync(ustar(backupFiles(backup), Math.floor(backup.manifest.madeAtMs / 1000)))

/** Reads a file, `-` is standard input, no further than a backup can be long. Throws BackupError, or what `node:fs` throws. */
export const readArchive = async (file: string): Promise<Buffer> => {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of file === '-' ? process.stdin : createReadStream(file)) {
    const bytes = Buffer.from(chunk as Uint8Array)
    length += bytes.length
    if (length > MAX_ARCHIVE_BYTES) throw new BackupError(TOO_BIG)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks)
}

const unpacked = (archive: Uint8Array): Uint8Array => {
  if (archive.length === 0) throw new BackupError('it is empty')
  if (archive[0] !== 0x1f || archive[1] !== 0x8b) throw new BackupError('it is not gzip (RFC 1952)')
  try {
    return gunzipSync(archive, { maxOutputLength: MAX_UNPACKED_BYTES })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ERR_BUFFER_TOO_LARGE') throw new BackupError(TOO_BIG, error)
    throw new BackupError(
      code === 'Z_BUF_ERROR' ? 'it ends in the middle: it is truncated' : 'it is damaged: gzip cannot unpack it',
      error,
    )
  }
}

const filesOf = (archive: Uint8Array): ReturnType<typeof readUstar> => {
  try {
    return readUstar(archive)
  } catch (error) {
    throw error instanceof UstarError ? new BackupError(error.message, error) : error
  }
}

/** A backup with a good document in it. */
export interface CheckedBackup extends Backup {
  /** The ULA prefix that `auto` stands for, as text; null: the backup has none. */
  readonly ula: string | null
  /** The document, with the `auto` of the backup. */
  readonly document: unknown
}

/**
 * Reads an archive and everything in it. `autoFile`: what `auto` stands for where the backup has nothing to say; it is not
 * written to. Throws BackupError.
 */
export const openBackup = async (archive: Uint8Array, autoFile: string): Promise<CheckedBackup> => {
  const backup = parseBackup(filesOf(unpacked(archive)))
  try {
    checkCredentials(backup)
    const ula = backup.auto === undefined ? null : formatPrefix(ulaOf(backup.auto, 'site.auto.yaml'))
    const { document } = await readWith(backup, autoFile)
    return { ...backup, ula, document }
  } catch (error) {
    throw new BackupError(error instanceof Error ? error.message : String(error), error)
  }
}

/** Reads the document beside a copy of its own of what `auto` stands for: a look must not make a prefix. */
const readWith = async ({ site, auto }: Backup, autoFile: string): Promise<ReadSite> => {
  const directory = await mkdtemp(join(tmpdir(), 'sixgate-backup-'))
  try {
    const copy = join(directory, 'site.auto.yaml')
    const text = auto ?? readIfThere(autoFile)
    if (text !== undefined) await writeFile(copy, text)
    return await readSite(site, 'site.yaml', copy)
  } finally {
    await rm(directory, { recursive: true })
  }
}
