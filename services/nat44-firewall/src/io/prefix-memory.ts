import { formatPrefix, type Prefix6 } from '@sixgate/addr'
import { addRoute, deleteRoute, link, type RouteSpec, readIfThere } from '@sixgate/host'
import { formatHistory, NO_HISTORY, type PrefixHistory, parseHistory, withDocument } from '../core/old-prefixes.ts'
import { SavedText } from './saved-text.ts'

/** Worse than any route of somebody else to the same place. */
const METRIC = 65_536

/**
 * LAN prefixes of documents before this one: who still uses one is told that it is not valid any more (RFC 7084 L-14), and for
 * that the answer needs a way back to the LAN: a route for each.
 */
export class PrefixMemory {
  readonly #file: SavedText
  #history: PrefixHistory
  /** Routes that are there because of us, by prefix. */
  readonly #routes = new Map<string, RouteSpec>()

  constructor(file: string) {
    const text = readIfThere(file)
    this.#history = text === undefined ? NO_HISTORY : parseHistory(text)
    this.#file = new SavedText(file, formatHistory(this.#history))
  }

  get old(): readonly Prefix6[] {
    return this.#history.old.map(({ prefix }) => prefix)
  }

  /** A document is in force. */
  note(current: readonly Prefix6[], validLifetimeS: number, nowMs: number): void {
    this.#history = withDocument(this.#history, current, validLifetimeS, nowMs)
  }

  /** Writes the prefixes, if they changed. Throws what `node:fs` throws; they are remembered all the same. */
  save(): void {
    this.#file.save(formatHistory(this.#history))
  }

  /** Keeps a route to each old prefix on the LAN link, and takes those of others away. Throws NetlinkError. */
  keepRoutes(lan: string): void {
    const ifindex = link(lan)?.index
    const wanted = new Map<string, RouteSpec>(
      ifindex === undefined
        ? []
        : this.old.map((dst) => [`${formatPrefix(dst)} ${ifindex}`, { dst, ifindex, metric: METRIC }] as const),
    )
    for (const [key, route] of this.#routes)
      if (!wanted.has(key)) {
        deleteRoute(route)
        this.#routes.delete(key)
      }
    for (const [key, route] of wanted) {
      addRoute(route)
      this.#routes.set(key, route)
    }
  }

  /** Takes the routes away, also those of a predecessor, and forgets the prefixes. Throws NetlinkError. */
  forget(lan: string | undefined): void {
    if (lan !== undefined) this.keepRoutes(lan)
    for (const route of this.#routes.values()) deleteRoute(route)
    this.#routes.clear()
    this.#history = NO_HISTORY
    this.#file.remove(formatHistory(NO_HISTORY))
  }
}
