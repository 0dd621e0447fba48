import { rmSync } from 'node:fs'
import { writeDurably } from '@sixgate/host'

/** A file that is written only when its text changes. */
export class SavedText {
  readonly #file: string
  #saved: string

  /** `saved`: what is in the file now. */
  constructor(file: string, saved: string) {
    this.#file = file
    this.#saved = saved
  }

  /** Throws what `node:fs` throws; the next call then tries again. */
  save(text: string): void {
    if (text === this.#saved) return
    writeDurably(this.#file, text)
    this.#saved = text
  }

  /** Takes the file away; `text`: what needs no file. */
  remove(text: string): void {
    this.#saved = text
    rmSync(this.#file, { force: true })
  }
}
