import { type Answer, type AnswerFacts, answerOfMessage, bareAnswer, EDE, FAILURE_TTL_S, Origin } from './answer.ts'
import { AnswerCache, type CacheEntry } from './cache.ts'
import type { Counters } from './counters.ts'
import { denialFor, findDenial } from './denial.ts'
import { forward, type ForwarderPorts } from './forwarder.ts'
import { localAnswer, type LocalZones } from './local-zones.ts'
import { type Message, readMessage } from './message.ts'
import { makeLocalZones } from './own-zones.ts'
import { changesAnswers, type Policy } from './policy.ts'
import { makeQuestion, type Question, typeOfQuestionKey, withType } from './question.ts'
import { reverseOfIp4 } from './reverse.ts'
import { embeddedOfQuestion, reverseAnswer } from './reverse-answer.ts'
import { judgeAaaa, mayTranslate, synthesise } from './synthesis.ts'
import { isTrusted, type UpstreamPool } from './upstreams.ts'
import { CLASS, copyOf, DnsWireError, FLAG, putU32, RCODE, TYPE, u32 } from './wire.ts'

/** What answers are made under; replaced as a whole. */
export interface Snapshot {
  readonly policy: Policy
  readonly upstreams: UpstreamPool
}

interface InForce extends Snapshot {
  readonly zones: LocalZones
}

/** What the resolver needs from outside. */
export interface ResolverPorts extends ForwarderPorts {
  /** A mistake in this program, to be logged; the client gets SERVFAIL. */
  onDefect(error: unknown): void
}

/** An answer and the seconds that its TTLs have to be counted down by. */
export interface Aged {
  readonly answer: Answer
  readonly ageS: number
}

/** A message to go on with, TTLs as of now, or why there is none. */
type Looked =
  | {
      readonly ok: true
      readonly message: Message
      /** The message as an answer, when that was made already. */
      readonly answer?: Answer
      /** True when an upstream on this machine set AD: the only path on which nobody can forge it (RFC 6840 §5.7). */
      readonly authentic: boolean
    }
  | { readonly ok: false; readonly reason: string }

/** Questions under way to upstreams at one time; what comes on top is SERVFAIL at once. */
const MAX_LOOKUPS = 2000
/** RFC 8767 §5: after so long a client gets what is stale, and a failed renewal is not repeated for so long. */
const STALE_AFTER_MS = 1800
const STALE_RETRY_S = 30
/** How long a good answer to the A question waits for the one to the AAAA question (RFC 6147 §5.1.3). */
const AAAA_GRACE_MS = 2000

/**
 * Finds answers: cache, names of our own, upstreams, and what DNS64 makes of them. Equal questions under way are asked
 * once. An answer holds for the snapshot it was begun under; one that a newer snapshot overtook is not cached.
 */
export class Resolver {
  readonly #ports: ResolverPorts
  readonly #counters: Counters
  readonly #cache: AnswerCache
  readonly #answering = new Map<string, Promise<Answer>>()
  readonly #looking = new Map<string, Promise<Looked>>()
  #inForce: InForce

  constructor(ports: ResolverPorts, counters: Counters, snapshot: Snapshot) {
    this.#ports = ports
    this.#counters = counters
    this.#cache = new AnswerCache(snapshot.policy.cacheMaxEntries)
    this.#inForce = { ...snapshot, zones: makeLocalZones(snapshot.policy) }
  }

  get snapshot(): Snapshot {
    return this.#inForce
  }

  /** Gauges for the metrics. */
  get gauges(): { cache_entries: number; cache_octets: number; lookups_in_flight: number } {
    return {
      cache_entries: this.#cache.size,
      cache_octets: this.#cache.octets,
      lookups_in_flight: this.#looking.size,
    }
  }

  /** Puts another snapshot in force and flushes what the old one made otherwise. */
  use(next: Snapshot): void {
    const before = this.#inForce
    this.#inForce = { ...next, zones: makeLocalZones(next.policy) }
    // What is under way belongs to the old snapshot: newcomers must not join it.
    this.#answering.clear()
    this.#looking.clear()
    this.#cache.resize(next.policy.cacheMaxEntries)
    if (next.upstreams !== before.upstreams) this.#cache.clear()
    else if (changesAnswers(before.policy, next.policy)) this.#cache.flush(dependsOnSynthesis)
  }

  /** Whole seconds of the steady clock that TTLs are counted in. */
  nowS(): number {
    return Math.floor(this.#ports.nowMs() / 1000)
  }

  /** A kept answer; TTLs as of `storedAtS`. */
  cached(key: string, nowS: number): CacheEntry | undefined {
    return this.#cache.get(key, nowS)
  }

  /** An answer about a name of our own. */
  local(question: Question): Answer | undefined {
    const answer = localAnswer(this.#inForce.zones, question)
    if (answer !== undefined) this.#cache.put(question.key, answer, this.nowS())
    return answer
  }

  /** NXDOMAIN for a name that a kept answer to another question denied (RFC 8020). */
  denied(question: Question): Aged | undefined {
    const nowS = this.nowS()
    const entry = findDenial(this.#cache, question, nowS)
    return entry && { answer: denialFor(question, entry.answer), ageS: nowS - entry.storedAtS }
  }

  /**
   * The answer to a question that is neither cached nor local. Never rejects: what fails is SERVFAIL, or a stale answer
   * when there is one (RFC 8767 §5): after 1.8 s, or at once while a failed renewal is less than 30 s ago.
   */
  async resolve(question: Question): Promise<Aged> {
    const nowS = this.nowS()
    const stale = this.#cache.stale(question.key, nowS)
    if (stale === undefined) return { answer: await this.#ask(question), ageS: 0 }
    const kept: Aged = { answer: staleAnswer(stale.answer), ageS: nowS - stale.storedAtS }
    if (stale.retryAtS > nowS) return kept
    let cancel = (): void => {}
    const late = new Promise<undefined>((resolve) => {
      cancel = this.#ports.after(STALE_AFTER_MS, () => resolve(undefined))
    })
    const fresh = await Promise.race([this.#ask(question), late])
    cancel()
    if (fresh !== undefined && !isFailure(fresh)) return { answer: fresh, ageS: 0 }
    stale.retryAtS = this.nowS() + STALE_RETRY_S
    return kept
  }

  #ask(question: Question): Promise<Answer> {
    const underWay = this.#answering.get(question.key)
    if (underWay !== undefined) {
      this.#counters.deduplicated_total++
      return underWay
    }
    if (this.#looking.size >= MAX_LOOKUPS) {
      this.#counters.overload_total++
      return Promise.resolve(failedAnswer(question))
    }
    const inForce = this.#inForce
    const answering = this.#make(inForce, question)
      .catch((error: unknown) => {
        // A made message above 65535 octets is nobody's mistake; whatever else comes here is ours.
        if (!(error instanceof DnsWireError && error.code === 'too-long')) this.#ports.onDefect(error)
        return failedAnswer(question)
      })
      .then((answer) => {
        if (this.#answering.get(question.key) === answering) this.#answering.delete(question.key)
        this.#keep(inForce, question, answer)
        return answer
      })
    this.#answering.set(question.key, answering)
    return answering
  }

  /** Caches an answer, unless a newer snapshot overtook it, or it is a failure and something stale is worth more. */
  #keep(inForce: InForce, question: Question, answer: Answer): void {
    const nowS = this.nowS()
    if (this.#inForce !== inForce || (isFailure(answer) && this.#cache.stale(question.key, nowS) !== undefined)) return
    this.#cache.put(question.key, answer, nowS)
  }

  async #make(inForce: InForce, question: Question): Promise<Answer> {
    const embedded = embeddedOfQuestion(inForce.policy, question)
    if (embedded !== undefined) {
      const ptr = await this.#look(inForce, makeQuestion(reverseOfIp4(embedded.ip4), TYPE.PTR, CLASS.IN, question))
      return ptr.ok ? reverseAnswer(question, embedded, ptr.message) : failedAnswer(question)
    }
    if (question.type === TYPE.AAAA && mayTranslate(question)) return this.#makeAaaa(inForce, question)
    const found = await this.#look(inForce, question)
    if (!found.ok) return failedAnswer(question)
    return found.answer ?? answerOfMessage(found.message, upstreamFacts(found))
  }

  /** RFC 6147 §5.1. A is asked beside AAAA, so that both together take one round trip. */
  async #makeAaaa(inForce: InForce, question: Question): Promise<Answer> {
    const a = this.#look(inForce, withType(question, TYPE.A))
    const aaaa = await this.#withGrace(this.#look(inForce, question), a)
    const message = aaaa.ok ? aaaa.message : undefined
    const verdict = judgeAaaa(inForce.policy, message, upstreamFacts(aaaa))
    if (verdict.kind === 'reply') return verdict.answer
    const found = await a
    // RFC 6147 §5.1.6: what came for A is the reply, a failure too.
    return found.ok ? synthesise(inForce.policy, question, found.message, verdict.maxTtlS) : failedAnswer(question)
  }

  /** The answer to AAAA, or a failure when `a` is there and it is still missing after AAAA_GRACE_MS. */
  async #withGrace(aaaa: Promise<Looked>, a: Promise<Looked>): Promise<Looked> {
    const first = await Promise.race([aaaa, a])
    // Both settle within the forwarder's deadline. A failed A gives nothing to hurry for.
    if (!first.ok) return aaaa
    let cancel = (): void => {}
    const late = new Promise<Looked>((resolve) => {
      cancel = this.#ports.after(AAAA_GRACE_MS, () => resolve({ ok: false, reason: 'no answer to AAAA in time' }))
    })
    const looked = await Promise.race([aaaa, late])
    cancel()
    return looked
  }

  /** What is known about a question without translation: names of our own, the cache, then upstream, asked once. */
  #look(inForce: InForce, question: Question): Promise<Looked> {
    const local = localAnswer(inForce.zones, question)
    if (local !== undefined) return Promise.resolve(lookedOf(local))
    const isCurrent = inForce === this.#inForce
    // The AAAA entry of the cache is what DNS64 made of it, so it is no source.
    const mayCache = !(question.type === TYPE.AAAA && mayTranslate(question))
    const entry = isCurrent && mayCache ? this.#cache.get(question.key, this.nowS()) : undefined
    if (entry !== undefined) return Promise.resolve(agedLookedOf(entry, this.nowS()))
    const underWay = isCurrent ? this.#looking.get(question.key) : undefined
    if (underWay !== undefined) return underWay

    const looking = forward(this.#ports, inForce.upstreams, this.#counters, question).then((forwarded): Looked => {
      if (this.#looking.get(question.key) === looking) this.#looking.delete(question.key)
      if (!forwarded.ok) return forwarded
      const { message, upstream } = forwarded
      const looked: Looked = { ok: true, message, authentic: isTrusted(upstream) && (message.flags & FLAG.AD) !== 0 }
      if (!mayCache) return looked
      const answer = asAnswer(message, upstreamFacts(looked))
      if (answer === undefined) return { ok: false, reason: 'the answer exceeds 65535 octets once written anew' }
      this.#keep(inForce, question, answer)
      return { ...looked, answer }
    })
    if (isCurrent) this.#looking.set(question.key, looking)
    return looking
  }
}

const upstreamFacts = (looked: Looked): { origin: Origin; authentic: boolean } => ({
  origin: Origin.UPSTREAM,
  authentic: looked.ok && looked.authentic,
})

/** answerOfMessage; undefined when names that must not be compressed make it too long. */
const asAnswer = (message: Message, facts: AnswerFacts): Answer | undefined => {
  try {
    return answerOfMessage(message, facts)
  } catch (error) {
    if (error instanceof DnsWireError) return undefined
    throw error
  }
}

/** Neither data nor a denial. */
const isFailure = (answer: Answer): boolean => answer.rcode !== RCODE.NOERROR && answer.rcode !== RCODE.NXDOMAIN

/** The answer marked as stale for those who understand (RFC 8914 §4.4, §4.20). */
const staleAnswer = (answer: Answer): Answer => ({
  ...answer,
  extendedError: answer.rcode === RCODE.NXDOMAIN ? EDE.STALE_NXDOMAIN : EDE.STALE_ANSWER,
})

/** SERVFAIL, remembered for a second (RFC 9520 §3.2). */
const failedAnswer = (question: Question): Answer =>
  bareAnswer(question, RCODE.SERVFAIL, {
    origin: Origin.FAILED,
    ttlS: FAILURE_TTL_S,
    extendedError: EDE.NO_REACHABLE_AUTHORITY,
  })

const lookedOf = (answer: Answer, bytes: Uint8Array = answer.bytes): Looked => ({
  ok: true,
  message: { ...readMessage(bytes), rcode: answer.rcode },
  authentic: answer.authentic,
})

/** A cached answer with its TTLs counted down. */
const agedLookedOf = (entry: CacheEntry, nowS: number): Looked => {
  const bytes = copyOf(entry.answer.bytes)
  for (const at of entry.answer.ttlAt) putU32(bytes, at, Math.max(0, u32(bytes, at) - (nowS - entry.storedAtS)))
  return lookedOf(entry.answer, bytes)
}

/** True for answers that pref64 or the exclusion list had a part in. */
const dependsOnSynthesis = (key: string, answer: Answer): boolean =>
  typeOfQuestionKey(key) === TYPE.AAAA || answer.origin === Origin.REVERSE || answer.origin === Origin.LOCAL
