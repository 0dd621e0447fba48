import { readIfThere } from '@sixgate/host'
import { SavedText } from './saved-text.ts'

const textOf = (names: readonly string[]): string => names.map((name) => `${name}\n`).join('')

/** The names of the uplinks in a file, so that they are closed from the first moment after a boot. */
export class UplinkMemory {
  #names: readonly string[]
  readonly #file: SavedText

  constructor(file: string) {
    this.#names = (readIfThere(file) ?? '').split('\n').filter((name) => name !== '')
    this.#file = new SavedText(file, textOf(this.#names))
  }

  get names(): readonly string[] {
    return this.#names
  }

  remember(names: readonly string[]): void {
    this.#names = names
  }

  /** Writes the names, one per line, if they changed. Throws what `node:fs` throws; they are remembered all the same. */
  save(): void {
    this.#file.save(textOf(this.#names))
  }

  forget(): void {
    this.#names = []
    this.#file.remove(textOf([]))
  }
}
