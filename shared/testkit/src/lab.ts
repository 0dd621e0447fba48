import { Namespace } from './namespace.ts'

/** One end of a cable: an interface of this name in this namespace. */
export interface LinkEnd {
  readonly in: Namespace
  readonly name: string
}

/**
 * A topology of namespaces and cables for one test:
 *
 *     await using lab = new Lab()
 *     const [client, router] = [await lab.namespace('client'), await lab.namespace('router')]
 *     lab.cable({ in: client, name: 'eth0' }, { in: router, name: 'lan0' })
 *
 * All of it goes when the block is left (or at `close()`), and also when the process is killed.
 */
export class Lab {
  readonly #namespaces: Namespace[] = []
  readonly #ownEnds: LinkEnd[] = []
  #nextIndex = 100

  /** A new namespace with `lo` up. */
  async namespace(label: string): Promise<Namespace> {
    const made = await Namespace.create(label)
    this.#namespaces.push(made)
    return made
  }

  /**
   * Connects two namespaces by a veth pair and waits until both ends carry traffic. `addresses` given to an end are added without duplicate
   * address detection, so they can be used at once.
   */
  cable(a: LinkEnd & { addresses?: readonly string[] }, b: LinkEnd & { addresses?: readonly string[] }): void {
    // Two ends with one index (each the first link of its namespace) look like one device to the kernel's link watcher,
    // which then reports the carrier up to a second late. Distinct indices also show code that mixes them up.
    for (const end of [a, b]) if (end.in.pid === process.pid) this.#ownEnds.push(end)
    this.#nextIndex += 2
    const [indexA, indexB] = [this.#nextIndex, this.#nextIndex + 1]
    a.in.ip(`link add ${a.name} index ${indexA} type veth peer name ${b.name} index ${indexB} netns ${b.in.pid}`)
    for (const end of [a, b]) {
      for (const address of end.addresses ?? [])
        end.in.ip(`address add ${address} dev ${end.name}${address.includes(':') ? ' nodad' : ''}`)
      end.in.ip(`link set ${end.name} up`)
    }
    for (const end of [a, b]) end.in.waitUp(end.name)
  }

  /** Ends everything. May be called again. */
  async close(): Promise<void> {
    // A namespace that ends takes its links with it some time later: the next test may want the same names.
    for (const { in: here, name } of this.#ownEnds.splice(0)) here.runSync('ip', 'link', 'delete', name)
    await Promise.all(this.#namespaces.splice(0).map((namespace) => namespace.close()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
