import { Budget } from './budget.ts'
import { toBytes, toText } from './octet-text.ts'
import { advance, distance, latest } from './sequence.ts'

/** What an editor makes of the bytes at the head of a stream. */
export interface Cut {
  /** Bytes that are done with, at least 1. */
  readonly take: number
  /** What goes out for them; `undefined`: they themselves. */
  readonly put: Uint8Array | undefined
}

/** Reads one direction of a connection, piece by piece (a line, a message), and says what goes out instead. */
export interface Editor {
  /**
   * Looks at all bytes that are not decided yet, at least one. `undefined`: their end is needed first; they are held and
   * come again, with more behind them. Must not keep `bytes`.
   */
  cut(bytes: Uint8Array): Cut | undefined
  /** It leaves everything as it is, from now on. */
  readonly isIdle: boolean
}

/** A stretch whose octets are kept, since they are not those that came. */
interface Edit {
  readonly inStart: number
  readonly inEnd: number
  readonly outStart: number
  readonly outEnd: number
  readonly bytes: Uint8Array
}

/** All that a stream knows, for another process: JSON. Octets are characters 0–255. */
export interface StreamState {
  readonly inNext: number
  readonly outNext: number
  readonly acked: number
  readonly shift: number
  readonly held: string
  readonly edits: readonly (Omit<Edit, 'bytes'> & { readonly bytes: string })[]
}

/** What `accept` did with a segment. `gap`: bytes before it are missing; `full`: too much is unacknowledged. */
export type Acceptance = 'accepted' | 'gap' | 'full'

/** Bytes that wait for their end at most; more go out as they are. */
const MAX_HELD_BYTES = 65_535
/** Edited stretches, and bytes in them, that the receiver has not acknowledged. */
const MAX_EDITS = 128
const MAX_EDITED_BYTES = 262_144

const NOTHING = new Uint8Array(0)

export const joinBytes = (parts: readonly Uint8Array[]): Uint8Array => {
  if (parts.length === 1) return parts[0] ?? NOTHING
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/**
 * One direction of a TCP connection whose bytes are edited on their way (RFC 6384 §5: "track and update TCP sequence
 * numbers", "reconstitute … commands and responses from multiple packets"). Nothing is stored that the sender would not
 * send again, with one exception: what is edited, until the receiver has it. So a retransmission, however it is cut,
 * yields the same bytes at the same places.
 *
 *   in    ──── raw ────┤ edit ├── raw ──┤ held │            numbers of the sender
 *                      inStart          │      inNext
 *   out   ──── raw ────┤ edited ├─ raw ─┤                   numbers of the receiver
 *                      outStart         outNext
 */
export class Stream {
  readonly #editor: Editor
  readonly #budget: Budget
  /** What this stream has taken of the budget. */
  #chargedBytes = 0
  #isKnown = false
  /** Number of the next byte that was never seen. */
  #inNext = 0
  /** Seen, not decided. They end at `#inNext`. */
  #held: Uint8Array = NOTHING
  /** Number that the first held byte gets if it goes out as it is. */
  #outNext = 0
  /** What the receiver has, in its numbers. */
  #acked = 0
  /** Out minus in, before the first of `#edits`. */
  #shift = 0
  #edits: Edit[] = []
  #editedBytes = 0

  /** Of the last `accept`: where in the receiver's numbers the bytes to be sent begin. */
  outSeq = 0
  /** Of the last `accept`: the bytes to be sent. */
  out: Uint8Array = NOTHING
  /** Of the last `accept`: `out` is the payload as it came. */
  isUnchanged = true

  constructor(editor: Editor, budget = new Budget()) {
    this.#editor = editor
    this.#budget = budget
  }

  /** False until its first number is known. */
  get isKnown(): boolean {
    return this.#isKnown
  }

  /** The first byte will have this number, on both sides. */
  start(seq: number): void {
    this.#isKnown = true
    this.#inNext = seq
    this.#outNext = seq
    this.#acked = seq
    this.#held = NOTHING
    this.#shift = 0
    this.#edits = []
    this.#editedBytes = 0
    this.#charge(0)
  }

  /** `undefined`: it knows nothing yet. */
  get state(): StreamState | undefined {
    if (!this.#isKnown) return undefined
    return {
      inNext: this.#inNext,
      outNext: this.#outNext,
      acked: this.#acked,
      shift: this.#shift,
      held: toText(this.#held),
      edits: this.#edits.map((edit) => ({ ...edit, bytes: toText(edit.bytes) })),
    }
  }

  /** Goes on where another process stopped. */
  resume({ inNext, outNext, acked, shift, held, edits }: StreamState): void {
    this.#isKnown = true
    this.#inNext = inNext
    this.#outNext = outNext
    this.#acked = acked
    this.#shift = shift
    this.#held = toBytes(held)
    this.#edits = edits.map((edit) => ({ ...edit, bytes: toBytes(edit.bytes) }))
    this.#editedBytes = this.#edits.reduce((sum, { bytes }) => sum + bytes.length, 0)
    this.#charge(this.#held.length + this.#editedBytes)
  }

  /** Gives back what it has taken of the budget: nothing of it will be used any more. */
  release(): void {
    this.#charge(0)
  }

  #charge(bytes: number): void {
    this.#budget.usedBytes += bytes - this.#chargedBytes
    this.#chargedBytes = bytes
  }

  /** Number of the first byte that waits; `#inNext` when none does. */
  get #heldStart(): number {
    return advance(this.#inNext, -this.#held.length)
  }

  /** Sender's number → receiver's. Inside an edited stretch: its beginning. */
  toOut(seq: number): number {
    if (!this.#isKnown) return seq
    const heldStart = this.#heldStart
    if (distance(seq, heldStart) > 0)
      return distance(seq, this.#inNext) > 0 ? advance(this.#outNext, distance(seq, heldStart)) : this.#outNext
    for (let index = this.#edits.length - 1; index >= 0; index--) {
      const edit = this.#edits[index] as Edit
      if (distance(seq, edit.inEnd) >= 0) return advance(edit.outEnd, distance(seq, edit.inEnd))
      if (distance(seq, edit.inStart) >= 0) return edit.outStart
    }
    return advance(seq, this.#shift)
  }

  /** Receiver's number → sender's: what an acknowledgement means. Inside an edited stretch: its beginning. */
  toIn(seq: number): number {
    if (!this.#isKnown) return seq
    const beyond = distance(seq, this.#outNext)
    if (beyond >= 0) return advance(this.#inNext, beyond)
    for (let index = this.#edits.length - 1; index >= 0; index--) {
      const edit = this.#edits[index] as Edit
      if (distance(seq, edit.outEnd) >= 0) return advance(edit.inEnd, distance(seq, edit.outEnd))
      if (distance(seq, edit.outStart) >= 0) return edit.inStart
    }
    return advance(seq, -this.#shift)
  }

  /** The same for the left edge of a SACK block: an edited stretch of which a part is missing is missing whole. */
  leftEdgeToIn(seq: number): number {
    const edit = this.#edits.find(({ outStart, outEnd }) => distance(seq, outStart) > 0 && distance(seq, outEnd) < 0)
    return edit === undefined ? this.toIn(seq) : edit.inEnd
  }

  /** The receiver has everything before `seq` (its number). Returns what that means to the sender. */
  acknowledge(seq: number): number {
    const meaning = this.toIn(seq)
    // More than ever was here: packets went another way. Go on behind them.
    if (!this.#isKnown) return meaning
    if (distance(seq, this.#outNext) > 0) this.#skipTo(seq)
    this.#acked = latest(seq, this.#acked)
    const kept = this.#edits.findIndex(({ outEnd }) => distance(outEnd, this.#acked) > 0)
    const done = this.#edits.splice(0, kept < 0 ? this.#edits.length : kept)
    for (const { inEnd, outEnd, bytes } of done) {
      this.#shift = distance(outEnd, inEnd)
      this.#editedBytes -= bytes.length
    }
    this.#charge(this.#held.length + this.#editedBytes)
    return meaning
  }

  #skipTo(outSeq: number): void {
    const shift = distance(this.#outNext, this.#heldStart)
    this.#held = NOTHING
    this.#inNext = advance(outSeq, -shift)
    this.#outNext = outSeq
  }

  /** The receiver has all that was ever sent to it, so it will not acknowledge what is held or was taken out. */
  get isDrained(): boolean {
    return distance(this.#acked, this.#outNext) >= 0
  }

  /** Nothing will be edited any more, and nothing waits. */
  get isIdle(): boolean {
    return this.#editor.isIdle && this.#held.length === 0
  }

  /** Sender's number behind everything that was seen. */
  get seen(): number {
    return this.#inNext
  }

  /**
   * Takes a segment's payload that begins at `seq` and fills `outSeq`, `out` and `isUnchanged`. `isLast`: nothing follows
   * it (FIN), so nothing is held.
   */
  accept(seq: number, payload: Uint8Array, isLast: boolean): Acceptance {
    if (!this.#isKnown) this.start(seq)
    const ahead = distance(seq, this.#inNext)
    if (ahead > 0) return 'gap'
    const oldBytes = Math.min(payload.length, -ahead)
    const isFull = this.#edits.length >= MAX_EDITS || this.#editedBytes > MAX_EDITED_BYTES || this.#budget.isSpent
    // What is retransmitted must go on, or nothing would ever be acknowledged.
    if (isFull && oldBytes < payload.length)
      return oldBytes === 0 ? 'full' : this.accept(seq, payload.subarray(0, oldBytes), false)
    const parts: Uint8Array[] = []
    this.isUnchanged = true
    this.outSeq = this.toOut(seq)
    if (oldBytes > 0) this.#again(seq, payload.subarray(0, oldBytes), parts)
    if (parts.length === 0 && oldBytes < payload.length) this.outSeq = this.#outNext
    if (oldBytes < payload.length || (isLast && this.#held.length > 0))
      this.#takeNew(payload.subarray(oldBytes), isLast, parts)
    this.out = joinBytes(parts)
    this.#charge(this.#held.length + this.#editedBytes)
    return 'accepted'
  }

  /** A retransmission of `payload` at `seq`: edited stretches go out whole, held bytes stay held. */
  #again(seq: number, payload: Uint8Array, parts: Uint8Array[]): void {
    const end = advance(seq, payload.length)
    const rawEnd = distance(end, this.#heldStart) > 0 ? this.#heldStart : end
    let at = seq
    for (const edit of this.#edits) {
      if (distance(edit.inEnd, at) <= 0) continue
      if (distance(edit.inStart, end) >= 0) break
      if (distance(edit.inStart, at) > 0) parts.push(payload.subarray(distance(at, seq), distance(edit.inStart, seq)))
      parts.push(edit.bytes)
      this.isUnchanged = false
      at = edit.inEnd
    }
    if (distance(rawEnd, at) > 0) parts.push(payload.subarray(distance(at, seq), distance(rawEnd, seq)))
    if (rawEnd !== end) this.isUnchanged = false
  }

  #takeNew(fresh: Uint8Array, isLast: boolean, parts: Uint8Array[]): void {
    // Bytes up to here may have been acknowledged already: nobody will send them again.
    let ours = this.#held.length
    let rest = ours === 0 ? fresh : joinBytes([this.#held, fresh])
    this.#inNext = advance(this.#inNext, fresh.length)
    while (rest.length > 0) {
      let cut = this.#editor.cut(rest)
      if (cut === undefined && (isLast || rest.length > MAX_HELD_BYTES)) cut = { take: rest.length, put: undefined }
      if (cut === undefined) break
      this.#put(rest.subarray(0, cut.take), cut.put, advance(this.#inNext, -rest.length), ours > 0, parts)
      ours = Math.max(0, ours - cut.take)
      rest = rest.subarray(cut.take)
    }
    if (rest.length > 0 || ours > 0) this.isUnchanged = false
    this.#held = rest.length === 0 ? NOTHING : rest.slice()
  }

  #put(taken: Uint8Array, put: Uint8Array | undefined, inStart: number, isOurs: boolean, parts: Uint8Array[]): void {
    const bytes = put ?? taken
    const outStart = this.#outNext
    this.#outNext = advance(outStart, bytes.length)
    parts.push(bytes)
    if (put === undefined && !isOurs) return
    this.isUnchanged = false
    const kept = bytes.slice()
    this.#edits.push({ inStart, inEnd: advance(inStart, taken.length), outStart, outEnd: this.#outNext, bytes: kept })
    this.#editedBytes += kept.length
  }
}
