import { type FSWatcher, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { messageOf } from '@sixgate/obs'
import { type ReadSite, readSite } from '@sixgate/site'

/** How long a file must be quiet before it is read: editors write in several steps. */
const QUIET_MS = 50
/** Change events of some file systems get lost (network, bind mounts): the file is read again this often. */
const REREAD_MS = 5000

/** What to do about a file that cannot be read, by the code of the error. */
const ADVICE: Readonly<Record<string, string>> = {
  ENOENT: 'put the site document there',
  EACCES: 'make it and its folders readable for everyone (chmod a+r): a container may not override file modes',
  EISDIR: 'it is a folder; name the file in it',
}

const unreadable = (file: string, error: unknown): string => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const reason = messageOf(error)
  return `${file}: cannot be read (${reason}); ${ADVICE[code] ?? 'see to it that it can'}`
}

export interface FileSink {
  /** A document whose text differs from the one before; `text`: as the file holds it, with comments. */
  document(read: ReadSite, text: string): void
  /** The file cannot be read or is no site document; the message says where, what came and what is allowed. */
  mistake(message: string): void
}

/** Follows a site document in a file, also through editors that replace it. */
export class FileSource {
  readonly #file: string
  readonly #autoFile: string | undefined
  readonly #sink: FileSink
  readonly #timer: NodeJS.Timeout
  #watcher: FSWatcher | undefined
  #quiet: NodeJS.Timeout | undefined
  #last: string | undefined
  #reading: Promise<void> | undefined
  #closed = false

  /** `autoFile`: where auto values are kept; beside the document when absent. */
  constructor(file: string, sink: FileSink, autoFile?: string) {
    this.#file = file
    this.#autoFile = autoFile
    this.#sink = sink
    this.#timer = setInterval(() => void this.read(), REREAD_MS)
    this.#watch()
  }

  /** Reads the file now; resolves when what it holds has been delivered. */
  async read(): Promise<void> {
    this.#reading ??= this.#readOnce().finally(() => (this.#reading = undefined))
    await this.#reading
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#timer)
    clearTimeout(this.#quiet)
    this.#watcher?.close()
  }

  #watch(): void {
    try {
      // The folder, not the file: a file that is replaced takes its watch with it.
      this.#watcher = watch(dirname(this.#file), (_, changed) => {
        if (changed !== null && changed !== basename(this.#file)) return
        clearTimeout(this.#quiet)
        this.#quiet = setTimeout(() => void this.read(), QUIET_MS)
      })
      this.#watcher.on('error', () => this.#watcher?.close())
    } catch {
      // No folder yet, or no watches left: the timer does it.
    }
  }

  async #readOnce(): Promise<void> {
    let text: string
    try {
      text = await readFile(this.#file, 'utf8')
    } catch (error) {
      this.#deliver(`unreadable: ${String(error)}`, () => this.#sink.mistake(unreadable(this.#file, error)))
      return
    }
    try {
      const read = await (this.#autoFile === undefined
        ? readSite(text, this.#file)
        : readSite(text, this.#file, this.#autoFile))
      this.#deliver(text, () => this.#sink.document(read, text))
    } catch (error) {
      const message = messageOf(error)
      this.#deliver(`${text}\n${message}`, () => this.#sink.mistake(message))
    }
  }

  #deliver(what: string, deliver: () => void): void {
    if (this.#closed || what === this.#last) return
    this.#last = what
    deliver()
  }
}
