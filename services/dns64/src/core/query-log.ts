import { EXPLAIN_ORIGIN, type Origin } from './answer.ts'
import type { AnswerView } from './answer-view.ts'
import type { Client } from './client.ts'
import type { NameKey } from './name.ts'
import type { Kept } from './policy.ts'
import type { Query } from './query.ts'
import { KEY_TAIL } from './question.ts'
import { type Counted, TopNames } from './top-names.ts'

/** Why a question got no answer. */
export const Refusal = {
  STRANGER: 'stranger',
  RATE_LIMITED: 'rate-limited',
  OVERLOAD: 'overload',
  NOT_RECURSIVE: 'not-recursive',
  NO_DATA_TYPE: 'no-data-type',
} as const
export type Refusal = (typeof Refusal)[keyof typeof Refusal]

/** Why the reply was what it was. */
export type Reason = Origin | Refusal

/** What each reason means, for the operator. */
export const EXPLAIN_REASON: Record<Reason, string> = {
  ...EXPLAIN_ORIGIN,
  stranger: 'refused: the address is not one of dns64.clients',
  'rate-limited': 'more than dns64.rateLimit allows: sent to TCP, and refused there',
  overload: 'SERVFAIL, because too many questions were under way',
  'not-recursive': 'refused: not known here, and the client did not ask for recursion (RD)',
  'no-data-type': 'refused: the type or class is not one of data',
}

/** Queries that are kept, the newest ones. */
export const KEPT_QUERIES = 4096
/** Names are counted by the hour: the one that runs and the one before it. */
const HOUR_MS = 3_600_000
const UNTIMED_US = 0xffff_ffff
/**
 * Words of a query: type and RCODE, bits of HOW and the name's length (the second in the upper half), where the name is,
 * microseconds that it took.
 */
const WORD = { TYPE_RCODE: 0, HOW_NAME_LEN: 1, NAME_AT: 2, TOOK_US: 3, COUNT: 4 } as const
/** Octets for the names of all of them: 64 for each. Where names are longer, fewer queries are held. */
const NAME_OCTETS = KEPT_QUERIES * 64

/** How a query came, and what its reply came from: bits. */
export const HOW = {
  TCP: 1,
  /** Nobody was asked for it: the answer was kept. */
  CACHED: 2,
  /** Its time was over (RFC 8767). */
  STALE: 4,
} as const

/** A kept query, as of the call that gave it. */
export interface LoggedQuery {
  /** When it was answered, by the clock of the log. */
  readonly atMs: number
  readonly name: NameKey
  readonly type: number
  readonly rcode: number
  /** Bits of HOW. */
  readonly how: number
  readonly reason: Reason
  /** undefined: the document says that who asks is not kept. */
  readonly client: string | undefined
  /** Who gave the answer, or what it is made of. */
  readonly upstream: string | undefined
  /** Microseconds until the reply was there; undefined: not timed, because nobody had to be waited for. */
  readonly tookUs: number | undefined
}

/** The newest queries, in places that are made once: keeping one more allocates nothing. */
class Ring {
  readonly #atMs = new Float64Array(KEPT_QUERIES)
  readonly #words = new Uint32Array(KEPT_QUERIES * WORD.COUNT)
  readonly #names = new Uint8Array(NAME_OCTETS)
  readonly #reasons: (Reason | undefined)[] = Array.from({ length: KEPT_QUERIES })
  readonly #clients: (string | undefined)[] = Array.from({ length: KEPT_QUERIES })
  readonly #upstreams: (string | undefined)[] = Array.from({ length: KEPT_QUERIES })
  /** The next places, of a query and of its name. */
  #next = 0
  #nextNameAt = 0
  #held = 0

  /** Takes the place of the oldest one. `numbers`: RCODE, and bits of HOW above it. Returns the place, for `took`. */
  put(q: Query, atMs: number, reason: Reason, numbers: number): number {
    const place = this.#next
    this.#next = place + 1 === KEPT_QUERIES ? 0 : place + 1
    if (this.#held < KEPT_QUERIES) this.#held++
    const { bytes, length } = q.key
    const nameLen = length - KEY_TAIL
    // A name is in one piece.
    const o = this.#nextNameAt + nameLen > NAME_OCTETS ? 0 : this.#nextNameAt
    this.#nextNameAt = o + nameLen
    const words = this.#words
    const at = place * WORD.COUNT
    words[at + WORD.TYPE_RCODE] = (q.type << 16) | (numbers & 0xffff)
    words[at + WORD.HOW_NAME_LEN] = ((numbers >>> 16) << 16) | nameLen
    words[at + WORD.NAME_AT] = o
    words[at + WORD.TOOK_US] = UNTIMED_US
    const names = this.#names
    for (let i = 0; i < nameLen; i++) names[o + i] = bytes[i] ?? 0
    this.#atMs[place] = atMs
    this.#reasons[place] = reason
    return place
  }

  /** Who asked, and who gave the answer. */
  name(place: number, client: string | undefined, upstream: string | undefined): void {
    this.#clients[place] = client
    this.#upstreams[place] = upstream
  }

  took(place: number, us: number): void {
    this.#words[place * WORD.COUNT + WORD.TOOK_US] = Math.min(us, UNTIMED_US - 1)
  }

  /** The queries, newest first, as far back as their names are there. */
  *newest(): Generator<LoggedQuery> {
    const words = this.#words
    let octets = 0
    let endsAt = this.#nextNameAt
    for (let back = 1; back <= this.#held; back++) {
      const place = (this.#next - back + KEPT_QUERIES) % KEPT_QUERIES
      const nameAt = words[place * WORD.COUNT + WORD.NAME_AT] ?? 0
      // Going back, a name that lies behind the one after it was the last one of the round before.
      octets += nameAt < endsAt ? endsAt - nameAt : endsAt + NAME_OCTETS - nameAt
      if (octets > NAME_OCTETS) return
      endsAt = nameAt
      yield this.#at(place)
    }
  }

  #at(place: number): LoggedQuery {
    const at = place * WORD.COUNT
    const [typeRcode = 0, howLen = 0, nameAt = 0, tookUs = 0] = this.#words.subarray(at, at + WORD.COUNT)
    return {
      atMs: this.#atMs[place] ?? 0,
      name: Buffer.from(this.#names.buffer).toString('latin1', nameAt, nameAt + (howLen & 0xffff)),
      type: typeRcode >>> 16,
      rcode: typeRcode & 0xffff,
      how: howLen >>> 16,
      reason: this.#reasons[place] ?? 'failed',
      client: this.#clients[place],
      upstream: this.#upstreams[place],
      tookUs: tookUs === UNTIMED_US ? undefined : tookUs,
    }
  }
}

/**
 * What was asked, in memory and bounded: the newest queries, and the names asked for most in this hour and the one
 * before. What `dns64.queryLog` does not allow is never taken in; another setting forgets everything.
 */
export class QueryLog {
  #kept: Kept = 'off'
  #ring: Ring | undefined
  #names: TopNames | undefined
  #namesBefore: TopNames | undefined
  #nowMs = 0
  #sinceMs = 0
  #hourEndsMs = 0
  #last = 0

  get kept(): Kept {
    return this.#kept
  }

  /** Something is kept: whether `add` and `refused` are to be called. */
  get isOn(): boolean {
    return this.#ring !== undefined
  }

  /** What may be kept from now on. Another value than before forgets what there is. */
  keep(kept: Kept, nowMs: number): void {
    if (kept === this.#kept) return
    this.#kept = kept
    this.#ring = kept === 'off' ? undefined : new Ring()
    this.#names = kept === 'off' ? undefined : new TopNames()
    this.#namesBefore = undefined
    this.#sinceMs = nowMs
    this.#hourEndsMs = nowMs + HOUR_MS
  }

  /** The time of what is added next. */
  begin(nowMs: number): void {
    this.#nowMs = nowMs
    if (nowMs >= this.#hourEndsMs && this.#ring !== undefined) this.#endHour()
  }

  /** A query that got the answer in `view`; `q` is valid, its key too. */
  add(q: Query, client: Client, view: AnswerView, how: number): void {
    this.#put(q, view.origin, view.rcode | (how << 16))
    this.#ring?.name(this.#last, this.#kept === 'clients' ? client.address : undefined, view.upstream)
  }

  /** A query that was refused. */
  refused(q: Query, client: Client, refusal: Refusal, numbers: number): void {
    this.#put(q, refusal, numbers)
    this.#ring?.name(this.#last, this.#kept === 'clients' ? client.address : undefined, undefined)
  }

  /** How long the query that was added last had to wait. */
  took(us: number): void {
    this.#ring?.took(this.#last, us)
  }

  /** The queries that are held, newest first. */
  newest(): Iterable<LoggedQuery> {
    return this.#ring?.newest() ?? []
  }

  /** The names asked for most, and since when they are counted, by the clock of the log. */
  topNames(): { readonly sinceMs: number; readonly names: readonly Counted[] } {
    const sums = new Map<NameKey, Counted>()
    for (const counted of [...(this.#names?.all() ?? []), ...(this.#namesBefore?.all() ?? [])]) {
      const known = sums.get(counted.name)
      sums.set(counted.name, {
        name: counted.name,
        count: counted.count + (known?.count ?? 0),
        overAtMost: counted.overAtMost + (known?.overAtMost ?? 0),
      })
    }
    return { sinceMs: this.#sinceMs, names: [...sums.values()].toSorted((a, b) => b.count - a.count) }
  }

  #put(q: Query, reason: Reason, numbers: number): void {
    if (this.#ring === undefined || this.#names === undefined) return
    this.#last = this.#ring.put(q, this.#nowMs, reason, numbers)
    this.#names.add(q.key.nameHash, q.key.bytes, q.key.length - KEY_TAIL)
  }

  #endHour(): void {
    // After a silent hour nothing of the one before counts any more.
    const isNext = this.#nowMs < this.#hourEndsMs + HOUR_MS
    this.#namesBefore = isNext ? this.#names : undefined
    this.#names = new TopNames()
    this.#sinceMs = isNext ? this.#hourEndsMs - HOUR_MS : this.#nowMs
    this.#hourEndsMs = isNext ? this.#hourEndsMs + HOUR_MS : this.#nowMs + HOUR_MS
  }
}
