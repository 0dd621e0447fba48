import { rmSync } from 'node:fs'
import { readIfThere, writeDurably } from '@sixgate/host'

const textOf = (names: readonly string[]): string => names.map((name) => `${name}\n`).join('')

/** The names of the uplinks in a file, so that they are closed from the first moment after a boot. */
export class UplinkMemory {
  readonly #file: string
  #names: readonly string[]
  /** What is in the file. */
  #saved: string

  constructor(file: string) {
    this.#file = file
    this.#names = (readIfThere(file) ?? '').split('\n').filter((name) => name !== '')
    this.#saved = textOf(this.#names)
  }

  get names(): readonly string[] {
    return this.#names
  }

  remember(names: readonly string[]): void {
    this.#names = names
  }

  /** Writes the names, one per line, if they changed. Throws what `node:fs` throws; they are remembered all the same. */
  save(): void {
    const text = textOf(this.#names)
    if (text === this.#saved) return
    writeDurably(this.#file, text)
    this.#saved = text
  }

  forget(): void {
    rmSync(this.#file, { force: true })
    this.#names = []
    this.#saved = ''
  }
}
