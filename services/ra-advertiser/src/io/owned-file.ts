import { type Origin, readIfThere, removeDurably, setAside, thisOrigin, writeDurably } from '@sixgate/host'
import { isNothing, NOTHING_OWNED, type Owned, ownedFromJson, ownedToJson } from '../core/ownership.ts'

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const parse = (text: string): { origin: Origin; owned: Owned } | undefined => {
  let state: unknown
  try {
    state = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isRecord(state) || state.version !== 1 || !isRecord(state.origin)) return undefined
  const { boot, namespace } = state.origin
  const owned = ownedFromJson(state.owned)
  if (typeof boot !== 'string' || typeof namespace !== 'string' || owned === undefined) return undefined
  return { origin: { boot, namespace }, owned }
}

/**
 * Keeps on disk what this service made on the host, so that a later process knows what it may take away. Links and
 * addresses end with the boot and the network namespace they were made in; then the record is forgotten.
 */
export class OwnedFile {
  readonly #file: string
  readonly #origin: Origin
  #owned: Owned = NOTHING_OWNED
  #note: string | undefined

  /** `file`: in the service's state directory. One that cannot be read is set aside (`note`). */
  constructor(file: string, origin: Origin = thisOrigin()) {
    this.#file = file
    this.#origin = origin
    const text = readIfThere(file)
    if (text === undefined) return
    const state = parse(text)
    if (state === undefined) {
      const aside = setAside(file)
      this.#note = `${file}: not readable as a record of links and addresses, kept as ${aside}; what was made before now will not be removed`
    } else if (state.origin.boot === origin.boot && state.origin.namespace === origin.namespace)
      this.#owned = state.owned
    else removeDurably(file)
  }

  /** What the operator should know about the file found at the start; undefined when all was well. */
  get note(): string | undefined {
    return this.#note
  }

  get owned(): Owned {
    return this.#owned
  }

  /** Keeps `owned`, on the disk once this has returned. Throws what `node:fs` throws. */
  set owned(owned: Owned) {
    if (JSON.stringify(ownedToJson(owned)) === JSON.stringify(ownedToJson(this.#owned))) return
    if (isNothing(owned)) removeDurably(this.#file)
    else {
      const state = { version: 1, origin: this.#origin, owned: ownedToJson(owned) }
      writeDurably(this.#file, `${JSON.stringify(state, undefined, 2)}\n`)
    }
    this.#owned = owned
  }
}
