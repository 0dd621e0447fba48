import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { readIfThere } from '@sixgate/host'

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
    return (readIfThere(this.#file) ?? '').split('\n').filter((name) => name !== '')
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
