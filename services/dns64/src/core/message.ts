import { checkName, type NameKey, readNameKey } from './name.ts'
import { checkRdata } from './rdata.ts'
import { type RecordRef, Section } from './record.ts'
import { DnsWireError, FLAG, HEADER, OPT, RECORD, TYPE, u16, u32 } from './wire.ts'

/** A checked message: its bytes are not copied and must not change any more. */
export interface Message {
  readonly bytes: Uint8Array
  readonly id: number
  readonly flags: number
  /** With the upper bits of the OPT record (RFC 6891 §6.1.3). */
  readonly rcode: number
  readonly questions: number
  /** Of the first question; `''`, 0, 0 and HEADER.LEN without one. */
  readonly qnameKey: NameKey
  readonly qtype: number
  readonly qclass: number
  readonly questionEnd: number
  /** All records in the order of the message, the OPT record left out. */
  readonly records: readonly RecordRef[]
  readonly opt: RecordRef | undefined
  /** Offset behind the last record; octets behind it are ignored. */
  readonly end: number
}

/** The shortest question (root, type, class) and the shortest record (root and its fixed part). */
const MIN_QUESTION = 5
const MIN_RECORD = 1 + RECORD.LEN

/** RFC 2181 §8: a TTL with the topmost bit set counts as zero. */
const ttlOf = (raw: number): number => (raw >= 0x80000000 ? 0 : raw)

const readRecord = (b: Uint8Array, o: number, section: Section): RecordRef => {
  const fixedAt = checkName(b, o, b.length)
  if (fixedAt + RECORD.LEN > b.length) throw new DnsWireError('cut-short', fixedAt, 'a record is cut short')
  const rdataAt = fixedAt + RECORD.LEN
  const rdataLen = u16(b, fixedAt + RECORD.RDLENGTH)
  const record: RecordRef = {
    section,
    nameAt: o,
    type: u16(b, fixedAt + RECORD.TYPE),
    class: u16(b, fixedAt + RECORD.CLASS),
    ttlAt: fixedAt + RECORD.TTL,
    ttlS: ttlOf(u32(b, fixedAt + RECORD.TTL)),
    rdataAt,
    rdataLen,
    endAt: rdataAt + rdataLen,
  }
  if (record.endAt > b.length) throw new DnsWireError('cut-short', rdataAt, `RDATA of ${rdataLen} octets is cut short`)
  checkRdata(b, record)
  return record
}

/**
 * Walks a whole message and checks it: counts, every name with its compression pointers, every length, and the RDATA of
 * the types that hold names or addresses. The work is bounded by the message: at most one record per 11 octets, at most
 * 255 octets and as many jumps per name. Throws DnsWireError and nothing else.
 */
export const readMessage = (bytes: Uint8Array): Message => {
  if (bytes.length < HEADER.LEN) throw new DnsWireError('cut-short', 0, `a header has 12 octets, came ${bytes.length}`)
  const questions = u16(bytes, HEADER.QDCOUNT)
  let questionEnd: number = HEADER.LEN
  const [answers, authorities] = [u16(bytes, HEADER.ANCOUNT), u16(bytes, HEADER.NSCOUNT)]
  const count = answers + authorities + u16(bytes, HEADER.ARCOUNT)
  if (HEADER.LEN + questions * MIN_QUESTION + count * MIN_RECORD > bytes.length)
    throw new DnsWireError('count', HEADER.QDCOUNT, 'the counts promise more than came')

  let at: number = HEADER.LEN
  for (let i = 0; i < questions; i++) {
    at = checkName(bytes, at, bytes.length) + 4
    if (at > bytes.length) throw new DnsWireError('cut-short', at - 4, 'a question is cut short')
    if (i === 0) questionEnd = at
  }

  const records: RecordRef[] = []
  let opt: RecordRef | undefined
  for (let i = 0; i < count; i++) {
    const section = i < answers ? Section.ANSWER : i < answers + authorities ? Section.AUTHORITY : Section.ADDITIONAL
    const record = readRecord(bytes, at, section)
    at = record.endAt
    if (record.type !== TYPE.OPT) records.push(record)
    else if (opt === undefined && section === Section.ADDITIONAL && bytes[record.nameAt] === 0) opt = record
    // RFC 6891 §6.1.1: at most one, in the additional section, owned by the root.
    else throw new DnsWireError('rdata', record.nameAt, 'a second or misplaced OPT record')
  }
  const flags = u16(bytes, HEADER.FLAGS)
  const upperRcode = opt === undefined ? 0 : (bytes[opt.nameAt + OPT.EXTENDED_RCODE] ?? 0)
  return {
    bytes,
    id: u16(bytes, HEADER.ID),
    flags,
    rcode: (upperRcode << 4) | (flags & FLAG.RCODE),
    questions,
    qnameKey: questions === 0 ? '' : readNameKey(bytes, HEADER.LEN, bytes.length),
    qtype: questions === 0 ? 0 : u16(bytes, questionEnd - 4),
    qclass: questions === 0 ? 0 : u16(bytes, questionEnd - 2),
    questionEnd,
    records,
    opt,
    end: at,
  }
}

/** The owner of a record; the message was checked, so it does not throw. */
export const ownerKey = (message: Message, record: RecordRef): NameKey =>
  readNameKey(message.bytes, record.nameAt, message.end)

/** The name that fills the RDATA of a CNAME, DNAME, NS or PTR record. */
export const targetKey = (message: Message, record: RecordRef): NameKey =>
  readNameKey(message.bytes, record.rdataAt, message.end)

/** A read-only view of a record's RDATA. */
export const rdataOf = (message: Message, record: RecordRef): Uint8Array =>
  message.bytes.subarray(record.rdataAt, record.endAt)

/**
 * How long a negative answer may be kept, from the SOA record in its authority section: the smaller of the record's TTL
 * and its MINIMUM field (RFC 2308 §3 and §5). Undefined without a SOA record.
 */
export const negativeTtlS = (message: Message): number | undefined => {
  const soa = message.records.find((r) => r.section === Section.AUTHORITY && r.type === TYPE.SOA)
  return soa === undefined ? undefined : soaTtlS(message.bytes, soa)
}

/** The smaller of TTL and MINIMUM of a SOA record (RFC 2308 §5). */
export const soaTtlS = (bytes: Uint8Array, soa: RecordRef): number =>
  Math.min(soa.ttlS, ttlOf(u32(bytes, soa.endAt - 4)))
