import {
  type Answer,
  type AnswerFacts,
  answerOfMessage,
  bareAnswer,
  EDE,
  FAILURE_TTL_S,
  isFailure,
  Origin,
} from './answer.ts'
import type { Position } from './answer-slab.ts'
import type { AnswerView } from './answer-view.ts'
import { AnswerCache, type CacheEntry } from './cache.ts'
import type { Counters } from './counters.ts'
import { denialFor, findDenial } from './denial.ts'
import { forward, type ForwarderPorts } from './forwarder.ts'
import { aliasOf, localRecordsOf, type LocalRecordSets, recordsMessage } from './local-records.ts'
import { InFlight } from './in-flight.ts'
import { hashOfText, type KeyOctets } from './key-octets.ts'
import { localAnswer, type LocalZones, zoneOf } from './local-zones.ts'
import { type Message, readMessage } from './message.ts'
import { keyOfName, nameOfKey, type NameKey, parentKey } from './name.ts'
import { makeLocalZones } from './own-zones.ts'
import { changesAnswers, type Policy, rulesOf, synthesisOf, type View } from './policy.ts'
import { makeQuestion, type Question, typeOfQuestionKey, withType } from './question.ts'
import { Section } from './record.ts'
import { reverseOfIp4 } from './reverse.ts'
import { embeddedOfQuestion, isInsidePref64, reverseAnswer } from './reverse-answer.ts'
import { judgeAaaa, mayTranslate, synthesise, type Terms, withMade } from './synthesis.ts'
import { isTrusted, showUpstream, type UpstreamPool } from './upstreams.ts'
import { CLASS, DnsWireError, FLAG, putU32, RCODE, TYPE, u32 } from './wire.ts'
import { writeMessage } from './writer.ts'

/** What answers are made under; replaced as a whole. */
export interface Snapshot {
  readonly policy: Policy
  readonly upstreams: UpstreamPool
  /** Who is asked about these names and all below them, instead of `upstreams`. */
  readonly forwards: ReadonlyMap<NameKey, UpstreamPool>
}

interface InForce extends Snapshot {
  readonly records: LocalRecordSets
  /** Made when first needed: most sites have one view. */
  readonly zonesOf: Map<View, LocalZones>
}

const inForceOf = (snapshot: Snapshot): InForce => ({
  ...snapshot,
  records: localRecordsOf(snapshot.policy),
  zonesOf: new Map(),
})

/** The zones of our own as clients with a view see them. */
const zonesFor = (inForce: InForce, view: View): LocalZones => {
  let zones = inForce.zonesOf.get(view)
  if (zones === undefined) inForce.zonesOf.set(view, (zones = makeLocalZones(inForce.policy, view)))
  return zones
}

/** The closest name at or above `key` that is forwarded, with its servers. */
const forwardOf = (inForce: InForce, key: NameKey): { apex: NameKey; pool: UpstreamPool } | undefined => {
  if (inForce.forwards.size === 0) return undefined
  for (let at: NameKey | undefined = key; at !== undefined; at = parentKey(at)) {
    const pool = inForce.forwards.get(at)
    if (pool !== undefined) return { apex: at, pool }
  }
  return undefined
}

/** The answer of a zone of our own, unless the name is the document's, or forwarded by a rule at least as close. */
const zoneAnswer = (inForce: InForce, question: Question): Answer | undefined => {
  const { nameKey, view } = question
  // Reverse names inside pref64 are made, also where RFC 6303 has a zone: a prefix may well be a private one.
  if (inForce.records.has(nameKey) || isInsidePref64(inForce.policy, question)) return undefined
  const zones = zonesFor(inForce, view)
  const forwarded = forwardOf(inForce, nameKey)
  if (forwarded !== undefined && forwarded.apex.length >= (zoneOf(zones, nameKey)?.apex.length ?? 0)) return undefined
  return localAnswer(zones, question)
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

/** What stands between a question and the upstreams. */
export interface Situation {
  /** The document has records of the name. */
  readonly hasRecord: boolean
  /** The zone of our own that answers. */
  readonly zone: NameKey | undefined
  readonly denied: Aged | undefined
  /** What is kept, fresh or stale. */
  readonly entry: CacheEntry | undefined
  readonly nowS: number
  /** The domain whose rule sends the question elsewhere. */
  readonly forwardedBy: NameKey | undefined
  readonly pool: UpstreamPool
}

/** A message to go on with, TTLs as of now, or why there is none. */
export type Looked =
  | {
      readonly ok: true
      readonly message: Message
      /** The message as an answer, when that was made already. */
      readonly answer?: Answer
      /** True when an upstream on this machine set AD: the only path on which nobody can forge it (RFC 6840 §5.7). */
      readonly authentic: boolean
      /** The message is of the document, not of an upstream. */
      readonly local?: boolean
      /** Who said so. */
      readonly upstream?: string | undefined
    }
  | { readonly ok: false; readonly reason: string }

/** How a look-up goes about it. */
interface How {
  /** What is kept is to be replaced, so it is no source. */
  readonly isRenewal: boolean
  /** Aliases of the document followed so far. */
  readonly aliases: number
}
const USUAL: How = { isRenewal: false, aliases: 0 }
const RENEWAL: How = { isRenewal: true, aliases: 0 }

/** Questions under way to upstreams at one time; what comes on top is SERVFAIL at once. */
const MAX_LOOKUPS = 2000
/** RFC 8767 §5: after so long a client gets what is stale, and a failed renewal is not repeated for so long. */
const STALE_AFTER_MS = 1800
const STALE_RETRY_S = 30
/** How long a good answer to the A question waits for the one to the AAAA question (RFC 6147 §5.1.3). */
const AAAA_GRACE_MS = 2000
/** Hits that make a name worth renewing before its time is over. */
const HOT_HITS = 3
/** Aliases of the document that are followed, one behind the other. */
const MAX_ALIASES = 8

/**
 * Finds answers: cache, names of our own, upstreams, and what DNS64 makes of them. Equal questions under way are asked
 * once. An answer holds for the snapshot it was begun under; one that a newer snapshot overtook is not cached.
 */
export class Resolver {
  readonly #ports: ResolverPorts
  readonly #counters: Counters
  readonly #cache: AnswerCache
  readonly #answering = new InFlight<string, Promise<Answer>>(hashOfText)
  readonly #looking = new InFlight<string, Promise<Looked>>(hashOfText)
  #inForce: InForce

  constructor(ports: ResolverPorts, counters: Counters, snapshot: Snapshot) {
    this.#ports = ports
    this.#counters = counters
    this.#cache = new AnswerCache(snapshot.policy.cacheMaxEntries)
    this.#inForce = inForceOf(snapshot)
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
    this.#inForce = inForceOf(next)
    // What is under way belongs to the old snapshot: newcomers must not join it.
    this.#answering.clear()
    this.#looking.clear()
    this.#cache.resize(next.policy.cacheMaxEntries)
    const isSameSource =
      next.upstreams === before.upstreams &&
      next.forwards === before.forwards &&
      JSON.stringify(next.policy.records) === JSON.stringify(before.policy.records)
    if (!isSameSource) this.#cache.clear()
    else if (changesAnswers(before.policy, next.policy)) this.#cache.flush(dependsOnSynthesis)
  }

  /** Whole seconds of the steady clock that TTLs are counted in. */
  nowS(): number {
    return Math.floor(this.#ports.nowMs() / 1000)
  }

  /** Milliseconds of the same clock. */
  nowMs(): number {
    return this.#ports.nowMs()
  }

  /** Where a kept answer is, valid until something else is asked; 0 = nowhere. */
  find(key: KeyOctets, nowS: number): Position {
    return this.#cache.find(key, nowS)
  }

  /** Fills `view` with a kept answer, TTLs as of when it was stored. Returns how many seconds ago that was. */
  view(position: Position, view: AnswerView, nowS: number): number {
    return this.#cache.view(position, view, nowS)
  }

  /** True when a kept answer is asked often and soon over: then it is worth a renewal. */
  isDueForRenewal(position: Position, nowS: number): boolean {
    return this.#cache.isDueForRenewal(position, nowS, HOT_HITS) && this.#inForce.policy.prefetch
  }

  /** Renews a kept answer in the background, once; until the new one is there the old one is given out. */
  renew(position: Position, question: Question): void {
    this.#cache.noteRenewal(position)
    this.#counters.prefetched_total++
    void this.#ask(question, RENEWAL)
  }

  /** True for a name that the document has records of. */
  isOwnName(name: NameKey): boolean {
    return this.#inForce.records.has(name)
  }

  /** An answer about a name of our own. */
  local(question: Question): Answer | undefined {
    const answer = zoneAnswer(this.#inForce, question)
    if (answer !== undefined) this.#cache.put(question.key, answer, this.nowS())
    return answer
  }

  /** NXDOMAIN for a name that a kept answer to another question denied (RFC 8020). */
  denied(question: Question): Aged | undefined {
    if (this.#inForce.records.size > 0 && this.#inForce.records.has(question.nameKey)) return undefined
    if (isInsidePref64(this.#inForce.policy, question)) return undefined
    const nowS = this.nowS()
    const entry = findDenial(this.#cache, question, nowS)
    return entry && { answer: denialFor(question, entry.answer), ageS: nowS - entry.storedAtS }
  }

  /** The answer to any question, from wherever it comes. Never rejects. */
  answerTo(question: Question): Promise<Aged> {
    const nowS = this.nowS()
    const entry = this.#cache.get(question.key, nowS)
    if (entry !== undefined) return Promise.resolve({ answer: entry.answer, ageS: nowS - entry.storedAtS })
    const local = this.local(question)
    if (local !== undefined) return Promise.resolve({ answer: local, ageS: 0 })
    const denied = this.denied(question)
    return denied === undefined ? this.resolve(question) : Promise.resolve(denied)
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
    this.#cache.postponeRetry(question.key, this.nowS() + STALE_RETRY_S)
    return kept
  }

  /** What stands between a question and the upstreams, for an explanation. */
  situationOf(question: Question): Situation {
    const inForce = this.#inForce
    const nowS = this.nowS()
    const forwarded = forwardOf(inForce, question.nameKey)
    const entry = this.#cache.peek(question.key)
    return {
      hasRecord: inForce.records.has(question.nameKey),
      zone: zoneAnswer(inForce, question) && zoneOf(zonesFor(inForce, question.view), question.nameKey)?.apex,
      denied: this.denied(question),
      entry: entry === undefined || !this.#cache.isUsable(entry, nowS) ? undefined : entry,
      nowS,
      forwardedBy: forwarded?.apex,
      pool: forwarded?.pool ?? inForce.upstreams,
    }
  }

  /** What is known, or an upstream says, about a question before DNS64 touches it. */
  untranslated(question: Question): Promise<Looked> {
    return this.#look(this.#inForce, question, USUAL)
  }

  #ask(question: Question, how: How = USUAL): Promise<Answer> {
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
    const keep = (answer: Answer): Answer => {
      this.#answering.remove(question.key, answering)
      this.#keep(inForce, question, answer)
      return answer
    }
    const answering: Promise<Answer> = this.#make(inForce, question, how).then(keep, (error: unknown) => {
      // A made message above 65535 octets is nobody's mistake; whatever else comes here is ours.
      if (!(error instanceof DnsWireError && error.code === 'too-long')) this.#ports.onDefect(error)
      return keep(failedAnswer(question))
    })
    this.#answering.add(question.key, answering)
    return answering
  }

  /** Caches an answer, unless a newer snapshot overtook it, or it is a failure and something stale is worth more. */
  #keep(inForce: InForce, question: Question, answer: Answer): void {
    const nowS = this.nowS()
    if (this.#inForce !== inForce) return
    const { key } = question
    if (!isFailure(answer)) {
      this.#cache.put(key, answer, nowS)
      return
    }
    const known = this.#cache.peek(key)
    const isBetter = known !== undefined && !isFailure(known.answer) && this.#cache.isUsable(known, nowS)
    // The same failure comes along twice: as what an upstream said, and as what is made of it.
    const isKnown = known !== undefined && known.expiresAtS > nowS
    // RFC 9520 §3.2: what fails again is remembered longer.
    if (!isBetter && !isKnown) this.#cache.put(key, { ...answer, ttlS: this.#cache.failureTtlS(key, nowS) }, nowS)
  }

  async #make(inForce: InForce, question: Question, how: How): Promise<Answer> {
    const rules = mayTranslate(question) ? rulesOf(inForce.policy, question.view) : []
    const embedded = embeddedOfQuestion(rules, question)
    if (embedded !== undefined) {
      const behind = makeQuestion(reverseOfIp4(embedded.ip4), TYPE.PTR, CLASS.IN, question)
      const ptr = await this.#look(inForce, behind, how)
      return ptr.ok ? reverseAnswer(question, embedded, ptr.message) : failedAnswer(question)
    }
    const synthesis = synthesisOf(inForce.policy, question.nameKey)
    if (question.type === TYPE.AAAA && rules.length > 0 && synthesis !== 'never')
      return this.#makeAaaa(inForce, question, { rules, synthesis, dnssecOk: question.dnssecOk }, how)
    const found = await this.#look(inForce, question, how)
    return this.#untouched(question, found)
  }

  /** What was found, as it is. */
  #untouched(question: Question, found: Looked): Answer {
    if (!found.ok) return failedAnswer(question)
    return found.answer ?? answerOfMessage(found.message, upstreamFacts(found))
  }

  /** RFC 6147 §5.1. A is asked beside AAAA, right behind it, so that both together take one round trip. */
  async #makeAaaa(inForce: InForce, question: Question, terms: Terms, how: How): Promise<Answer> {
    const native = this.#look(inForce, question, how)
    const a = this.#look(inForce, withType(question, TYPE.A), how)
    const aaaa = await this.#withGrace(native, a)
    const message = aaaa.ok ? aaaa.message : undefined
    const verdict = judgeAaaa(terms, message, upstreamFacts(aaaa))
    if (verdict.kind === 'reply') return verdict.answer
    const found = await a
    if (verdict.kind === 'add-a')
      return (found.ok && message !== undefined && withMade(terms, message, found.message)) || verdict.answer
    // RFC 6147 §5.1.6: what came for A is the reply, a failure too.
    if (!found.ok) return failedAnswer(question)
    const made = synthesise(verdict, question, found.message, found.upstream)
    // None of the addresses is to be mapped: the denial stands.
    return made ?? this.#untouched(question, aaaa)
  }

  /** The answer to AAAA, or a failure when `a` is there and it is still missing after AAAA_GRACE_MS. */
  #withGrace(aaaa: Promise<Looked>, a: Promise<Looked>): Promise<Looked> {
    return new Promise((resolve, reject) => {
      let isSettled = false
      let cancel = (): void => {}
      const onAaaa = (looked: Looked): void => {
        isSettled = true
        cancel()
        resolve(looked)
      }
      const onA = (looked: Looked): void => {
        // Both settle within the forwarder's deadline. A failed A gives nothing to hurry for.
        if (isSettled || !looked.ok) return
        const late: Looked = { ok: false, reason: 'no answer to AAAA in time' }
        cancel = this.#ports.after(AAAA_GRACE_MS, () => resolve(late))
      }
      aaaa.then(onAaaa, reject)
      a.then(onA, reject)
    })
  }

  /** What is known about a question without translation: names of our own, the cache, then upstream, asked once. */
  #look(inForce: InForce, question: Question, how: How): Promise<Looked> {
    const records = inForce.records.size === 0 ? undefined : inForce.records.get(question.nameKey)
    if (records !== undefined && question.class === CLASS.IN)
      return this.#lookAtRecords(inForce, question, records, how)
    const local = zoneAnswer(inForce, question)
    if (local !== undefined) return Promise.resolve(lookedOf(local))
    const isCurrent = inForce === this.#inForce
    // The AAAA entry of the cache is what DNS64 made of it, so it is no source.
    const mayCache = !(question.type === TYPE.AAAA && question.class === CLASS.IN)
    const entry = isCurrent && mayCache && !how.isRenewal ? this.#cache.get(question.key, this.nowS()) : undefined
    if (entry !== undefined) return Promise.resolve(agedLookedOf(entry, this.nowS()))
    const underWay = isCurrent ? this.#looking.get(question.key) : undefined
    if (underWay !== undefined) return underWay

    const looking = forward(
      this.#ports,
      forwardOf(inForce, question.nameKey)?.pool ?? inForce.upstreams,
      this.#counters,
      question,
    ).then((forwarded): Looked => {
      this.#looking.remove(question.key, looking)
      if (!forwarded.ok) return forwarded
      const { message, upstream } = forwarded
      const authentic = isTrusted(upstream) && (message.flags & FLAG.AD) !== 0
      const looked: Looked = { ok: true, message, authentic, upstream: showUpstream(upstream) }
      if (!mayCache) return looked
      const answer = asAnswer(message, upstreamFacts(looked))
      if (answer === undefined) return { ok: false, reason: 'the answer exceeds 65535 octets once written anew' }
      this.#keep(inForce, question, answer)
      return { ...looked, answer }
    })
    if (isCurrent) this.#looking.add(question.key, looking)
    return looking
  }

  /** The records of the document; behind an alias of it what its target has, wherever that is known. */
  async #lookAtRecords(
    inForce: InForce,
    question: Question,
    records: NonNullable<ReturnType<LocalRecordSets['get']>>,
    how: How,
  ): Promise<Looked> {
    const { nameKey, type } = question
    const alias = aliasOf(records)
    const [target] = alias?.rdata ?? []
    if (alias === undefined || target === undefined || type === TYPE.CNAME)
      return { ok: true, message: readMessage(recordsMessage(nameKey, type, records)), authentic: false, local: true }
    if (how.aliases >= MAX_ALIASES)
      return { ok: false, reason: `dns64.records: more than ${MAX_ALIASES} aliases in a row` }
    const next = makeQuestion(keyOfName(target), type, CLASS.IN, question)
    const behind = await this.#look(inForce, next, { ...how, aliases: how.aliases + 1 })
    if (!behind.ok) return behind
    const bytes = writeMessage(question, behind.message.rcode, (writer) => {
      writer.nameRecord(Section.ANSWER, nameOfKey(nameKey), TYPE.CNAME, CLASS.IN, { ttlS: alias.ttlS, target })
      for (const record of behind.message.records) writer.copy(behind.message, record)
    })
    return { ok: true, message: { ...readMessage(bytes), rcode: behind.message.rcode }, authentic: false, local: true }
  }
}

const upstreamFacts = (looked: Looked): AnswerFacts => ({
  origin: looked.ok && looked.local === true ? Origin.LOCAL : Origin.UPSTREAM,
  authentic: looked.ok && looked.authentic,
  upstream: looked.ok ? looked.upstream : undefined,
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
  upstream: answer.upstream,
})

/** A cached answer with its TTLs counted down. */
const agedLookedOf = (entry: CacheEntry, nowS: number): Looked => {
  const { bytes } = entry.answer
  for (const at of entry.answer.ttlAt) putU32(bytes, at, Math.max(0, u32(bytes, at) - (nowS - entry.storedAtS)))
  return lookedOf(entry.answer, bytes)
}

/** True for answers that pref64 or the exclusion list had a part in. */
const dependsOnSynthesis = (key: string, answer: Answer): boolean =>
  typeOfQuestionKey(key) === TYPE.AAAA || answer.origin === Origin.REVERSE || answer.origin === Origin.LOCAL
