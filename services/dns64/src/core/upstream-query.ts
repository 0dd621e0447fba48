import { lowerOctet } from './name.ts'
import { ALL_RULES } from './policy.ts'
import { makeQuestion, type Question } from './question.ts'
import {
  CLASS,
  EDNS_UDP_SIZE,
  FLAG,
  HEADER,
  OPCODE_SHIFT,
  OPT,
  OPT_FLAG_DO_U16,
  putU16,
  RCODE,
  TYPE,
  u16,
} from './wire.ts'

/** How a query is sent. */
export interface QueryForm {
  readonly id: number
  /** With an OPT record; not to an upstream that is known not to understand it (RFC 6891 §7). */
  readonly edns: boolean
  /** Letters of the name in upper case, a bit each from the lowest on, again from there after 32; 0 = none. */
  readonly caseBits: number
  /** Filled up to a multiple of 128 octets, so that its length tells nothing (RFC 7830, RFC 8467 §4.1). */
  readonly padded: boolean
}

const PADDING = { CODE: 12, HEAD: 4, BLOCK: 128 } as const

/**
 * The query for an upstream: RD, CD as asked, AD to learn whether it validated (RFC 6840 §5.7), and OPT with 1232 octets
 * and DO as asked.
 */
export const encodeUpstreamQuery = (question: Question, { id, edns, caseBits, padded }: QueryForm): Uint8Array => {
  const { nameKey } = question
  const questionEnd = HEADER.LEN + nameKey.length + 4
  const bare = questionEnd + (edns ? OPT.LEN : 0)
  const isPadded = edns && padded
  const length = isPadded ? Math.ceil((bare + PADDING.HEAD) / PADDING.BLOCK) * PADDING.BLOCK : bare
  const bytes = new Uint8Array(length)
  putU16(bytes, HEADER.ID, id)
  putU16(bytes, HEADER.FLAGS, FLAG.RD | FLAG.AD | (question.checkingDisabled ? FLAG.CD : 0))
  putU16(bytes, HEADER.QDCOUNT, 1)
  for (let i = 0; i < nameKey.length; i++) {
    const octet = nameKey.charCodeAt(i)
    const isLetter = octet >= 0x61 && octet <= 0x7a
    bytes[HEADER.LEN + i] = isLetter && ((caseBits >>> (i & 31)) & 1) === 1 ? octet - 0x20 : octet
  }
  putU16(bytes, questionEnd - 4, question.type)
  putU16(bytes, questionEnd - 2, question.class)
  if (edns) {
    putU16(bytes, HEADER.ARCOUNT, 1)
    putU16(bytes, questionEnd + OPT.TYPE, TYPE.OPT)
    putU16(bytes, questionEnd + OPT.UDP_SIZE, EDNS_UDP_SIZE)
    if (question.dnssecOk) putU16(bytes, questionEnd + OPT.FLAGS, OPT_FLAG_DO_U16)
  }
  if (isPadded) {
    putU16(bytes, questionEnd + OPT.RDLENGTH, length - bare)
    putU16(bytes, bare, PADDING.CODE)
    putU16(bytes, bare + 2, length - bare - PADDING.HEAD)
  }
  return bytes
}

/** RFC 6891 §7: what a server without EDNS may say, sometimes with nothing but its header. */
const isBareRefusal = (flags: number): boolean => {
  const rcode = flags & FLAG.RCODE
  return rcode === RCODE.FORMERR || rcode === RCODE.NOTIMP
}

/** How a packet fits a query. */
export const Fit = {
  /** forged, late or garbage */
  NO: 0,
  /** the response, letter by letter */
  YES: 1,
  /** the response but for upper and lower case: of a server that does not keep them, or of a forger who guessed the rest */
  OTHER_CASE: 2,
} as const
export type Fit = (typeof Fit)[keyof typeof Fit]

/**
 * Whether a packet can be the response to `query` (RFC 5452 §9.1): id, QR, opcode and question agree; the socket has
 * made sure of addresses and ports. What does not fit is not looked at.
 */
export const fitOf = (query: Uint8Array, response: Uint8Array): Fit => {
  if (response.length < HEADER.LEN || u16(response, HEADER.ID) !== u16(query, HEADER.ID)) return Fit.NO
  const flags = u16(response, HEADER.FLAGS)
  if ((flags & FLAG.QR) === 0 || (flags & FLAG.OPCODE) >>> OPCODE_SHIFT !== 0) return Fit.NO
  const questions = u16(response, HEADER.QDCOUNT)
  if (questions === 0) return isBareRefusal(flags) ? Fit.YES : Fit.NO
  if (questions !== 1) return Fit.NO
  let at: number = HEADER.LEN
  // The query holds its name without pointers, and so must the response: the first name has nothing to point to.
  while ((query[at] ?? 0) !== 0) at += (query[at] ?? 0) + 1
  const questionEnd = at + 5
  if (response.length < questionEnd) return Fit.NO
  let isSameCase = true
  for (let i = HEADER.LEN; i < questionEnd - 4; i++) {
    if (response[i] === query[i]) continue
    if (lowerOctet(response[i] ?? 0) !== lowerOctet(query[i] ?? 0)) return Fit.NO
    isSameCase = false
  }
  for (let i = questionEnd - 4; i < questionEnd; i++) if (response[i] !== query[i]) return Fit.NO
  return isSameCase ? Fit.YES : Fit.OTHER_CASE
}

/** True for the response to `query`, whatever its letters' case: on paths where nobody can forge. */
export const isResponseTo = (query: Uint8Array, response: Uint8Array): boolean => fitOf(query, response) !== Fit.NO

/** Puts the question's letters in lower case, in place: what 0x20 was for is over. */
export const lowerQuestion = (response: Uint8Array): void => {
  for (let at: number = HEADER.LEN; at < response.length && (response[at] ?? 0) !== 0; ) {
    const end = Math.min(at + 1 + (response[at] ?? 0), response.length)
    for (let i = at + 1; i < end; i++) response[i] = lowerOctet(response[i] ?? 0)
    at = end
  }
}

/** The question that finds out whether an upstream answers: the root's name servers are in every resolver's cache. */
export const PROBE_QUESTION: Question = makeQuestion('\0', TYPE.NS, CLASS.IN, {
  dnssecOk: false,
  checkingDisabled: false,
  view: ALL_RULES,
})
