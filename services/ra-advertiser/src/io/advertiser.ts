import { setTimeout as delay } from 'node:timers/promises'
import { equalIp6, formatIp6, type Ip6 } from '@sixgate/addr'
import { HostError } from '@sixgate/host'
import type { Counters, Logger } from '@sixgate/obs'
import type { ReadyLan } from '../core/lan-plan.ts'
import { encodeNeighbourSolicitation, isNeighbourAdvertisement, neighbourTarget } from '../core/neighbour-wire.ts'
import type { Problem } from '../core/problem.ts'
import { isAdvertisement } from '../core/ra-check.ts'
import type { RouterAdvertisement } from '../core/ra-wire.ts'
import { answerTo, checkSolicitation, EXPLAIN_RS, type ReceivedMessage, RsVerdict } from '../core/rs-check.ts'
import {
  contentChanged,
  due,
  finalTimes,
  type Intervals,
  nextWakeMs,
  type Schedule,
  type Send,
  solicit,
  startSchedule,
} from '../core/schedule.ts'
import { type CounterName, refusedCounter } from './counters.ts'
import { Icmp6Socket } from './icmp6-socket.ts'
import { hostProblem } from './lan-link.ts'

/** setTimeout takes no more than this; a longer wait is done in parts. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1

export interface AdvertiserPorts {
  readonly log: Logger
  readonly counters: Counters<CounterName>
  /** Milliseconds on a monotonic clock. */
  readonly nowMs: () => number
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** A Router Advertisement of another router came; its checks are the listener's. */
  readonly onAdvertisement: (received: ReceivedMessage, ours: RouterAdvertisement) => void
  /** A neighbour said which link-layer address this one of its addresses has. */
  readonly onNeighbour: (target: Ip6) => void
}

/** What is said, and how often. */
export interface Announcement {
  /** Equal for what hosts need not be told anew: lifetimes that count down do not change it. */
  readonly key: string
  readonly intervals: Intervals
  /** The message as it is now, in as many parts as it needs. Must not throw once it has returned. */
  readonly compose: () => readonly Uint8Array[]
  /** The same before it is written. */
  readonly now: () => RouterAdvertisement
}

const samePlace = (a: ReadyLan, b: ReadyLan): boolean => a.ifindex === b.ifindex && equalIp6(a.linkLocal, b.linkLocal)

interface Running {
  readonly lan: ReadyLan
  readonly socket: Icmp6Socket
  announcement: Announcement
  schedule: Schedule
  timer: NodeJS.Timeout | undefined
}

/** Sends Router Advertisements on one link and answers solicitations there: runs the schedule of core/ on a real socket and clock. */
export class Advertiser {
  readonly #ports: AdvertiserPorts
  #running: Running | undefined
  /** Survives the link's absence: the rate limit is the link's, not the socket's. */
  #lastMulticast: { readonly link: string; readonly atMs: number } | undefined
  #problem: Problem | undefined

  constructor(ports: AdvertiserPorts) {
    this.#ports = ports
  }

  get advertising(): boolean {
    return this.#running !== undefined
  }

  /** Why nothing can be sent, if so. */
  get problem(): Problem | undefined {
    return this.#problem
  }

  /**
   * Says `announcement` on `lan` from now on. On another link, another interface of the same name or another link-local
   * address it starts anew; what changed is announced by a burst (RFC 4861 §6.2.4); the same again changes nothing.
   * Throws NdpError when the message cannot be written.
   */
  announce(lan: ReadyLan, announcement: Announcement): void {
    announcement.compose()
    if (this.#running !== undefined && !samePlace(this.#running.lan, lan)) this.silence()
    if (this.#running === undefined) this.#start(lan, announcement)
    else this.#update(this.#running, announcement)
  }

  /** Says the same again, as if it had just changed: somebody on the LAN said otherwise in this router's name. */
  repeat(): void {
    const running = this.#running
    if (running === undefined) return
    running.schedule = contentChanged(running.schedule, running.announcement.intervals, this.#ports.nowMs())
    this.#arm(running)
  }

  /** Asks a neighbour for its link-layer address. False when that cannot be sent. */
  ask(neighbour: Ip6): boolean {
    return this.#sendAlone(encodeNeighbourSolicitation(neighbour), neighbour)
  }

  /** Says something to all nodes as the router of another link-local address. */
  sayAs(from: Ip6, messages: readonly Uint8Array[]): void {
    for (const message of messages)
      if (this.#sendAlone(message, undefined, from)) this.#ports.counters.add('ra_sent_for_others_total')
  }

  #sendAlone(message: Uint8Array, to?: Ip6, from?: Ip6): boolean {
    try {
      this.#running?.socket.send(message, to, from)
      return this.#running !== undefined
    } catch (error) {
      if (!(error instanceof HostError)) throw error
      this.#ports.log.debug(error.message)
      return false
    }
  }

  /** Stops without a word: the link has gone, or a successor takes over. */
  silence(): void {
    if (this.#running === undefined) return
    this.#rememberLast(this.#running)
    clearTimeout(this.#running.timer)
    this.#running.socket.close()
    this.#running = undefined
  }

  /** RFC 4861 §6.2.5: stops with final messages, as many as fit into `budgetMs`, at least one; answers nothing meanwhile. */
  async cease(final: readonly Uint8Array[], budgetMs: number): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    clearTimeout(running.timer)
    running.timer = undefined
    this.#running = undefined
    const { nowMs } = this.#ports
    try {
      for (const atMs of finalTimes(running.schedule.lastMulticastMs, nowMs(), budgetMs)) {
        await delay(Math.max(0, atMs - nowMs()))
        for (const message of final) running.socket.send(message)
        this.#ports.counters.add('ra_sent_final_total')
        running.schedule = { ...running.schedule, lastMulticastMs: nowMs() }
      }
    } catch (error) {
      // The link has gone: nobody is left to tell.
      if (!(error instanceof HostError)) throw error
      this.#ports.log.warn(error.message)
    } finally {
      this.#rememberLast(running)
      running.socket.close()
    }
  }

  #rememberLast({ lan, schedule }: Running): void {
    const { lastMulticastMs } = schedule
    if (lastMulticastMs !== undefined) this.#lastMulticast = { link: lan.name, atMs: lastMulticastMs }
  }

  #start(lan: ReadyLan, announcement: Announcement): void {
    const { log, nowMs } = this.#ports
    try {
      const socket = new Icmp6Socket(lan, {
        onMessage: (received) => this.#onMessage(received),
        onError: (error) => this.#fail(error),
      })
      const last = this.#lastMulticast?.link === lan.name ? this.#lastMulticast.atMs : undefined
      const schedule = startSchedule(announcement.intervals, nowMs(), last)
      this.#running = { lan, socket, announcement, schedule, timer: undefined }
      this.#problem = undefined
      log.info({ link: lan.name, source: formatIp6(lan.linkLocal) }, 'advertising')
      this.#arm(this.#running)
    } catch (error) {
      this.#problem = hostProblem(error)
    }
  }

  #update(running: Running, announcement: Announcement): void {
    const before = running.announcement
    running.announcement = announcement
    const { minMs, maxMs } = announcement.intervals
    const sameIntervals = before.intervals.minMs === minMs && before.intervals.maxMs === maxMs
    if (before.key === announcement.key && sameIntervals) return
    running.schedule = contentChanged(running.schedule, announcement.intervals, this.#ports.nowMs())
    this.#arm(running)
  }

  #arm(running: Running): void {
    clearTimeout(running.timer)
    const waitMs = Math.min(TIMEOUT_MAX_MS, Math.max(0, nextWakeMs(running.schedule) - this.#ports.nowMs()))
    // Rounded up: a timer that fires a fraction of a millisecond early would only be armed again.
    running.timer = setTimeout(() => this.#wake(running), Math.ceil(waitMs))
  }

  #wake(running: Running): void {
    const { nowMs, random } = this.#ports
    const step = due(running.schedule, { nowMs: nowMs(), random })
    running.schedule = step.schedule
    for (const send of step.sends) this.#send(running, send)
    this.#arm(running)
  }

  #send({ socket, announcement }: Running, { to, reason }: Send): void {
    const { counters, log } = this.#ports
    try {
      for (const message of announcement.compose()) socket.send(message, to)
      this.#problem = undefined
      if (reason === 'unsolicited') counters.add('ra_sent_unsolicited_total')
      else counters.add(to === undefined ? 'ra_sent_solicited_multicast_total' : 'ra_sent_solicited_unicast_total')
      log.debug({ to: to === undefined ? 'all nodes' : formatIp6(to), reason }, 'sent Router Advertisement')
    } catch (error) {
      if (!(error instanceof HostError)) throw error
      counters.add('ra_send_errors_total')
      this.#fail(error)
    }
  }

  /** The link may have gone (ENODEV) or be on its way up: rtnetlink will tell, until then it is a problem. */
  #fail(error: HostError): void {
    if (this.#problem?.message !== error.message) this.#ports.log.warn(error.message)
    this.#problem = {
      code: 'ra-io-failed',
      message: `${error.message}; it is tried again with the next Router Advertisement`,
    }
  }

  #onMessage(received: ReceivedMessage): void {
    const running = this.#running
    if (running === undefined) return
    const { counters, log, nowMs, random, onAdvertisement, onNeighbour } = this.#ports
    if (isNeighbourAdvertisement(received.message)) {
      const target = neighbourTarget(received)
      return target === undefined ? undefined : onNeighbour(target)
    }
    if (isAdvertisement(received.message)) return onAdvertisement(received, running.announcement.now())
    const verdict = checkSolicitation(received)
    counters.add('rs_received_total')
    if (verdict !== RsVerdict.OK) {
      const name = refusedCounter(verdict)
      counters.add(name.counter)
      log.debug({ source: formatIp6(received.source) }, `refused Router Solicitation: ${EXPLAIN_RS[name.verdict]}`)
      return
    }
    running.schedule = solicit(running.schedule, answerTo(received.source), { nowMs: nowMs(), random })
    this.#arm(running)
  }
}
