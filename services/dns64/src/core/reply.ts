import { EDE } from './answer.ts'
import type { AnswerView } from './answer-view.ts'
import type { Query } from './query.ts'
import {
  EDNS_UDP_SIZE,
  FLAG,
  HEADER,
  MAX_MESSAGE,
  OPT,
  OPT_FLAG_DO_U16,
  putU16,
  putU32,
  RCODE,
  TYPE,
  u16,
  u32,
} from './wire.ts'

/** RFC 8767 §4: the TTL of a record whose time is over: "30 seconds". Only stale answers have such records. */
const STALE_TTL_S = 30

/** How the reply travels. */
export type Transport = 'udp' | 'tcp'

/** Octets of an Extended DNS Error option without text: code, length, INFO-CODE (RFC 8914 §2). */
const EDE_OPTION = { CODE: 15, LEN: 6, DATA_LEN: 2 } as const

/** The flags of a query that its reply repeats (RFC 1035 §4.1.1, RFC 4035 §3.2.2 for CD). */
const ECHOED = FLAG.OPCODE | FLAG.RD | FLAG.CD

/** The most octets a reply may have: what the client takes, and never more than 1232 over UDP (RFC 6891 §6.2.5). */
export const replyLimit = (q: Query, transport: Transport): number =>
  transport === 'tcp' ? MAX_MESSAGE : Math.min(q.udpSize, EDNS_UDP_SIZE)

const optLength = (q: Query, extendedError: number | undefined): number => {
  if (!q.edns) return 0
  return OPT.LEN + (extendedError === undefined ? 0 : EDE_OPTION.LEN)
}

/** Appends an OPT record (RFC 6891 §6.1.2) when the query had one; returns the new length. */
const putOpt = (out: Uint8Array, o: number, q: Query, rcode: number, extendedError: number | undefined): number => {
  if (!q.edns) return o
  const length = optLength(q, extendedError)
  for (let i = o; i < o + length; i++) out[i] = 0
  putU16(out, o + OPT.TYPE, TYPE.OPT)
  putU16(out, o + OPT.UDP_SIZE, EDNS_UDP_SIZE)
  out[o + OPT.EXTENDED_RCODE] = rcode >>> 4
  // RFC 3225 §3: "The DO bit of the query MUST be copied in the response."
  putU16(out, o + OPT.FLAGS, q.dnssecOk ? OPT_FLAG_DO_U16 : 0)
  if (extendedError !== undefined) {
    putU16(out, o + OPT.RDLENGTH, EDE_OPTION.LEN)
    putU16(out, o + OPT.LEN, EDE_OPTION.CODE)
    putU16(out, o + OPT.LEN + 2, EDE_OPTION.DATA_LEN)
    putU16(out, o + OPT.LEN + 4, extendedError)
  }
  putU16(out, HEADER.ARCOUNT, u16(out, HEADER.ARCOUNT) + 1)
  return o + length
}

/** An RCODE above 15 cannot be said without EDNS. */
const headerRcode = (rcode: number, edns: boolean): number =>
  rcode > FLAG.RCODE && !edns ? RCODE.SERVFAIL : rcode & FLAG.RCODE

const TRUNCATED = -1

/** How much of an answer fits: the end of what is sent, or TRUNCATED: then it is the question only, and TC is due. */
const fit = (answer: AnswerView, q: Query, limit: number): number => {
  const room = limit - optLength(q, answer.extendedError)
  if (answer.length <= room) return answer.length
  // RFC 2181 §9: TC only when something required does not fit. The additional section never is; the authority section
  // is required for a denial and for a DNSSEC proof.
  if (answer.authorityEnd <= room) return answer.authorityEnd
  const hasAnswer = answer.answerEnd > answer.questionEnd
  if (hasAnswer && !q.dnssecOk && answer.rcode === RCODE.NOERROR && answer.answerEnd <= room) return answer.answerEnd
  return TRUNCATED
}

/** Octets that are copied one by one: for fewer than these a call costs more. */
const FEW = 256

/**
 * Writes the reply to `q` into `out` (at least MAX_MESSAGE octets): id, flags and the question's letters from the query,
 * TTLs counted down by `ageS`, OPT as asked. Sections that do not fit are left out whole, with TC when they matter.
 * Returns the length. The only work per record is its TTL.
 */
export const writeReply = (
  out: Uint8Array,
  answer: AnswerView,
  ageS: number,
  q: Query,
  transport: Transport,
): number => {
  const fitting = fit(answer, q, replyLimit(q, transport))
  const truncated = fitting === TRUNCATED
  const end = truncated ? answer.questionEnd : fitting
  const { bytes, at } = answer
  // Counts and all behind the question; the question with the client's own letters: some check them (0x20).
  for (let i = HEADER.QDCOUNT; i < HEADER.LEN; i++) out[i] = bytes[at + i] ?? 0
  for (let i = HEADER.LEN; i < answer.questionEnd; i++) out[i] = q.bytes[i] ?? 0
  if (end - answer.questionEnd < FEW) for (let i = answer.questionEnd; i < end; i++) out[i] = bytes[at + i] ?? 0
  else out.set(bytes.subarray(at + answer.questionEnd, at + end), answer.questionEnd)
  putU16(out, HEADER.ID, q.id)
  // RFC 6840 §5.8: AD only to those who ask for it, with DO or AD.
  const authentic = answer.authentic && (q.dnssecOk || (q.flags & FLAG.AD) !== 0)
  const flags =
    FLAG.QR |
    FLAG.RA |
    (q.flags & ECHOED) |
    (truncated ? FLAG.TC : 0) |
    (authentic ? FLAG.AD : 0) |
    headerRcode(answer.rcode, q.edns)
  putU16(out, HEADER.FLAGS, flags)
  if (end <= answer.authorityEnd) putU16(out, HEADER.ARCOUNT, 0)
  if (end <= answer.answerEnd) putU16(out, HEADER.NSCOUNT, 0)
  if (end <= answer.questionEnd) putU16(out, HEADER.ANCOUNT, 0)
  if (ageS > 0) {
    for (let i = 0; i < answer.ttlCount; i++) {
      const ttlAt = answer.ttlAt[i] ?? 0
      if (ttlAt >= end) break
      const leftS = u32(out, ttlAt) - ageS
      putU32(out, ttlAt, leftS > 0 ? leftS : STALE_TTL_S)
    }
  }
  return putOpt(out, end, q, answer.rcode, answer.extendedError)
}

/** What an error reply says. */
export type ErrorReply = { readonly rcode: number; readonly extendedError?: number }

/** REFUSED to a stranger. */
export const REFUSED_STRANGER: ErrorReply = { rcode: RCODE.REFUSED, extendedError: EDE.PROHIBITED }

/**
 * Writes a reply without records into `out`: the question repeated as far as it was understood, OPT when the query had
 * one (RFC 6891 §7: a FORMERR for a message without understood OPT has none). Returns the length.
 */
export const writeError = (out: Uint8Array, q: Query, error: ErrorReply): number => {
  const end = q.questionEnd
  for (let i = 0; i < end; i++) out[i] = q.bytes[i] ?? 0
  const flags = FLAG.QR | FLAG.RA | (q.flags & ECHOED) | headerRcode(error.rcode, q.edns)
  putU16(out, HEADER.FLAGS, flags)
  putU16(out, HEADER.QDCOUNT, end > HEADER.LEN ? 1 : 0)
  putU16(out, HEADER.ANCOUNT, 0)
  putU16(out, HEADER.NSCOUNT, 0)
  putU16(out, HEADER.ARCOUNT, 0)
  return putOpt(out, end, q, error.rcode, error.extendedError)
}

/** Writes an empty reply with TC into `out`: nothing is said, and asking over TCP is invited. Returns the length. */
export const writeTruncated = (out: Uint8Array, q: Query): number => {
  const length = writeError(out, q, { rcode: RCODE.NOERROR })
  putU16(out, HEADER.FLAGS, u16(out, HEADER.FLAGS) | FLAG.TC)
  return length
}
