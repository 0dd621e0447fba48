import { formatIp6, type Ip6 } from '@sixgate/addr'
import { type Counters, type Logger, tell } from '@sixgate/obs'
import { formatMac } from '../core/mac.ts'
import { forgetSilent, hearRouter, type Neighbour } from '../core/neighbours.ts'
import { checkAdvertisement } from '../core/ra-check.ts'
import type { RouterAdvertisement } from '../core/ra-wire.ts'
import type { ReceivedMessage } from '../core/rs-check.ts'
import type { CounterName } from './counters.ts'

export interface WatchPorts {
  readonly log: Logger
  readonly counters: Counters<CounterName>
  readonly nowMs: () => number
}

/** What the messages of other routers on one LAN are compared with. */
export interface Here {
  readonly link: string
  readonly ours: RouterAdvertisement
  readonly known: readonly Ip6[] | undefined
}

/** Remembers the other routers of one LAN and says once what is odd about each (RFC 4861 §6.2.7). */
export class RouterWatch {
  readonly #ports: WatchPorts
  #neighbours: readonly Neighbour[] = []

  constructor(ports: WatchPorts) {
    this.#ports = ports
  }

  get neighbours(): readonly Neighbour[] {
    this.#neighbours = forgetSilent(this.#neighbours, this.#ports.nowMs())
    return this.#neighbours
  }

  hear(received: ReceivedMessage, { link, ours, known }: Here): void {
    const { log, counters, nowMs } = this.#ports
    counters.add('ra_received_total')
    const checked = checkAdvertisement(received)
    if ('refused' in checked) {
      counters.add(`ra_refused_${checked.refused}_total`)
      log.debug({ link, source: formatIp6(received.source), reason: checked.refused }, 'refused Router Advertisement')
      return
    }
    const { router, ra } = checked
    counters.add('ra_options_ignored_total', ra.ignored.length)
    const heard = hearRouter(this.#neighbours, { router, ra, nowMs: nowMs() }, { ours, known })
    this.#neighbours = heard.neighbours
    const { mac, messages } = heard.neighbour
    const who = { link, router: formatIp6(router), ...(mac === undefined ? {} : { mac: formatMac(mac) }) }
    if (messages === 1)
      tell(log, { kind: 'router-seen', message: 'another router advertises on this LAN', details: who })
    for (const { code, message } of heard.news) {
      counters.add('ra_findings_total')
      tell(log, {
        kind: 'rogue-router',
        level: 'warn',
        message: `another router on the LAN: ${message}`,
        details: { ...who, code },
      })
    }
  }
}
