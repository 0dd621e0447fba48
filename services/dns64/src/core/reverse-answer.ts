import { type Answer, answerOfBytes, Origin } from './answer.ts'
import { followChain } from './chain.ts'
import { writeSoa } from './local-zones.ts'
import { type Message, negativeTtlS } from './message.ts'
import { nameOfKey } from './name.ts'
import type { Question } from './question.ts'
import { Section } from './record.ts'
import { type Embedded, embeddedOfReverse, reverseOfIp4, reverseZoneOf } from './reverse.ts'
import { type Policy, type PrefixRule, rulesOf } from './policy.ts'
import { mayTranslate, NO_SOA_TTL_S } from './synthesis.ts'
import { CLASS, RCODE, TYPE } from './wire.ts'
import { writeMessage } from './writer.ts'

/** The IPv4 address that a PTR question inside pref64 is about (RFC 6147 §5.3.1); undefined: not our business. */
export const embeddedOfQuestion = (rules: readonly PrefixRule[], question: Question): Embedded | undefined =>
  question.type === TYPE.PTR && mayTranslate(question)
    ? embeddedOfReverse(
        rules.map((rule) => rule.pref64),
        question.nameKey,
      )
    : undefined

/** True for a reverse name inside pref64: it is made here, whatever zone or denial covers it. */
export const isInsidePref64 = (policy: Policy, question: Question): boolean =>
  question.type === TYPE.PTR && embeddedOfQuestion(rulesOf(policy, question.view), question) !== undefined

/**
 * The answer to a PTR question inside pref64, from the answer `ptr` to the PTR question about the IPv4 address: a CNAME
 * to that name, then what is there (RFC 6147 §5.3.1, second way).
 *
 * "the DNS64 SHOULD ensure that there is RDATA at the PTR of the corresponding in-addr.arpa name": without it the denial
 * is ours, with a SOA record of the prefix's own zone, so that it can be cached and no CNAME leads to nothing.
 */
export const reverseAnswer = (question: Question, embedded: Embedded, ptr: Message): Answer => {
  const chain = followChain(ptr, TYPE.PTR)
  const facts = { origin: Origin.REVERSE }
  if (ptr.rcode === RCODE.NOERROR && chain.finals.length > 0) {
    const found = [...chain.links, ...chain.finals]
    const ttlS = found.reduce((least, record) => Math.min(least, record.ttlS), NO_SOA_TTL_S)
    const target = nameOfKey(reverseOfIp4(embedded.ip4))
    const bytes = writeMessage(question, RCODE.NOERROR, (writer) => {
      writer.nameRecord(Section.ANSWER, nameOfKey(question.nameKey), TYPE.CNAME, CLASS.IN, { ttlS, target })
      for (const record of found) writer.copy(ptr, record)
    })
    return answerOfBytes(bytes, facts)
  }
  const isDenial = ptr.rcode === RCODE.NOERROR || ptr.rcode === RCODE.NXDOMAIN
  const bytes = writeMessage(question, ptr.rcode, (writer) => {
    if (isDenial) writeSoa(writer, Section.AUTHORITY, reverseZoneOf(embedded.pref64), negativeTtlS(ptr) ?? NO_SOA_TTL_S)
  })
  return { ...answerOfBytes(bytes, facts), rcode: ptr.rcode }
}
