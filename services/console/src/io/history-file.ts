import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setAside, writeDurably } from '@sixgate/host'
import type { Logger } from '@sixgate/obs'
import { type History, historyText, parseHistory } from '../core/history.ts'

export const historyFileOf = (stateDir: string): string => join(stateDir, 'history.json')

/** The revisions that a console keeps in its state directory; empty when there are none. Throws that the file is damaged. */
export const readHistory = (stateDir: string): History => {
  const file = historyFileOf(stateDir)
  if (!existsSync(file)) return []
  try {
    return parseHistory(readFileSync(file, 'utf8'))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`${file}: cannot be read (${reason}); remove it, and the history begins anew`, { cause })
  }
}

/** The history of the daemon that writes it. A disk that is full costs the history, not the site. */
export class HistoryFile {
  readonly #stateDir: string
  readonly #log: Logger
  #history: History
  #hasFailed = false

  /** A damaged file is set aside. */
  constructor(stateDir: string, log: Logger) {
    this.#stateDir = stateDir
    this.#log = log
    try {
      this.#history = readHistory(stateDir)
    } catch (error) {
      this.#history = []
      log.warn({ err: error }, `the history begins anew; the damaged file is ${setAside(historyFileOf(stateDir))}`)
    }
  }

  get current(): History {
    return this.#history
  }

  change(next: (history: History) => History): void {
    this.#history = next(this.#history)
    try {
      writeDurably(historyFileOf(this.#stateDir), historyText(this.#history))
      this.#hasFailed = false
    } catch (error) {
      if (!this.#hasFailed)
        this.#log.warn({ err: error }, 'STATE_DIR cannot be written to: the history of the document is not kept')
      this.#hasFailed = true
    }
  }
}
