import type { Problem } from '@sixgate/bus'
import { type Endpoint, errorCode, type Listener, type OnQuery, type OpenListener, type Hits } from './listener.ts'
import { portOwners } from './port-owner.ts'
import { tcpOpener } from './tcp-listener.ts'
import { udpOpener } from './udp-listener.ts'

type Protocol = 'udp' | 'tcp'

/** One address and protocol that should be listened on. */
interface Slot {
  readonly endpoint: Endpoint
  readonly protocol: Protocol
  listener: Listener | undefined
  problem: Problem | undefined
}

/** What the set needs to know and whom to tell. */
export interface ListenerSetOptions {
  readonly onQuery: OnQuery
  readonly hits: Hits
  /** False for an address that this machine does not have (any more). */
  readonly hasAddress: (address: string) => boolean
  /** Told of every slot that opened, closed or failed otherwise than before. */
  readonly onChange: (message: string, problem: Problem | undefined) => void
}

/**
 * Keeps UDP and TCP listeners on a set of endpoints. What cannot be opened is a problem and is tried again with every
 * `refresh`; what is listening is not touched by a change elsewhere.
 */
export class ListenerSet {
  readonly #options: ListenerSetOptions
  readonly #openers: Readonly<Record<Protocol, OpenListener>>
  #slots: Slot[] = []
  #queue: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: ListenerSetOptions) {
    this.#options = options
    this.#openers = { udp: udpOpener(options.hits), tcp: tcpOpener() }
  }

  /** Changes what should be listened on; resolves when everything was tried once. */
  want(endpoints: readonly Endpoint[]): Promise<void> {
    return this.#inTurn(async () => {
      const isWanted = (slot: Slot): boolean =>
        endpoints.some((e) => e.address === slot.endpoint.address && e.port === slot.endpoint.port)
      const gone = this.#slots.filter((slot) => !isWanted(slot))
      const kept = this.#slots.filter(isWanted)
      const fresh = endpoints
        .filter((e) => !kept.some((slot) => slot.endpoint.address === e.address && slot.endpoint.port === e.port))
        .flatMap((endpoint) => (['udp', 'tcp'] as const).map((protocol) => newSlot(endpoint, protocol)))
      this.#slots = [...kept, ...fresh]
      for (const slot of gone) await this.#close(slot)
      await this.#refreshAll()
    })
  }

  /** Opens what is missing and closes what has lost its address. */
  refresh(): Promise<void> {
    return this.#inTurn(() => this.#refreshAll())
  }

  /** One problem per address: UDP and TCP fail for the same reason as a rule. */
  problems(): Problem[] {
    const byMessage = new Map<string, Problem>()
    for (const { problem } of this.#slots) if (problem !== undefined) byMessage.set(problem.message, problem)
    return [...byMessage.values()]
  }

  get listening(): number {
    return this.#slots.filter((slot) => slot.listener !== undefined).length
  }

  /** No listener takes in anything new, and none is opened any more; resolves when no client is about to ask. */
  async drain(): Promise<void> {
    this.#closed = true
    let drained: readonly Promise<void>[] = []
    // Awaited outside, so that `close` need not wait for clients that take their time.
    await this.#inTurn(async () => {
      drained = this.#slots.flatMap(({ listener }) => listener?.drain() ?? [])
    })
    await Promise.all(drained)
  }

  close(): Promise<void> {
    this.#closed = true
    return this.#inTurn(async () => {
      for (const slot of this.#slots) await this.#close(slot)
      this.#slots = []
    })
  }

  /** One change at a time, in the order they were asked for. */
  #inTurn(task: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(task)
    this.#queue = done.catch(() => {})
    return done
  }

  async #refreshAll(): Promise<void> {
    for (const slot of this.#slots) {
      const present = this.#options.hasAddress(slot.endpoint.address)
      if (slot.listener !== undefined && !present) await this.#close(slot)
      if (slot.listener === undefined && !this.#closed) await this.#open(slot, present)
    }
  }

  async #open(slot: Slot, present: boolean): Promise<void> {
    const known = new Set(this.#slots.map((other) => other.problem?.message))
    if (!present) slot.problem = missing(slot.endpoint)
    else {
      try {
        slot.listener = await this.#openers[slot.protocol](slot.endpoint, this.#options.onQuery, () => this.#lost(slot))
        slot.problem = undefined
        this.#options.onChange(`listening on ${show(slot)}`, undefined)
      } catch (error) {
        slot.problem = problemOf(slot, error)
      }
    }
    if (slot.problem !== undefined && !known.has(slot.problem.message))
      this.#options.onChange(slot.problem.message, slot.problem)
  }

  #lost(slot: Slot): void {
    slot.listener = undefined
    void this.refresh()
  }

  async #close(slot: Slot): Promise<void> {
    const { listener } = slot
    slot.listener = undefined
    if (listener === undefined) return
    await listener.close()
    this.#options.onChange(`no longer listening on ${show(slot)}`, undefined)
  }
}

const newSlot = (endpoint: Endpoint, protocol: Protocol): Slot => ({
  endpoint,
  protocol,
  listener: undefined,
  problem: undefined,
})

const show = ({ endpoint, protocol }: Slot): string => `${protocol} ${endpoint.address}#${endpoint.port}`

const missing = (endpoint: Endpoint): Problem => ({
  code: 'listen-address-missing',
  message:
    `dns64.listen: no interface has the address ${endpoint.address} (yet), so nobody can ask there: ra-advertiser sets ` +
    'lan.router on the LAN link, see its status; another address has to be set by whoever owns its interface. ' +
    'It is taken up as soon as it is there.',
})

/** What is wrong with a slot, and what to do. */
const problemOf = (slot: Slot, error: unknown): Problem => {
  const { endpoint, protocol } = slot
  const where = `${endpoint.address} port ${endpoint.port}`
  switch (errorCode(error)) {
    case 'EADDRNOTAVAIL':
      return missing(endpoint)
    case 'EADDRINUSE': {
      const owners = portOwners(protocol, endpoint.port)
      const who = owners.length === 0 ? 'another program' : owners.join(', ')
      const find = owners.length === 0 ? ` (find it on the host: ss -lnp 'sport = :${endpoint.port}')` : ''
      const message = `dns64.listen: ${where}/${protocol} is taken by ${who}${find}: stop it, bind it to other addresses, or list other addresses in dns64.listen`
      return { code: 'listen-port-taken', message }
    }
    case 'EACCES':
    case 'EPERM':
      return {
        code: 'listen-not-permitted',
        message: `dns64.listen: ${where}: not permitted: ports below 1024 need CAP_NET_BIND_SERVICE (cap_add: [NET_BIND_SERVICE])`,
      }
    default: {
      const reason = error instanceof Error ? error.message : String(error)
      return { code: 'listen-failed', message: `dns64.listen: ${where}/${protocol}: ${reason}` }
    }
  }
}
