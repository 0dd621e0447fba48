import { type Chain, followChain } from './chain.ts'
import { type Message, readMessage, soaTtlS } from './message.ts'
import type { NameKey } from './name.ts'
import { type RecordRef, Section } from './record.ts'
import { FLAG, HEADER, pooledCopy, putU16, putU32, RCODE, TYPE, u16 } from './wire.ts'
import { writeMessage } from './writer.ts'

/** Where an answer comes from; `EXPLAIN_ORIGIN` says it to an operator. */
export const Origin = {
  UPSTREAM: 'upstream',
  SYNTHESISED: 'synthesised',
  EXCLUDED_PARTLY: 'excluded-partly',
  NO_A: 'no-a',
  REVERSE: 'reverse',
  LOCAL: 'local',
  DENIED: 'denied',
  FAILED: 'failed',
} as const
export type Origin = (typeof Origin)[keyof typeof Origin]

/** What each origin means. */
export const EXPLAIN_ORIGIN: Record<Origin, string> = {
  upstream: 'the upstream name server said so',
  synthesised: 'made from the A records, because there is no usable AAAA record (RFC 6147 §5.1)',
  'excluded-partly': 'the AAAA records of the upstream without those that dns64.exclude covers (RFC 6147 §5.1.4)',
  'no-a': 'no usable AAAA record, and this is what came for A (RFC 6147 §5.1.6)',
  reverse: 'an address inside pref64: a CNAME to the name of its IPv4 address (RFC 6147 §5.3.1)',
  denied: 'the name, or one above it, does not exist, as an answer to another question said (RFC 8020)',
  local: 'a name that this server answers by itself',
  failed: 'no upstream name server gave an answer',
}

/**
 * An answer ready to be sent to anyone who asks the same question: id 0, no OPT record, TTLs as when it was made.
 * Its bytes never change. AD, RD, CD, TC and the letters' case of the question are set for each reply (reply.ts).
 */
export interface Answer {
  readonly bytes: Uint8Array
  /** Offsets of the TTL fields. */
  readonly ttlAt: readonly number[]
  readonly questionEnd: number
  readonly answerEnd: number
  readonly authorityEnd: number
  /** Up to 12 bits (RFC 6891 §6.1.3). */
  readonly rcode: number
  /** True when an upstream that we trust to validate set AD, and we changed nothing. */
  readonly authentic: boolean
  /** How long it may be reused; 0 = not at all. */
  readonly ttlS: number
  readonly origin: Origin
  /** INFO-CODE of RFC 8914, undefined = none. */
  readonly extendedError: number | undefined
  /** Who gave what it is, or is made of; undefined = nobody, it is ours. */
  readonly upstream: string | undefined
}

/** RFC 2181 §8 lets a resolver shorten: a day for data, three hours for denials (RFC 2308 §5). */
const MAX_TTL_S = 86_400
const MAX_NEGATIVE_TTL_S = 10_800
/** RFC 9520 §3.2: failures are remembered at least 1 s, so that a broken name does not multiply queries. */
export const FAILURE_TTL_S = 1

/** RFC 8914 §4: the codes in use here. */
export const EDE = {
  STALE_ANSWER: 3,
  PROHIBITED: 18,
  STALE_NXDOMAIN: 19,
  NOT_SUPPORTED: 21,
  NO_REACHABLE_AUTHORITY: 22,
} as const

/** True when the answer section holds what was asked for, at the end of its chain. */
const isPositive = (message: Message, chain: Chain): boolean =>
  message.rcode === RCODE.NOERROR && (chain.finals.length > 0 || message.qtype === TYPE.ANY)

/** How long a message may be reused, seconds (RFC 2308 §5, RFC 2181 §8). */
const reuseTtlS = (message: Message, chain: Chain): number => {
  if (message.rcode !== RCODE.NOERROR && message.rcode !== RCODE.NXDOMAIN) return FAILURE_TTL_S
  const least = message.records.reduce((ttlS, r) => Math.min(ttlS, r.ttlS), MAX_TTL_S)
  if (isPositive(message, chain)) return least
  const soa = message.records.find((r) => r.section === Section.AUTHORITY && r.type === TYPE.SOA)
  // RFC 2308 §5: "Negative responses without SOA records SHOULD NOT be cached".
  return soa === undefined ? 0 : Math.min(least, soaTtlS(message.bytes, soa), MAX_NEGATIVE_TTL_S)
}

/** What comes with the bytes of an answer. */
export interface AnswerFacts {
  readonly origin: Origin
  readonly authentic?: boolean
  readonly ttlS?: number
  readonly extendedError?: number
  readonly upstream?: string | undefined
}

/** Takes over bytes (not copied) that hold one question and no OPT record. Throws DnsWireError for bad bytes. */
export const answerOfBytes = (bytes: Uint8Array, facts: AnswerFacts): Answer => {
  const message = readMessage(bytes)
  return taken(bytes, message, followChain(message, message.qtype), facts)
}

/** `bytes` as an answer: octets as in `message`, which was read from them or from what they are a copy of, and no OPT record. */
const taken = (bytes: Uint8Array, message: Message, chain: Chain, facts: AnswerFacts): Answer => {
  const negative = !isPositive(message, chain)
  // A plain array: as a typed one it took three times the memory, and there is one for every kept answer.
  const ttlAt: number[] = []
  let answerEnd = message.questionEnd
  let authorityEnd = answerEnd
  for (const record of message.records) {
    ttlAt.push(record.ttlAt)
    if (record.section === Section.ANSWER) answerEnd = record.endAt
    if (record.section !== Section.ADDITIONAL) authorityEnd = record.endAt
    // RFC 2308 §5: the SOA of a denial travels on with the time that the denial may be kept.
    const isDenialSoa = negative && record.section === Section.AUTHORITY && record.type === TYPE.SOA
    putU32(bytes, record.ttlAt, Math.min(isDenialSoa ? soaTtlS(bytes, record) : record.ttlS, MAX_TTL_S))
  }
  putU16(bytes, HEADER.ID, 0)
  putU16(bytes, HEADER.FLAGS, FLAG.QR | FLAG.RA | (message.rcode & FLAG.RCODE))
  return {
    bytes,
    ttlAt,
    questionEnd: message.questionEnd,
    answerEnd,
    authorityEnd,
    rcode: message.rcode,
    authentic: facts.authentic ?? false,
    ttlS: facts.ttlS ?? reuseTtlS(message, chain),
    origin: facts.origin,
    extendedError: facts.extendedError,
    upstream: facts.upstream,
  }
}

/** Records of the answer section that nobody asked for: not on the way from the question to its answer. */
const strayRecords = (message: Message, chain: Chain): ReadonlySet<RecordRef> => {
  const { links, finals, signatures } = chain
  const answers = message.records.filter((r) => r.section === Section.ANSWER)
  // No record is in two of the lists.
  const isWhole = answers.length === links.length + finals.length + signatures.length
  if (isWhole || message.qtype === TYPE.ANY) return NONE
  const wanted = new Set([...links, ...finals, ...signatures])
  return new Set(answers.filter((r) => !wanted.has(r)))
}
const NONE: ReadonlySet<RecordRef> = new Set()

/**
 * An upstream's answer as it came, without its OPT record (RFC 6891 §6.1.1: hop by hop), AA and AD. The bytes are copied
 * as a whole; only when records have to go in the middle (a stray one, or OPT not last) they are written anew.
 */
export const answerOfMessage = (message: Message, facts: AnswerFacts): Answer => {
  const { opt, records } = message
  const chain = followChain(message, message.qtype)
  const stray = strayRecords(message, chain)
  const lastRecordEnd = records.at(-1)?.endAt ?? message.questionEnd
  const optIsLast = opt === undefined || opt.nameAt >= lastRecordEnd
  if (stray.size > 0 || !optIsLast) return rewritten(message, facts, (r) => !stray.has(r))
  const bytes = pooledCopy(message.bytes.subarray(0, opt?.nameAt ?? message.end))
  if (opt !== undefined) putU16(bytes, HEADER.ARCOUNT, u16(bytes, HEADER.ARCOUNT) - 1)
  return taken(bytes, message, chain, facts)
}

/** The message written anew with those records that `keep` wants. */
export const rewritten = (message: Message, facts: AnswerFacts, keep: (record: RecordRef) => boolean): Answer => {
  const question = { nameKey: message.qnameKey, type: message.qtype, class: message.qclass }
  const bytes = writeMessage(question, message.rcode, (writer) => {
    for (const record of message.records) if (keep(record)) writer.copy(message, record)
  })
  return { ...answerOfBytes(bytes, facts), rcode: message.rcode }
}

/** An answer without records, like SERVFAIL of our own. */
export const bareAnswer = (
  question: { readonly nameKey: NameKey; readonly type: number; readonly class: number },
  rcode: number,
  facts: AnswerFacts & { readonly ttlS: number },
): Answer =>
  answerOfBytes(
    writeMessage(question, rcode, () => {}),
    facts,
  )

/** Neither data nor a denial. */
export const isFailure = (answer: Answer): boolean => answer.rcode !== RCODE.NOERROR && answer.rcode !== RCODE.NXDOMAIN
