import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { libc, setAside, writeDurably } from '@sixgate/host'
import type { Ip4 } from '@sixgate/addr'
import { type JournalMapping, journalAdd, journalRemove, readJournals } from '../core/address-map/journal-lines.ts'

const FILE = /^hosts\.\d+\.journal$/
/** Instances that may share one state directory. */
const MAX_INSTANCES = 256
/** Lines are collected for so long before they are written and synced: a burst of new hosts costs one fsync. */
const COLLECT_MS = 100
/** A journal is written anew when it has this many lines more than twice its mappings. */
const SLACK_LINES = 1000

/**
 * The mappings on disk: one journal per running instance in a shared directory, so that two never write one file. A lock
 * file says which are in use. All journals are read at start.
 */
export class Journal {
  /** Which of the instances that share the directory this is, from 0. */
  get number(): number {
    return this.#lock?.number ?? 0
  }

  readonly #directory: string
  #lock: Lock | undefined
  readonly #live: () => readonly JournalMapping[]
  #pending = ''
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()
  #lines = 0
  #trouble: string | undefined

  /** `live` gives all mappings, for writing the journal anew. A directory that cannot be written to is a trouble, not an error. */
  constructor(directory: string, live: () => readonly JournalMapping[]) {
    this.#directory = directory
    this.#live = live
    this.#attempt(() => this.#own())
  }

  /** Why mappings are not on disk at the moment. */
  get trouble(): string | undefined {
    return this.#trouble
  }

  /** Reads all journals. A damaged one is kept aside; `reports` says so, for the log. */
  read(): { mappings: readonly JournalMapping[]; reports: readonly string[] } {
    const files = journalNames(this.#directory).map((name) => join(this.#directory, name))
    const { mappings, badLines } = readJournals(files.map((file) => readFileSync(file, 'utf8')))
    const reports = files.flatMap((file, index) => {
      const bad = badLines[index] ?? 0
      if (bad === 0) return []
      const kept = file === this.#lock?.file ? `; it is kept as ${setAside(file)}` : ''
      return [`${file}: ${bad} lines cannot be read and are left out${kept}`]
    })
    return { mappings, reports }
  }

  add(mapping: JournalMapping): void {
    this.#append(journalAdd(mapping))
  }

  remove(ip4: Ip4, timeS: number): void {
    this.#append(journalRemove(ip4, timeS))
  }

  /** Writes the journal anew from the live mappings, durably. */
  rewrite(): void {
    const mappings = this.#live()
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#pending = ''
    this.#attempt(() => {
      writeDurably(this.#own().file, mappings.map(journalAdd).join(''))
      this.#lines = mappings.length
    })
  }

  /** Writes what is left and gives the journal's number free. */
  async close(): Promise<void> {
    await this.#writing
    this.rewrite()
    if (this.#lock !== undefined) closeSync(this.#lock.fd)
  }

  /** The file that this instance alone writes; taken when the directory lets it. Throws what `node:fs` throws. */
  #own(): Lock {
    mkdirSync(this.#directory, { recursive: true })
    this.#lock ??= lockFree(this.#directory)
    return this.#lock
  }

  #append(line: string): void {
    this.#pending += line
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#writing = this.#writing.then(() => this.#flush())
    }, COLLECT_MS)
  }

  async #flush(): Promise<void> {
    const text = this.#pending
    this.#pending = ''
    if (text === '') return
    this.#lines += text.split('\n').length - 1
    if (this.#trouble !== undefined || this.#lines > 2 * this.#live().length + SLACK_LINES) {
      this.rewrite()
      return
    }
    try {
      const handle = await open(this.#own().file, 'a', 0o600)
      try {
        await handle.writeFile(text)
        await handle.datasync()
      } finally {
        await handle.close()
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  #attempt(write: () => void): void {
    try {
      write()
      this.#trouble = undefined
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    this.#trouble = `${reason}; make STATE_DIR ${this.#directory} writable, with space left`
  }
}

/** A journal that no other instance writes. */
interface Lock {
  readonly fd: number
  readonly number: number
  readonly file: string
}

const journalNames = (directory: string): readonly string[] =>
  existsSync(directory)
    ? readdirSync(directory)
        .filter((name) => FILE.test(name))
        .toSorted()
    : []

/** The first number whose lock nobody holds. Locks end with their process, however it ends. */
const lockFree = (directory: string): Lock => {
  for (let number = 0; number < MAX_INSTANCES; number++) {
    const fd = openSync(join(directory, `hosts.${number}.lock`), 'w', 0o600)
    if (libc.tryLock(fd)) return { fd, number, file: join(directory, `hosts.${number}.journal`) }
    closeSync(fd)
  }
  throw new Error(`${directory}: ${MAX_INSTANCES} instances use it already`)
}
