import { formatIp6, type Ip6, ip6ToHex } from '@sixgate/addr'
import { type Logger, tell } from '@sixgate/obs'
import { askAt, HEARD, isSilent, type Silence, signOfLife, speakAt } from '../core/silence.ts'
import type { Twin } from '../core/twins.ts'

export interface TwinPorts {
  readonly log: Logger
  readonly nowMs: () => number
  /** Asks a neighbour for its link-layer address; false: that cannot be sent now. */
  readonly ask: (router: Ip6) => boolean
  /** Says on the LAN, in the name of a gateway that cannot, that it is gone. */
  readonly speakFor: (twin: Twin) => void
}

/** Whether the other gateways of the site are there, as hosts on this LAN find it out: by neighbour discovery (RFC 4861 §7.3). */
export class TwinWatch {
  readonly #ports: TwinPorts
  /** By address. */
  readonly #known = new Map<string, { readonly twin: Twin; silence: Silence }>()

  constructor(ports: TwinPorts) {
    this.#ports = ports
  }

  /** Those that do not answer. */
  get silent(): readonly Twin[] {
    return [...this.#known.values()].filter(({ silence }) => isSilent(silence)).map(({ twin }) => twin)
  }

  /** Asks each when it is time to; call it at least every second. */
  look(twins: readonly Twin[], link: string): void {
    const keys = twins.map(({ router }) => ip6ToHex(router))
    for (const key of this.#known.keys()) if (!keys.includes(key)) this.#known.delete(key)
    for (const twin of twins) this.#lookAt(twin, link)
  }

  #lookAt(twin: Twin, link: string): void {
    const { nowMs, ask, log } = this.#ports
    const key = ip6ToHex(twin.router)
    const before = this.#known.get(key)?.silence ?? HEARD
    const { silence: looked, asks } = askAt(before, nowMs())
    // Who was not asked owes no answer.
    const silence = asks && !ask(twin.router) ? { ...looked, isAsked: false } : looked
    this.#known.set(key, { twin, silence })
    if (isSilent(silence) && !isSilent(before)) {
      const message = `gateway ${twin.name}: does not answer on this LAN: it is withdrawn as router and as DNS server`
      tell(log, { kind: 'gateway-silent', level: 'warn', message, details: detailsOf(twin, link) })
    }
  }

  /** What is to be said for those that are silent, after they are left out of this gateway's own messages. */
  speak(): void {
    for (const known of this.#known.values()) {
      const { silence, speaks } = speakAt(known.silence, this.#ports.nowMs())
      known.silence = silence
      if (speaks) this.#ports.speakFor(known.twin)
    }
  }

  /** A sign of life of whoever has this address. Returns whether it was silent until now. */
  hear(router: Ip6, link: string): boolean {
    const known = this.#known.get(ip6ToHex(router))
    if (known === undefined) return false
    const wasSilent = isSilent(known.silence)
    known.silence = signOfLife(known.silence)
    if (wasSilent)
      tell(this.#ports.log, {
        kind: 'gateway-answers',
        message: `gateway ${known.twin.name}: answers on this LAN again`,
        details: detailsOf(known.twin, link),
      })
    return wasSilent
  }

  /** Nothing is heard for now, for reasons of this machine. */
  forget(): void {
    this.#known.clear()
  }
}

const detailsOf = ({ name, router }: Twin, link: string): Record<string, string> => ({
  other: name,
  router: formatIp6(router),
  link,
})
