import type { Client } from './client.ts'
import { type KeyOctets, newKeyOctets, putWireKey, textOfOctets } from './key-octets.ts'
import { MAX_LABEL, MAX_NAME, skipName } from './name.ts'
import { ALL_RULES, type View } from './policy.ts'
import { dependsOnView, nameKeyOf, type Question } from './question.ts'
import {
  DnsWireError,
  FLAG,
  HEADER,
  OPCODE,
  OPCODE_SHIFT,
  OPT,
  OPT_FLAG_DO_U16,
  PLAIN_UDP_SIZE,
  RECORD,
  TYPE,
  u16,
} from './wire.ts'

/** What to do with a packet from a client. */
export const QueryVerdict = {
  /** a question to be answered; every field of the Query is valid */
  ASK: 0,
  /** shorter than a header: no answer is possible */
  DROP_SHORT: 1,
  /** a response: answering it could start a loop between two servers */
  DROP_RESPONSE: 2,
  /** FORMERR: not a message, or not exactly one question (RFC 9619) */
  MALFORMED: 3,
  /** NOTIMP: another opcode than QUERY (RFC 8906 §3.1.4) */
  OPCODE: 4,
  /** BADVERS: an EDNS version that we do not know (RFC 6891 §6.1.3) */
  EDNS_VERSION: 5,
} as const
export type QueryVerdict = (typeof QueryVerdict)[keyof typeof QueryVerdict]

/**
 * A parsed query, one reused record per listener loop.
 * `id`, `flags`: valid unless DROP_SHORT. `questionEnd`: valid always, HEADER.LEN when the question was not understood.
 * `edns…`: valid for ASK and EDNS_VERSION. The rest: valid for ASK only.
 */
export interface Query {
  /** The packet: its first `length` octets. */
  bytes: Uint8Array
  length: number
  id: number
  flags: number
  /** Offset behind the question. */
  questionEnd: number
  type: number
  class: number
  /** Reused, too: `questionOf` makes a question that lasts. */
  readonly key: KeyOctets
  edns: boolean
  ednsVersion: number
  /** The largest UDP answer the client takes, never below 512 (RFC 6891 §6.2.3). */
  udpSize: number
  dnssecOk: boolean
  checkingDisabled: boolean
  view: View
  /** Octets of options in its OPT record. */
  optionLen: number
}

/** An empty record for parseQuery to fill. */
export const newQuery = (): Query => ({
  bytes: new Uint8Array(),
  length: 0,
  id: 0,
  flags: 0,
  questionEnd: HEADER.LEN,
  type: 0,
  class: 0,
  key: newKeyOctets(),
  edns: false,
  ednsVersion: 0,
  udpSize: PLAIN_UDP_SIZE,
  dnssecOk: false,
  checkingDisabled: false,
  view: ALL_RULES,
  optionLen: 0,
})

/** The part of a query that answers are shared by. */
export const questionOf = (q: Query): Question => {
  const key = textOfOctets(q.key)
  return {
    key,
    nameKey: nameKeyOf(key),
    type: q.type,
    class: q.class,
    dnssecOk: q.dnssecOk,
    checkingDisabled: q.checkingDisabled,
    view: q.view,
  }
}

/** A query carries few records besides its question: OPT, TSIG, a SOA for IXFR. More is not worth the walk. */
const MAX_QUERY_RECORDS = 8
const MIN_RECORD = 1 + RECORD.LEN

/**
 * Octets of the name of a question at the start of a message, 0 when it is none. No pointer is possible: nothing stands
 * before it that one could lead to.
 */
const questionNameLen = (b: Uint8Array, end: number): number => {
  let at: number = HEADER.LEN
  while (at < end) {
    const octet = b[at] ?? 0
    if (octet === 0) return at + 1 - HEADER.LEN > MAX_NAME ? 0 : at + 1 - HEADER.LEN
    if (octet > MAX_LABEL) return 0
    at += octet + 1
  }
  return 0
}

/** Walks the records behind the question and takes in the OPT record. False: malformed. */
const readRecords = (b: Uint8Array, count: number, q: Query): boolean => {
  const end = q.length
  let at = q.questionEnd
  for (let i = 0; i < count; i++) {
    const fixedAt = skipName(b, at, end)
    if (fixedAt + RECORD.LEN > end) return false
    const endAt = fixedAt + RECORD.LEN + u16(b, fixedAt + RECORD.RDLENGTH)
    if (endAt > end) return false
    if (u16(b, fixedAt) === TYPE.OPT) {
      // RFC 6891 §6.1.1: "If a query message with more than one OPT RR is received, a FORMERR (RCODE=1) MUST be
      // returned"; §6.1.2: the owner MUST be 0 (root domain).
      if (q.edns || b[at] !== 0) return false
      q.edns = true
      q.udpSize = Math.max(PLAIN_UDP_SIZE, u16(b, at + OPT.UDP_SIZE))
      q.ednsVersion = b[at + OPT.VERSION] ?? 0
      q.dnssecOk = (u16(b, at + OPT.FLAGS) & OPT_FLAG_DO_U16) !== 0
      q.optionLen = u16(b, at + OPT.RDLENGTH)
    }
    at = endAt
  }
  return true
}

/** Reads what comes behind the header. False: malformed. Throws DnsWireError for a bad name. */
const readBody = (b: Uint8Array, q: Query, client: Views): boolean => {
  if (u16(b, HEADER.QDCOUNT) !== 1) return false
  const count = u16(b, HEADER.ANCOUNT) + u16(b, HEADER.NSCOUNT) + u16(b, HEADER.ARCOUNT)
  if (count > MAX_QUERY_RECORDS || HEADER.LEN + count * MIN_RECORD > q.length) return false
  const nameLen = questionNameLen(b, q.length)
  const nameEnd = HEADER.LEN + nameLen
  if (nameLen === 0 || nameEnd + 4 > q.length) return false
  q.questionEnd = nameEnd + 4
  q.type = u16(b, nameEnd)
  q.class = u16(b, nameEnd + 2)
  if (count > 0 && !readRecords(b, count, q)) return false
  if (dependsOnView(q.type, q.class)) q.view = (q.flags & FLAG.RD) === 0 ? client.viewPlain : client.viewRecursive
  putWireKey(q.key, b, HEADER.LEN, nameLen, q)
  return true
}

/** The prefixes of a client. */
export type Views = Pick<Client, 'viewRecursive' | 'viewPlain'>

/**
 * Parses a packet from a client, the first `length` octets of `bytes`, into `q`, which keeps `bytes` as its view. Never
 * throws; the work is bounded.
 */
export const parseQuery = (bytes: Uint8Array, length: number, q: Query, client: Views): QueryVerdict => {
  if (length < HEADER.LEN) return QueryVerdict.DROP_SHORT
  q.bytes = bytes
  q.length = length
  q.id = u16(bytes, HEADER.ID)
  q.flags = u16(bytes, HEADER.FLAGS)
  q.questionEnd = HEADER.LEN
  q.edns = false
  q.ednsVersion = 0
  q.udpSize = PLAIN_UDP_SIZE
  q.dnssecOk = false
  q.view = ALL_RULES
  q.optionLen = 0
  q.checkingDisabled = (q.flags & FLAG.CD) !== 0
  if ((q.flags & FLAG.QR) !== 0) return QueryVerdict.DROP_RESPONSE
  // RFC 8906 §3.1.4: the opcode decides before the form of the rest, which another opcode may define differently.
  if ((q.flags & FLAG.OPCODE) >>> OPCODE_SHIFT !== OPCODE.QUERY) return QueryVerdict.OPCODE
  try {
    if (!readBody(bytes, q, client)) return QueryVerdict.MALFORMED
  } catch (error) {
    if (error instanceof DnsWireError) return QueryVerdict.MALFORMED
    throw error
  }
  return q.ednsVersion === 0 ? QueryVerdict.ASK : QueryVerdict.EDNS_VERSION
}
