import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeDurably } from '@sixgate/host'
import type { Offer } from './applier.ts'
import { offerOf } from './offer.ts'

/** The newest document that a service applied, on its own disk: it starts with that while NATS is away. */
export class LastKnownGood {
  readonly #file: string
  readonly #gateway: string | undefined
  #saved: string | undefined

  constructor(stateDir: string, gateway?: string) {
    this.#gateway = gateway
    this.#file = join(stateDir, 'last-known-good.json')
  }

  /** undefined: there is none yet. Throws an Error that names the file when there is one that cannot be used. */
  async load(): Promise<Offer | undefined> {
    let content: string
    try {
      content = await readFile(this.#file, 'utf8')
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
      throw new Error(`${this.#file} cannot be read; make it readable`, { cause: error })
    }
    try {
      const { revision, document } = JSON.parse(content) as { revision: number; document: unknown }
      this.#saved = content
      return offerOf(revision, JSON.stringify(document), this.#gateway)
    } catch (error) {
      throw new Error(`${this.#file} is damaged and left aside; the next document replaces it`, { cause: error })
    }
  }

  /** Keeps a document that is in force now; nothing is written when it is there already. */
  save(offer: Offer): void {
    const content = `{"revision":${offer.revision},"document":${offer.text}}\n`
    if (content === this.#saved) return
    writeDurably(this.#file, content)
    this.#saved = content
  }
}
