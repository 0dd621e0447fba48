import { lowerOctet, nameOfKey } from './name.ts'
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

/**
 * The query for an upstream: RD, CD as asked, AD to learn whether it validated (RFC 6840 §5.7), and OPT with 1232 octets
 * and DO as asked, unless the upstream is known not to understand it (RFC 6891 §7).
 */
export const encodeUpstreamQuery = (question: Question, id: number, edns: boolean): Uint8Array => {
  const name = nameOfKey(question.nameKey)
  const questionEnd = HEADER.LEN + name.length + 4
  const bytes = new Uint8Array(questionEnd + (edns ? OPT.LEN : 0))
  putU16(bytes, HEADER.ID, id)
  putU16(bytes, HEADER.FLAGS, FLAG.RD | FLAG.AD | (question.checkingDisabled ? FLAG.CD : 0))
  putU16(bytes, HEADER.QDCOUNT, 1)
  bytes.set(name, HEADER.LEN)
  putU16(bytes, questionEnd - 4, question.type)
  putU16(bytes, questionEnd - 2, question.class)
  if (edns) {
    putU16(bytes, HEADER.ARCOUNT, 1)
    putU16(bytes, questionEnd + OPT.TYPE, TYPE.OPT)
    putU16(bytes, questionEnd + OPT.UDP_SIZE, EDNS_UDP_SIZE)
    if (question.dnssecOk) putU16(bytes, questionEnd + OPT.FLAGS, OPT_FLAG_DO_U16)
  }
  return bytes
}

/** RFC 6891 §7: what a server without EDNS may say, sometimes with nothing but its header. */
const isBareRefusal = (flags: number): boolean => {
  const rcode = flags & FLAG.RCODE
  return rcode === RCODE.FORMERR || rcode === RCODE.NOTIMP
}

/**
 * True when a packet can be the response to `query` (RFC 5452 §9.1): id, QR, opcode and question agree; the socket has
 * made sure of addresses and ports. Everything else on that socket is forged, late or garbage, and not looked at.
 */
export const isResponseTo = (query: Uint8Array, response: Uint8Array): boolean => {
  if (response.length < HEADER.LEN || u16(response, HEADER.ID) !== u16(query, HEADER.ID)) return false
  const flags = u16(response, HEADER.FLAGS)
  if ((flags & FLAG.QR) === 0 || (flags & FLAG.OPCODE) >>> OPCODE_SHIFT !== 0) return false
  const questions = u16(response, HEADER.QDCOUNT)
  if (questions === 0) return isBareRefusal(flags)
  if (questions !== 1) return false
  let at: number = HEADER.LEN
  // The query holds its name without pointers, and so must the response: the first name has nothing to point to.
  while ((query[at] ?? 0) !== 0) at += (query[at] ?? 0) + 1
  const questionEnd = at + 5
  if (response.length < questionEnd) return false
  for (let i = HEADER.LEN; i < questionEnd - 4; i++)
    if (lowerOctet(response[i] ?? 0) !== lowerOctet(query[i] ?? 0)) return false
  for (let i = questionEnd - 4; i < questionEnd; i++) if (response[i] !== query[i]) return false
  return true
}

/** The question that finds out whether an upstream answers: the root's name servers are in every resolver's cache. */
export const PROBE_QUESTION: Question = makeQuestion('\0', TYPE.NS, CLASS.IN, {
  dnssecOk: false,
  checkingDisabled: false,
})
