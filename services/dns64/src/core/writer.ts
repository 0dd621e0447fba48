import type { Message } from './message.ts'
import { keyOfName, nameOfKey, type NameKey, readName, skipName } from './name.ts'
import { rdataNames } from './rdata.ts'
import { type RecordRef, Section } from './record.ts'
import { DnsWireError, FLAG, HEADER, MAX_MESSAGE, pooledCopy, putU16, putU32, RECORD } from './wire.ts'

/** RFC 1035 §4.1.4: a pointer has 14 bits. */
const POINTER_LIMIT = 0x4000

const COUNT_AT = [HEADER.ANCOUNT, HEADER.NSCOUNT, HEADER.ARCOUNT] as const

/**
 * Writes one message after the other into one buffer: question, then records section by section, names compressed.
 * Everything throws DnsWireError `too-long` when 65535 octets do not suffice.
 */
export class MessageWriter {
  readonly #buffer = new Uint8Array(MAX_MESSAGE)
  readonly #names = new Map<NameKey, number>()
  readonly #counts: [number, number, number] = [0, 0, 0]
  #at: number = HEADER.LEN

  /** Starts a response (id 0) with its question. */
  begin(qname: Uint8Array, type: number, klass: number): void {
    this.#buffer.fill(0, 0, HEADER.LEN)
    this.#names.clear()
    this.#counts.fill(0)
    this.#at = HEADER.LEN
    this.#name(qname, true)
    this.#room(4)
    putU16(this.#buffer, this.#at, type)
    putU16(this.#buffer, this.#at + 2, klass)
    this.#at += 4
  }

  /** A record with RDATA that holds no compressed name. Sections only in ascending order. */
  record(
    section: Section,
    owner: Uint8Array,
    type: number,
    klass: number,
    rest: { ttlS: number; rdata: Uint8Array },
  ): void {
    const rdlengthAt = this.#head(section, owner, type, klass, rest.ttlS)
    this.#bytes(rest.rdata)
    putU16(this.#buffer, rdlengthAt, this.#at - rdlengthAt - 2)
  }

  /** A record whose RDATA is one name, like CNAME and PTR. */
  nameRecord(
    section: Section,
    owner: Uint8Array,
    type: number,
    klass: number,
    rest: { ttlS: number; target: Uint8Array },
  ): void {
    const rdlengthAt = this.#head(section, owner, type, klass, rest.ttlS)
    this.#name(rest.target, true)
    putU16(this.#buffer, rdlengthAt, this.#at - rdlengthAt - 2)
  }

  /** A record of another message, its names expanded and compressed anew. `section` as there unless given. */
  copy(from: Message, record: RecordRef, section: Section = record.section): void {
    const owner = readName(from.bytes, record.nameAt, from.end)
    const rdlengthAt = this.#head(section, owner, record.type, record.class, record.ttlS)
    const layout = rdataNames(from.bytes, record)
    let at = record.rdataAt
    if (layout !== undefined) {
      this.#bytes(from.bytes.subarray(at, at + layout.before))
      at += layout.before
      for (let i = 0; i < layout.names; i++) {
        this.#name(readName(from.bytes, at, record.endAt), layout.compressible)
        at = skipName(from.bytes, at, record.endAt)
      }
    }
    this.#bytes(from.bytes.subarray(at, record.endAt))
    putU16(this.#buffer, rdlengthAt, this.#at - rdlengthAt - 2)
  }

  /** The finished message, a new array of its own. `rcode`: the four bits of the header. */
  finish(rcode: number): Uint8Array {
    putU16(this.#buffer, HEADER.FLAGS, FLAG.QR | FLAG.RA | (rcode & FLAG.RCODE))
    putU16(this.#buffer, HEADER.QDCOUNT, 1)
    for (const section of [Section.ANSWER, Section.AUTHORITY, Section.ADDITIONAL])
      putU16(this.#buffer, COUNT_AT[section], this.#counts[section])
    return pooledCopy(this.#buffer.subarray(0, this.#at))
  }

  /** Owner and fixed part; returns where RDLENGTH has to be written. */
  #head(section: Section, owner: Uint8Array, type: number, klass: number, ttlS: number): number {
    this.#name(owner, true)
    this.#room(RECORD.LEN)
    putU16(this.#buffer, this.#at + RECORD.TYPE, type)
    putU16(this.#buffer, this.#at + RECORD.CLASS, klass)
    putU32(this.#buffer, this.#at + RECORD.TTL, ttlS)
    const rdlengthAt = this.#at + RECORD.RDLENGTH
    this.#at += RECORD.LEN
    this.#counts[section]++
    return rdlengthAt
  }

  #room(octets: number): void {
    if (this.#at + octets > MAX_MESSAGE)
      throw new DnsWireError('too-long', this.#at, 'the message exceeds 65535 octets')
  }

  #bytes(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#buffer.set(bytes, this.#at)
    this.#at += bytes.length
  }

  /** An expanded name; a known suffix becomes a pointer when `compress`. Every suffix written in full is remembered. */
  #name(name: Uint8Array, compress: boolean): void {
    const key = keyOfName(name)
    this.#room(name.length)
    const buffer = this.#buffer
    let o = 0
    while (o < name.length - 1) {
      const suffix = o === 0 ? key : key.slice(o)
      const known = this.#names.get(suffix)
      if (known !== undefined && compress) {
        putU16(buffer, this.#at, 0xc000 | known)
        this.#at += 2
        return
      }
      if (known === undefined && this.#at < POINTER_LIMIT) this.#names.set(suffix, this.#at)
      const labelEnd = o + 1 + (name[o] ?? 0)
      // Labels are short: a loop is faster than a view and a copy.
      for (; o < labelEnd; o++) buffer[this.#at++] = name[o] ?? 0
    }
    buffer[this.#at++] = 0
  }
}

const shared = new MessageWriter()

/** Builds one response with the shared writer (synchronous, so one at a time); returns its bytes. */
export const writeMessage = (
  question: { readonly nameKey: NameKey; readonly type: number; readonly class: number },
  rcode: number,
  body: (writer: MessageWriter) => void,
): Uint8Array => {
  shared.begin(nameOfKey(question.nameKey), question.type, question.class)
  body(shared)
  return shared.finish(rcode)
}
