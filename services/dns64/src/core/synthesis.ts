import { asIp6, embedIp4, ip4FromBytes, type Pref64 } from '@sixgate/addr'
import { type Answer, type AnswerFacts, answerOfBytes, answerOfMessage, Origin, rewritten } from './answer.ts'
import { type Chain, coveredType, followChain } from './chain.ts'
import { type Message, negativeTtlS, ownerKey, rdataOf } from './message.ts'
import { nameOfKey } from './name.ts'
import { isExcluded, type Policy } from './policy.ts'
import type { Question } from './question.ts'
import { type RecordRef, Section } from './record.ts'
import { CLASS, RCODE, TYPE } from './wire.ts'
import { type MessageWriter, writeMessage } from './writer.ts'

/** RFC 6147 §5.1.7: "If the SOA RR was not delivered with the negative response ... 600 seconds". */
export const NO_SOA_TTL_S = 600

/** What the upstream's answer to the AAAA question means. */
export type AaaaVerdict =
  /** this is the reply; A is not needed */
  | { readonly kind: 'reply'; readonly answer: Answer }
  /** there is no usable AAAA record: ask for A; the made records live at most `maxTtlS` */
  | { readonly kind: 'try-a'; readonly maxTtlS: number }

/** True when DNS64 applies to a question: AAAA in class IN, and the asker does not validate (RFC 6147 §5.1, §5.5). */
export const mayTranslate = (question: Question): boolean =>
  // §5.5 (3): with DO and CD set the asker validates by itself, and what is made would fail its validation.
  question.class === CLASS.IN && !(question.dnssecOk && question.checkingDisabled)

const isUsable = (policy: Policy, message: Message, record: RecordRef): boolean =>
  !isExcluded(policy, asIp6(rdataOf(message, record)))

/**
 * RFC 6147 §5.1.1–5.1.4. `message` undefined: nobody answered, which counts as SERVFAIL (§5.1.3).
 * NXDOMAIN stays; any other RCODE counts as empty (§5.1.2); excluded records count as missing (§5.1.4).
 */
export const judgeAaaa = (policy: Policy, message: Message | undefined, facts: AnswerFacts): AaaaVerdict => {
  if (message === undefined) return { kind: 'try-a', maxTtlS: NO_SOA_TTL_S }
  if (message.rcode === RCODE.NXDOMAIN) return { kind: 'reply', answer: answerOfMessage(message, facts) }
  const chain = followChain(message, TYPE.AAAA)
  const found = message.rcode === RCODE.NOERROR ? chain.finals : []
  const usable = found.filter((record) => isUsable(policy, message, record))
  if (usable.length === 0) return { kind: 'try-a', maxTtlS: negativeTtlS(message) ?? NO_SOA_TTL_S }
  if (usable.length === found.length) return { kind: 'reply', answer: answerOfMessage(message, facts) }
  return { kind: 'reply', answer: withoutExcluded(message, chain, new Set(usable)) }
}

/** RFC 6147 §5.1.4: a partly excluded set: the other records are the answer. Their signature went with the excluded. */
const withoutExcluded = (message: Message, chain: Chain, usable: ReadonlySet<RecordRef>): Answer => {
  const kept = new Set([...chain.links, ...usable, ...signaturesBut(message, chain, TYPE.AAAA)])
  return rewritten(
    message,
    { origin: Origin.EXCLUDED_PARTLY },
    (record) => record.section !== Section.ANSWER || kept.has(record),
  )
}

const signaturesBut = (message: Message, chain: Chain, type: number): readonly RecordRef[] =>
  chain.signatures.filter((record) => coveredType(message, record) !== type)

/**
 * The reply made from the answer to the A question (RFC 6147 §5.1.6, §5.1.7): header, authority and additional of the A
 * answer, its CNAME and DNAME records, and for every A record one AAAA record per prefix with the same owner and class.
 * TTL = the smaller of the A record's and `maxTtlS`. Without A records, or with an RCODE, that is the reply.
 * AD is never set: nobody signed this.
 */
export const synthesise = (policy: Policy, question: Question, a: Message, maxTtlS: number): Answer => {
  const chain = followChain(a, TYPE.A)
  const found = a.rcode === RCODE.NOERROR ? chain.finals : []
  const signatures = signaturesBut(a, chain, TYPE.A)
  const bytes = writeMessage({ ...question, nameKey: a.qnameKey }, a.rcode, (writer) => {
    for (const record of a.records)
      if (record.section === Section.ANSWER && (chain.links.includes(record) || signatures.includes(record)))
        writer.copy(a, record)
    for (const record of found) writeMapped(writer, policy.pref64, a, { record, maxTtlS })
    for (const record of a.records) if (record.section !== Section.ANSWER) writer.copy(a, record)
  })
  const origin = found.length > 0 ? Origin.SYNTHESISED : Origin.NO_A
  return { ...answerOfBytes(bytes, { origin }), rcode: a.rcode }
}

/** One AAAA record per prefix for one A record. */
const writeMapped = (
  writer: MessageWriter,
  pref64: readonly Pref64[],
  a: Message,
  { record, maxTtlS }: { readonly record: RecordRef; readonly maxTtlS: number },
): void => {
  const owner = nameOfKey(ownerKey(a, record))
  const ip4 = ip4FromBytes(a.bytes, record.rdataAt)
  for (const prefix of pref64)
    writer.record(Section.ANSWER, owner, TYPE.AAAA, record.class, {
      ttlS: Math.min(record.ttlS, maxTtlS),
      rdata: embedIp4(prefix, ip4),
    })
}
