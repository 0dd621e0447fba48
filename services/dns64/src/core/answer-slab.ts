import type { KeyOctets } from './key-octets.ts'

/** Fields of a record in 32-bit words from its start; DATA: the octets of key and message, and the places of the TTLs. */
export const FIELD = {
  /** of the whole record, in words */
  SIZE: 0,
  /** the next one in its bucket, and in its bucket of denied names; 0 = none */
  NEXT: 1,
  NEXT_DENIAL: 2,
  HASH: 3,
  NAME_HASH: 4,
  STATE: 5,
  STORED_S: 6,
  EXPIRES_S: 7,
  RENEW_S: 8,
  RETRY_S: 9,
  HITS: 10,
  TTL_S: 11,
  /** two 16-bit numbers each, the lower one first */
  KEY_LEN_TTL_COUNT: 12,
  MESSAGE_LEN_RCODE: 13,
  QUESTION_END_ANSWER_END: 14,
  AUTHORITY_END_EXTENDED_ERROR: 15,
  ORIGIN_UPSTREAM: 16,
  DATA: 17,
} as const
export type Field = (typeof FIELD)[keyof typeof FIELD]

/** Bits of STATE. */
export const STATE = {
  LIVE: 1,
  /** since the sweep last came by */
  USED: 2,
  AUTHENTIC: 4,
  /** its name does not exist: findable as a denial, too */
  DENIAL: 8,
} as const

/** Where a record is: the number of its segment and its words from there. Valid until the next `add`; 0 = none. */
export type Position = number

/** What a record is made of besides its fields. */
export interface Contents {
  readonly message: Uint8Array
  readonly ttlAt: readonly number[]
}

interface Segment {
  readonly words: Uint32Array
  readonly bytes: Uint8Array
  /** Words in use. */
  fill: number
}

/** Position 0 means none, so nothing starts at the first word of a segment. */
const FIRST = 1
const MIN_SEGMENT_BITS = 12
const MAX_SEGMENT_BITS = 18
/** Buckets at first. One more with each record beyond them: so few pages of memory are touched as answers need. */
const MIN_BUCKETS = 256
/** Records of one bucket; a name that finds it full takes the place of the oldest. Bounds the work of a look-up. */
const MAX_CHAIN = 16
/** Records that were used and are kept for another round, for one insertion: bounds its work. */
const MAX_SECOND_CHANCES = 8
/** Records moved for one insertion while more room is lost to dead ones than live ones take. */
const MOVES = 4

const WORD_BYTES = 4
const wordsFor = (octets: number): number => Math.ceil(octets / WORD_BYTES)

/**
 * Records in a ring of segments of equal size, found through tables of numbers: what is kept takes the memory that is
 * counted and no other, and the garbage collector has nothing to walk. Records are added at the head. When the ring is
 * full, or has `maxRecords`, the sweep goes on at its tail: what is dead or was not used since is gone, the rest moves to
 * the head.
 */
export class AnswerSlab {
  readonly #maxRecords: number
  readonly #maxSegments: number
  readonly #segmentBits: number
  readonly #segmentWords: number
  readonly #segments: (Segment | undefined)[] = []
  /** Segments in use, the oldest first, and those that may be taken. */
  readonly #ring: number[] = []
  readonly #free: number[] = []
  readonly #buckets: Uint32Array
  readonly #denials: Uint32Array
  /** Linear hashing (Litwin, 1980): the buckets in use, of both tables, and the bits of a hash that choose among them. */
  #bucketsInUse: number
  #mask: number
  /** Where the sweep is in the oldest segment. */
  #tail: number = FIRST
  #records = 0
  #liveWords = 0
  #deadWords = 0

  /** At most `maxRecords`, and so many octets, tables included, but never less than the tables and two segments of 16 KiB. */
  constructor(maxRecords: number, maxOctets: number) {
    const buckets = 2 ** Math.ceil(Math.log2(Math.max(maxRecords, 2)))
    this.#maxRecords = maxRecords
    // Zeroed memory of the system: only pages that are written to are resident.
    this.#buckets = new Uint32Array(buckets)
    this.#denials = new Uint32Array(buckets)
    this.#bucketsInUse = Math.min(buckets, MIN_BUCKETS)
    this.#mask = this.#bucketsInUse - 1
    const room = Math.max(0, maxOctets - 2 * this.#buckets.byteLength)
    const bits = Math.floor(Math.log2(Math.max(1, room / WORD_BYTES / 16)))
    this.#segmentBits = Math.min(MAX_SEGMENT_BITS, Math.max(MIN_SEGMENT_BITS, bits))
    this.#segmentWords = 1 << this.#segmentBits
    this.#maxSegments = Math.max(2, Math.floor(room / (WORD_BYTES << this.#segmentBits)))
  }

  /** Live records. */
  get size(): number {
    return this.#records
  }

  /** Octets of memory taken: segments, whether full or not, and tables. */
  get octets(): number {
    const segments = this.#segments.reduce((count, segment) => count + (segment === undefined ? 0 : 1), 0)
    return segments * (WORD_BYTES << this.#segmentBits) + 2 * this.#buckets.byteLength
  }

  field(position: Position, field: Field): number {
    return this.#at(position).words[this.#offset(position) + field] ?? 0
  }

  /** The words of the segment that a record is in, and where it starts among them: for whoever reads many fields. */
  wordsOf(position: Position): Uint32Array {
    return this.#at(position).words
  }

  wordAt(position: Position): number {
    return this.#offset(position)
  }

  setField(position: Position, field: Field, value: number): void {
    this.#at(position).words[this.#offset(position) + field] = value
  }

  /** The lower and the upper half of a field. */
  low(position: Position, field: Field): number {
    return this.field(position, field) & 0xffff
  }

  high(position: Position, field: Field): number {
    return this.field(position, field) >>> 16
  }

  /** The octets of the segment that a record is in; its key starts at `dataAt`, the message and the TTLs' places behind it. */
  octetsOf(position: Position): Uint8Array {
    return this.#at(position).bytes
  }

  dataAt(position: Position): number {
    return (this.#offset(position) + FIELD.DATA) * WORD_BYTES
  }

  find(key: KeyOctets): Position {
    const { hash, length, bytes: wanted } = key
    const [bits, mask] = [this.#segmentBits, this.#segmentWords - 1]
    let position = this.#buckets[this.#bucketOf(hash)] ?? 0
    while (position !== 0) {
      const { words, bytes } = this.#segments[position >>> bits] as Segment
      const at = position & mask
      if (words[at + FIELD.HASH] === hash && ((words[at + FIELD.KEY_LEN_TTL_COUNT] ?? 0) & 0xffff) === length) {
        const data = (at + FIELD.DATA) * WORD_BYTES
        let i = 0
        while (i < length && bytes[data + i] === wanted[i]) i++
        if (i === length) return position
      }
      position = words[at + FIELD.NEXT] ?? 0
    }
    return 0
  }

  /** Denials of names with a hash: the first, and the one behind another. Names may differ. */
  firstDenial(nameHash: number): Position {
    return this.#denials[this.#bucketOf(nameHash)] ?? 0
  }

  nextDenial(position: Position): Position {
    return this.field(position, FIELD.NEXT_DENIAL)
  }

  /**
   * Adds a record under a key that has none; its fields from STORED_S on are the caller's to set, STATE with
   * `STATE.LIVE` and what `state` says. Returns where it is; 0: too big for a segment.
   */
  add(key: KeyOctets, { message, ttlAt }: Contents, state: number): Position {
    const size = FIELD.DATA + wordsFor(key.length + message.length + ttlAt.length * 2)
    if (this.#maxRecords === 0 || size > this.#segmentWords - FIRST) return 0
    this.#sweepFor(size)
    const position = this.#take(size)
    this.#records++
    this.#liveWords += size
    const segment = this.#at(position)
    const at = this.#offset(position)
    segment.words[at + FIELD.SIZE] = size
    segment.words[at + FIELD.HASH] = key.hash
    segment.words[at + FIELD.NAME_HASH] = key.nameHash
    segment.words[at + FIELD.STATE] = STATE.LIVE | state
    segment.words[at + FIELD.HITS] = 0
    segment.words[at + FIELD.RETRY_S] = 0
    segment.words[at + FIELD.KEY_LEN_TTL_COUNT] = key.length | (ttlAt.length << 16)
    const { bytes } = segment
    const data = (at + FIELD.DATA) * WORD_BYTES
    for (let i = 0; i < key.length; i++) bytes[data + i] = key.bytes[i] ?? 0
    bytes.set(message, data + key.length)
    let end = data + key.length + message.length
    for (const ttl of ttlAt) {
      bytes[end++] = ttl >>> 8
      bytes[end++] = ttl
    }
    if (this.#records > this.#bucketsInUse && this.#bucketsInUse < this.#buckets.length) this.#openBucket()
    this.#link(position)
    return position
  }

  remove(position: Position): void {
    this.#unlink(position)
    const size = this.field(position, FIELD.SIZE)
    this.setField(position, FIELD.STATE, 0)
    this.#records--
    this.#liveWords -= size
    this.#deadWords += size
  }

  /** Every live record, the oldest first. Only `remove` may be called meanwhile. */
  *positions(): Generator<Position> {
    for (const [index, number] of this.#ring.entries()) {
      const segment = this.#segments[number]
      if (segment === undefined) continue
      let at = index === 0 ? this.#tail : FIRST
      while (at < segment.fill) {
        const position = this.#position(number, at)
        if ((this.field(position, FIELD.STATE) & STATE.LIVE) !== 0) yield position
        at += segment.words[at + FIELD.SIZE] ?? 0
      }
    }
  }

  #position(segment: number, word: number): Position {
    return segment * this.#segmentWords + word
  }

  #at(position: Position): Segment {
    return this.#segments[position >>> this.#segmentBits] as Segment
  }

  #offset(position: Position): number {
    return position & (this.#segmentWords - 1)
  }

  /** A bit less for those whose bucket is not open yet. */
  #bucketOf(hash: number): number {
    const bucket = hash & this.#mask
    return bucket < this.#bucketsInUse ? bucket : bucket & (this.#mask >>> 1)
  }

  /** One more bucket: it gets what another one has kept for it. */
  #openBucket(): void {
    const fresh = this.#bucketsInUse
    if (fresh > this.#mask) this.#mask = this.#mask * 2 + 1
    const from = fresh & (this.#mask >>> 1)
    this.#bucketsInUse++
    this.#split(this.#buckets, from, FIELD.HASH, FIELD.NEXT)
    this.#split(this.#denials, from, FIELD.NAME_HASH, FIELD.NEXT_DENIAL)
  }

  /** Deals the records of a bucket out anew, in their order. */
  #split(table: Uint32Array, from: number, hash: Field, next: Field): void {
    let [lastKept, lastMoved] = [0, 0]
    let at = table[from] ?? 0
    table[from] = 0
    while (at !== 0) {
      const behind = this.field(at, next)
      const bucket = this.#bucketOf(this.field(at, hash))
      const last = bucket === from ? lastKept : lastMoved
      if (last === 0) table[bucket] = at
      else this.setField(last, next, at)
      if (bucket === from) lastKept = at
      else lastMoved = at
      this.setField(at, next, 0)
      at = behind
    }
  }

  /** Puts a record at the front of its buckets. */
  #link(position: Position): void {
    this.#linkInto(this.#buckets, position, FIELD.HASH, FIELD.NEXT)
    if ((this.field(position, FIELD.STATE) & STATE.DENIAL) !== 0)
      this.#linkInto(this.#denials, position, FIELD.NAME_HASH, FIELD.NEXT_DENIAL)
  }

  #linkInto(table: Uint32Array, position: Position, hash: Field, next: Field): void {
    const bucket = this.#bucketOf(this.field(position, hash))
    this.setField(position, next, table[bucket] ?? 0)
    table[bucket] = position
    let last = position
    let length = 0
    for (let at = position; at !== 0; at = this.field(at, next)) {
      last = at
      length++
    }
    if (length > MAX_CHAIN) this.remove(last)
  }

  #unlink(position: Position): void {
    this.#unlinkFrom(this.#buckets, position, FIELD.HASH, FIELD.NEXT)
    if ((this.field(position, FIELD.STATE) & STATE.DENIAL) !== 0)
      this.#unlinkFrom(this.#denials, position, FIELD.NAME_HASH, FIELD.NEXT_DENIAL)
  }

  #unlinkFrom(table: Uint32Array, position: Position, hash: Field, next: Field): void {
    const bucket = this.#bucketOf(this.field(position, hash))
    const behind = this.field(position, next)
    if (table[bucket] === position) {
      table[bucket] = behind
      return
    }
    for (let at = table[bucket] ?? 0; at !== 0; at = this.field(at, next)) {
      if (this.field(at, next) !== position) continue
      this.setField(at, next, behind)
      return
    }
  }

  /** Makes room for one more record of `size` words. */
  #sweepFor(size: number): void {
    let chances = MAX_SECOND_CHANCES
    const sweep = (): void => {
      if (this.#sweep(chances > 0 ? STATE.USED : 0)) chances--
    }
    while (this.#records >= this.#maxRecords) sweep()
    // Dead records are no use: what lives is moved together.
    for (let i = 0; i < MOVES && this.#deadWords > this.#liveWords + this.#segmentWords; i++) this.#sweep(STATE.LIVE)
    // The sweep of the oldest segment keeps pace with the filling of the newest, so that no insertion has to do it all.
    while (this.#ring.length >= this.#maxSegments && this.#tail < this.#headFill() + size) sweep()
  }

  #headFill(): number {
    return this.#segments[this.#ring.at(-1) ?? -1]?.fill ?? this.#segmentWords
  }

  /** Words at the head; the record has been made room for. */
  #take(size: number): Position {
    if (this.#headFill() + size > this.#segmentWords) this.#openSegment()
    const number = this.#ring.at(-1) ?? 0
    const segment = this.#segments[number] as Segment
    const position = this.#position(number, segment.fill)
    segment.fill += size
    return position
  }

  #openSegment(): void {
    while (this.#ring.length >= this.#maxSegments) this.#sweep(0)
    const number = this.#free.pop() ?? this.#segments.length
    const buffer = this.#segments[number]?.words.buffer ?? new ArrayBuffer(WORD_BYTES << this.#segmentBits)
    this.#segments[number] = { words: new Uint32Array(buffer), bytes: new Uint8Array(buffer), fill: FIRST }
    this.#ring.push(number)
  }

  /**
   * Looks at the oldest record: it goes, unless it is live and has a bit of `kept`; then it moves to the head, if there
   * is room without opening a segment too many. Returns true when it moved.
   */
  #sweep(kept: number): boolean {
    const number = this.#ring[0] ?? 0
    const oldest = this.#segments[number] as Segment
    const position = this.#position(number, this.#tail)
    const size = oldest.words[this.#tail + FIELD.SIZE] ?? 0
    const state = oldest.words[this.#tail + FIELD.STATE] ?? 0
    const isLive = (state & STATE.LIVE) !== 0
    let hasMoved = false
    if (isLive) {
      const fits = this.#headFill() + size <= this.#segmentWords || this.#ring.length < this.#maxSegments - 1
      hasMoved = (state & kept) !== 0 && fits
      if (hasMoved) this.#move(position, size, kept === STATE.LIVE ? state : state & ~STATE.USED)
      else this.remove(position)
    }
    // Now it is dead in any case, and passed by.
    this.#deadWords -= size
    this.#tail += size
    if (this.#tail >= oldest.fill) this.#release(number, oldest)
    return hasMoved
  }

  #move(position: Position, size: number, state: number): void {
    this.#unlink(position)
    const to = this.#take(size)
    const from = this.#offset(position)
    this.#at(to).words.set(this.#at(position).words.subarray(from, from + size), this.#offset(to))
    this.setField(position, FIELD.STATE, 0)
    this.#deadWords += size
    this.setField(to, FIELD.STATE, state)
    this.#link(to)
  }

  /** The sweep is through a segment. One is kept for the next that is opened, others are given back. */
  #release(number: number, segment: Segment): void {
    this.#tail = FIRST
    if (this.#ring.length === 1) {
      segment.fill = FIRST
      return
    }
    this.#ring.shift()
    if (this.#free.some((other) => this.#segments[other] !== undefined)) {
      this.#segments[number] = undefined
      this.#free.unshift(number)
    } else this.#free.push(number)
  }
}
