import { join } from 'node:path'
import { writeDurably } from '@sixgate/host'
import type { Logger } from '@sixgate/obs'
import { readSite } from '@sixgate/site'
import { stringify } from 'yaml'
import {
  findRevision,
  type History,
  type Revision,
  textOfDocument,
  withOutcome,
  withPublished,
  withRestored,
} from '../core/history.ts'
import { HistoryFile } from './history-file.ts'
import type { Standing } from './publisher.ts'
import { obstacleTo, type SiteFilePlace, siteFileText, writeSiteFile } from './site-file.ts'

export interface DocumentStoreOptions {
  readonly siteFile: string
  /** Another path to it, by which it can be written. */
  readonly writeThrough?: string | undefined
  readonly autoFile: string
  readonly stateDir: string
  readonly log: Logger
  /** Set while another console publishes: why the document is not changed here, and its JSON text as far as it came. */
  readonly elsewhere?: () => { readonly reason: string; readonly document: string | undefined } | undefined
}

/** The document cannot be saved as asked; the message says why and what to do. */
export class SaveRefused extends Error {
  /** `changed`: the file is not what the new text was made from; `missing`: there is no such revision. */
  readonly code: 'changed' | 'missing'

  constructor(code: SaveRefused['code'], message: string) {
    super(message)
    this.name = 'SaveRefused'
    this.code = code
  }
}

export interface Saved {
  /** JSON text of what the file holds now: what is published next. */
  readonly document: string
  /** Where the text that was written over is kept, when no revision has it. */
  readonly replaced?: string
}

const FROM_FILE = 'file'

/** The site document's file and the history of what was published of it: who wanted which text, and what became of it. */
export class DocumentStore {
  readonly #options: DocumentStoreOptions
  readonly #history: HistoryFile
  /** What the file held when it was last read as a good document. */
  #read: { readonly text: string; readonly document: string } | undefined
  /** Who wrote a text that was not typed into the file. */
  #author: { readonly text: string; readonly who: string } | undefined

  constructor(options: DocumentStoreOptions) {
    this.#options = options
    this.#history = new HistoryFile(options.stateDir, options.log)
  }

  /** Oldest first. */
  get history(): History {
    return this.#history.current
  }

  /** Text of the file as it is now, or of the document that another console publishes; undefined when there is none to read. */
  get text(): string | undefined {
    const elsewhere = this.#options.elsewhere?.()
    if (elsewhere !== undefined) return elsewhere.document === undefined ? undefined : yamlOf(elsewhere.document)
    return siteFileText(this.#options.siteFile)
  }

  /** What keeps the file from being written, and what to do; undefined: nothing. */
  get obstacle(): string | undefined {
    return this.#options.elsewhere?.()?.reason ?? obstacleTo(this.#place)
  }

  /** The file was read as a good document. */
  read(text: string, document: string): void {
    this.#read = { text, document }
    // Only comments changed: nothing is published, but it is this text that a rollback brings back.
    const last = this.history.at(-1)
    if (last !== undefined && last.document === document && last.text !== text)
      this.#history.change((history) => withPublished(history, { ...last, text }))
  }

  /** A document stands in NATS under this revision. */
  published({ revision, text: document }: Standing, outcome: 'trial' | 'confirmed'): void {
    const isOfFile = this.#read?.document === document
    const text = (isOfFile ? this.#read?.text : undefined) ?? textOfDocument(this.history, document) ?? yamlOf(document)
    const who = !isOfFile ? 'put back' : this.#author?.text === text ? this.#author.who : FROM_FILE
    this.#history.change((history) =>
      withPublished(history, { revision, atMs: Date.now(), who, text, document, outcome }),
    )
  }

  /** What became of a revision. */
  settled(revision: number, outcome: Revision['outcome'], reasons: readonly string[] = []): void {
    this.#history.change((history) => withOutcome(history, revision, outcome, reasons))
  }

  /**
   * Writes a text into the file, from where it is published like any other edit. `expected`: the text that the new one was
   * made from; the file must still hold it. Throws SiteError, SaveRefused, or that the file cannot be written.
   */
  async save(text: string, who: string, expected?: string): Promise<Saved> {
    const { siteFile, autoFile, elsewhere } = this.#options
    const reason = elsewhere?.()?.reason
    if (reason !== undefined) throw new Error(reason)
    const { document } = await readSite(text, siteFile, autoFile)
    const before = this.text
    if (expected !== undefined && before !== undefined && before !== expected)
      throw new SaveRefused(
        'changed',
        'the file was changed meanwhile: look at it again, then change what is there now',
      )
    const replaced = this.#keepReplaced(before, text)
    this.#author = { text, who }
    writeSiteFile(this.#place, text)
    return { document: JSON.stringify(document), ...(replaced === undefined ? {} : { replaced }) }
  }

  /** Writes the text of an earlier revision back, with its comments. Throws as `save`. */
  async rollback(wanted: string, who: string): Promise<Saved & { readonly revision: number }> {
    const result = findRevision(this.history, wanted)
    if ('missing' in result) throw new SaveRefused('missing', result.missing)
    const { revision, text } = result.found
    return { revision, ...(await this.save(text, `${who}, rollback to ${revision}`)) }
  }

  /** Writes the text of a backup, unless the file holds it already. Throws as `save`. */
  async restore(text: string, who: string): Promise<Saved> {
    if (this.text !== text) return await this.save(text, who)
    const { document } = await readSite(text, this.#options.siteFile, this.#options.autoFile)
    this.#author = { text, who }
    return { document: JSON.stringify(document) }
  }

  /** Takes the revisions of a backup over that the history does not have. */
  restoreHistory(kept: History): void {
    this.#history.change((history) => withRestored(history, kept))
  }

  get #place(): SiteFilePlace {
    return { file: this.#options.siteFile, through: this.#options.writeThrough }
  }

  /** An edit that never was a revision would be lost: it is kept beside the history. */
  #keepReplaced(before: string | undefined, text: string): string | undefined {
    if (before === undefined || before === text || this.history.some((one) => one.text === before)) return undefined
    const file = join(this.#options.stateDir, 'site.replaced.yaml')
    writeDurably(file, before)
    return file
  }
}

/** For a document whose text nobody kept. */
const yamlOf = (document: string): string => stringify(JSON.parse(document))
