import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** The names of the uplinks in a file, so that they are closed from the first moment after a boot. */
export class UplinkMemory {
  readonly #file: string
  #names: readonly string[]

  constructor(file: string) {
    this.#file = file
    this.#names = this.#load()
  }

  get names(): readonly string[] {
    return this.#names
  }

  #load(): readonly string[] {
    try {
      return readFileSync(this.#file, 'utf8')
        .split('\n')
        .filter((name) => name !== '')
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
      throw error
    }
  }

  /** Writes the names, one per line, if they changed. Throws what `node:fs` throws. */
  remember(names: readonly string[]): void {
    if (names.join('\n') === this.#names.join('\n')) return
    mkdirSync(dirname(this.#file), { recursive: true })
    writeFileSync(`${this.#file}.next`, `${names.join('\n')}\n`)
    renameSync(`${this.#file}.next`, this.#file)
    this.#names = names
  }

  forget(): void {
    rmSync(this.#file, { force: true })
    this.#names = []
  }
}
