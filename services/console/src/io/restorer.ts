import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readIfThere, removeDurably, writeDurably } from '@sixgate/host'
import { autoText, ulaOf } from '@sixgate/site'
import { SITE_PART } from '../core/backup.ts'
import { shortTime } from '../times.ts'
import { Credentials } from '../web/credentials.ts'
import { type CheckedBackup, openBackup } from './backup-archive.ts'
import type { SitePlaces } from './collect-backup.ts'
import type { DocumentStore, Saved } from './document-store.ts'

/** An archive is bigger than a message of NATS may be: the command puts it here, in the volume that it shares with the daemon. */
const stagedFile = (stateDir: string): string => join(stateDir, 'restore.tar.gz')

const digestOf = (archive: Uint8Array): string => createHash('sha256').update(archive).digest('hex')

/** Puts an archive where the daemon looks for it. Returns its digest, by which the daemon is asked for it. */
export const stageArchive = (stateDir: string, archive: Uint8Array): string => {
  mkdirSync(stateDir, { recursive: true })
  writeFileSync(stagedFile(stateDir), archive, { mode: 0o600 })
  return digestOf(archive)
}

export const unstageArchive = (stateDir: string): void => rmSync(stagedFile(stateDir), { force: true })

/** How the folder of the site is written on the host, whoever may write it. */
export const hostAdvice = `on the host: tar -xzf FILE -C deploy --strip-components=2 ${SITE_PART}`

/** Does in the daemon what `sixgate restore --yes` asks for: it alone writes site.yaml and the history. */
export class Restorer {
  readonly #places: SitePlaces
  readonly #store: DocumentStore
  readonly #adopt: (text: string, document: string) => void

  /** `adopt`: takes a document as if it had been read from the file. */
  constructor(places: SitePlaces, store: DocumentStore, adopt: (text: string, document: string) => void) {
    this.#places = places
    this.#store = store
    this.#adopt = adopt
  }

  /**
   * Restores the staged archive: `auto`, the text of site.yaml, history, password and tokens. Throws BackupError, or an Error
   * that says what to do; then nothing was changed.
   */
  async restore(digest: string, who: string): Promise<Saved> {
    const { stateDir, autoFile } = this.#places
    const archive = readFileSync(stagedFile(stateDir))
    if (digestOf(archive) !== digest) throw new Error('another restore is under way; try again')
    const backup = await openBackup(archive, autoFile)
    const saved = await this.#writeSite(backup, who)
    this.#store.restoreHistory(backup.history)
    new Credentials(stateDir).restore(backup)
    // Not left to the watch of the file: with the same text and another prefix it would see no difference.
    this.#adopt(backup.site, saved.document)
    return saved
  }

  /** First what `auto` stands for, so that nobody reads the new text with the old prefix; taken back when the file stays. */
  async #writeSite({ site, auto, manifest }: CheckedBackup, who: string): Promise<Saved> {
    const { autoFile } = this.#places
    const { obstacle } = this.#store
    if (this.#store.text !== site && obstacle !== undefined)
      throw new Error(
        `nothing was changed: ${obstacle}; or put the site's folder back ${hostAdvice}, then restore again for the rest`,
      )
    const before = readIfThere(autoFile)
    if (auto !== undefined) writeDurably(autoFile, autoText(ulaOf(auto, 'site.auto.yaml')))
    try {
      return await this.#store.restore(site, `${who}, backup of ${shortTime(manifest.madeAtMs)}`)
    } catch (error) {
      if (before === undefined) removeDurably(autoFile)
      else writeDurably(autoFile, before)
      throw error
    }
  }
}
