/**
 * One end of a TCP connection, as simple as can be: enough to see whether a stream arrives whole through something that
 * edits it. Times do not exist: `step` sends what may be sent, `timeout` sends the first unacknowledged bytes again.
 */
import { type Octets, u32 } from './packet-builder.ts'

export interface Segment {
  readonly seq: number
  readonly ack: number
  readonly flags: number
  readonly data: Octets
  readonly options: Octets
}

const FLAG = { FIN: 1, SYN: 2, PSH: 8, ACK: 16 } as const
const ahead = (a: number, b: number): number => (a - b) | 0
const plus = (a: number, count: number): number => (a + count) >>> 0

export class TcpEnd {
  readonly #isn: number
  readonly #nagle: boolean
  readonly #sent: number[] = []
  /** Writes of the application that were not sent yet. */
  readonly #writes: number[][] = []
  #una = 0
  #finSent = false
  #wantsFin = false
  #rcvIsn = 0
  #rcvNxt = -1
  readonly #later = new Map<number, number>()
  readonly received: number[] = []
  hasPeerFin = false
  /** What the other end said that it has, beyond what was ever sent: a fault of the middle. */
  acknowledgedTooMuch = false

  constructor(isn: number, nagle: boolean) {
    this.#isn = isn >>> 0
    this.#nagle = nagle
  }

  write(octets: Octets): void {
    if (octets.length > 0) this.#writes.push([...octets])
  }

  close(): void {
    this.#wantsFin = true
  }

  syn(): Segment {
    return { seq: this.#isn, ack: 0, flags: FLAG.SYN, data: [], options: [] }
  }

  /** Takes the other end's SYN; `answer` is what follows it. */
  open(segment: Segment): void {
    this.#rcvIsn = segment.seq
    this.#rcvNxt = plus(segment.seq, 1)
  }

  synAck(): Segment {
    return { seq: this.#isn, ack: this.#rcvNxt, flags: FLAG.SYN | FLAG.ACK, data: [], options: [] }
  }

  get #unacked(): number {
    return this.#sent.length + (this.#finSent ? 1 : 0) - this.#una
  }

  get isDone(): boolean {
    return this.#unacked === 0 && this.#writes.length === 0 && (!this.#wantsFin || this.#finSent)
  }

  ack(): Segment {
    return this.#make(this.#sent.length + (this.#finSent ? 1 : 0), [], FLAG.ACK)
  }

  #make(at: number, data: Octets, flags: number): Segment {
    return { seq: plus(this.#isn, 1 + at), ack: this.#rcvNxt, flags, data, options: this.#sack() }
  }

  /** One block, the first stretch behind the hole (RFC 2018). */
  #sack(): Octets {
    if (this.#later.size === 0) return []
    const first = [...this.#later.keys()].toSorted((a, b) => ahead(a, b))[0] ?? 0
    let end = first
    while (this.#later.has(end)) end = plus(end, 1)
    return [1, 1, 5, 10, ...u32(first), ...u32(end)]
  }

  /** Sends what may be sent: a write becomes a segment; with Nagle nothing small while something is on its way. */
  step(mss: number): Segment[] {
    const out: Segment[] = []
    while (this.#writes.length > 0 && !(this.#nagle && this.#unacked > 0)) {
      const data = (this.#nagle ? this.#writes.splice(0).flat() : (this.#writes.shift() ?? [])).slice()
      const now = data.splice(0, mss)
      if (data.length > 0) this.#writes.unshift(data)
      out.push(this.#make(this.#sent.length, now, FLAG.ACK | FLAG.PSH))
      this.#sent.push(...now)
    }
    if (this.#wantsFin && !this.#finSent && this.#writes.length === 0) {
      out.push(this.#make(this.#sent.length, [], FLAG.ACK | FLAG.FIN))
      this.#finSent = true
    }
    return out
  }

  /** Sends `length` of the unacknowledged bytes again, cut differently than before perhaps. */
  timeout(length: number): Segment[] {
    if (this.#unacked === 0) return []
    const data = this.#sent.slice(this.#una, this.#una + length)
    const isEnd = this.#finSent && this.#una + data.length === this.#sent.length
    return [this.#make(this.#una, data, FLAG.ACK | (isEnd ? FLAG.FIN : 0))]
  }

  /** Takes a segment; true when it has to be answered by an acknowledgement. */
  take({ seq, ack, flags, data }: Segment): boolean {
    if ((flags & FLAG.ACK) !== 0) {
      const acked = ahead(ack, plus(this.#isn, 1))
      const most = this.#sent.length + (this.#finSent ? 1 : 0)
      if (acked > most) this.acknowledgedTooMuch = true
      else if (acked > this.#una) this.#una = acked
    }
    for (const [index, octet] of data.entries()) {
      const at = plus(seq, index)
      if (ahead(at, this.#rcvNxt) >= 0) this.#later.set(at, octet)
    }
    for (;;) {
      const octet = this.#later.get(this.#rcvNxt)
      if (octet === undefined) break
      this.#later.delete(this.#rcvNxt)
      this.received.push(octet)
      this.#rcvNxt = plus(this.#rcvNxt, 1)
    }
    const isFin = (flags & FLAG.FIN) !== 0 && plus(seq, data.length) === this.#rcvNxt && !this.hasPeerFin
    if (isFin) {
      this.hasPeerFin = true
      this.#rcvNxt = plus(this.#rcvNxt, 1)
    }
    return data.length > 0 || (flags & FLAG.FIN) !== 0
  }

  /** Of the stream: bytes that are known to have arrived here, from the other end's first number. */
  get receivedUpTo(): number {
    return ahead(this.#rcvNxt, this.#rcvIsn) - 1
  }
}
