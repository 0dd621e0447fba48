import { asIp6, embedIp4, type Ip4, type Ip6, ip4FromBytes } from '@sixgate/addr'
import { type Answer, type AnswerFacts, answerOfBytes, answerOfMessage, Origin, rewritten } from './answer.ts'
import { type Chain, coveredType, followChain } from './chain.ts'
import { type Message, negativeTtlS, ownerKey, rdataOf } from './message.ts'
import { nameOfKey } from './name.ts'
import { isExcluded, isMapped, type PrefixRule, type Synthesis } from './policy.ts'
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
  /** there is no usable AAAA record: ask for A; the made records live at most `maxTtlS`, `rules` make them */
  | { readonly kind: 'try-a'; readonly maxTtlS: number; readonly rules: readonly PrefixRule[] }
  /** this is the reply, with the records made of A added when there are some (`synthesis: always`) */
  | { readonly kind: 'add-a'; readonly answer: Answer }

/** True when DNS64 applies to a question: AAAA in class IN, and the asker does not validate (RFC 6147 §5.1, §5.5). */
export const mayTranslate = (question: Question): boolean =>
  // §5.5 (3): with DO and CD set the asker validates by itself, and what is made would fail its validation.
  question.class === CLASS.IN && !(question.dnssecOk && question.checkingDisabled)

/** What decides about one AAAA question: the prefixes that apply, and how its domain is treated. */
export interface Terms {
  readonly rules: readonly PrefixRule[]
  readonly synthesis: Synthesis
  /** The asker sent DO. */
  readonly dnssecOk: boolean
}

/**
 * RFC 6147 §5.1.1–5.1.4. `message` undefined: nobody answered, which counts as SERVFAIL (§5.1.3).
 * NXDOMAIN stays; any other RCODE counts as empty (§5.1.2); excluded records count as missing (§5.1.4).
 */
export const judgeAaaa = (terms: Terms, message: Message | undefined, facts: AnswerFacts): AaaaVerdict => {
  const { rules } = terms
  if (message === undefined) return { kind: 'try-a', maxTtlS: NO_SOA_TTL_S, rules }
  if (message.rcode === RCODE.NXDOMAIN) return { kind: 'reply', answer: answerOfMessage(message, facts) }
  const chain = followChain(message, TYPE.AAAA)
  const found = message.rcode === RCODE.NOERROR ? chain.finals : []
  const hidden = terms.synthesis === 'ignore-native'
  const usable = found.filter((record) => !hidden && !isExcluded(rules, asIp6(rdataOf(message, record))))
  if (usable.length === 0) {
    const isUnproven = found.length === 0 && terms.dnssecOk && isUnprovenDenial(message, facts)
    const makers = isUnproven ? rules.filter((rule) => rule.breakDnssec) : rules
    if (makers.length === 0) return { kind: 'reply', answer: answerOfMessage(message, facts) }
    return { kind: 'try-a', maxTtlS: negativeTtlS(message) ?? NO_SOA_TTL_S, rules: makers }
  }
  const answer =
    usable.length === found.length
      ? answerOfMessage(message, facts)
      : withoutExcluded(message, chain, new Set(usable), facts.upstream)
  return terms.synthesis === 'always' ? { kind: 'add-a', answer } : { kind: 'reply', answer }
}

/**
 * RFC 6147 §5.5 (3): with DO set the denial has to be validated before anything is made, or DNS64 would be a way around
 * DNSSEC. True for a signed denial that nobody validated: then only rules with breakDnssec make anything.
 */
const isUnprovenDenial = (message: Message, facts: AnswerFacts): boolean =>
  facts.authentic !== true &&
  message.rcode === RCODE.NOERROR &&
  message.records.some((record) => record.section === Section.AUTHORITY && record.type === TYPE.RRSIG)

/** RFC 6147 §5.1.4: a partly excluded set: the other records are the answer. Their signature went with the excluded. */
const withoutExcluded = (
  message: Message,
  chain: Chain,
  usable: ReadonlySet<RecordRef>,
  upstream: string | undefined,
): Answer => {
  const kept = new Set([...chain.links, ...usable, ...signaturesBut(message, chain, TYPE.AAAA)])
  return rewritten(
    message,
    { origin: Origin.EXCLUDED_PARTLY, upstream },
    (record) => record.section !== Section.ANSWER || kept.has(record),
  )
}

const signaturesBut = (message: Message, chain: Chain, type: number): readonly RecordRef[] =>
  chain.signatures.filter((record) => coveredType(message, record) !== type)

/** The address that a rule makes of an IPv4 address: prefix, address, suffix (RFC 6052 §2.2). */
export const mappedAddress = (rule: PrefixRule, ip4: Ip4): Ip6 => {
  const ip6 = embedIp4(rule.pref64, ip4)
  return asIp6(ip6.map((octet, index) => octet | (rule.suffix[index] ?? 0)))
}

/** The addresses that the rules make of one A record. */
const mappedOf = (rules: readonly PrefixRule[], a: Message, record: RecordRef): Ip6[] => {
  const ip4 = ip4FromBytes(a.bytes, record.rdataAt)
  return rules.filter((rule) => isMapped(rule, ip4)).map((rule) => mappedAddress(rule, ip4))
}

/** True when an answer to the A question has records, and no rule maps any of them. */
const isUnmapped = (rules: readonly PrefixRule[], a: Message, found: readonly RecordRef[]): boolean =>
  found.length > 0 && found.every((record) => mappedOf(rules, a, record).length === 0)

/**
 * The reply made from the answer to the A question (RFC 6147 §5.1.6, §5.1.7): header, authority and additional of the A
 * answer, its CNAME and DNAME records, and for every A record one AAAA record per prefix with the same owner and class.
 * TTL = the smaller of the A record's and `maxTtlS`. Without A records, or with an RCODE, that is the reply. Undefined:
 * there are A records and none of them is to be mapped.
 * AD is never set: nobody signed this.
 */
export const synthesise = (
  { rules, maxTtlS }: { readonly rules: readonly PrefixRule[]; readonly maxTtlS: number },
  question: Question,
  a: Message,
  upstream?: string,
): Answer | undefined => {
  const chain = followChain(a, TYPE.A)
  const found = a.rcode === RCODE.NOERROR ? chain.finals : []
  if (isUnmapped(rules, a, found)) return undefined
  const signatures = signaturesBut(a, chain, TYPE.A)
  const bytes = writeMessage({ ...question, nameKey: a.qnameKey }, a.rcode, (writer) => {
    for (const record of a.records)
      if (record.section === Section.ANSWER && (chain.links.includes(record) || signatures.includes(record)))
        writer.copy(a, record)
    for (const record of found) writeMapped(writer, rules, a, { record, maxTtlS })
    for (const record of a.records) if (record.section !== Section.ANSWER) writer.copy(a, record)
  })
  const origin = found.length > 0 ? Origin.SYNTHESISED : Origin.NO_A
  return { ...answerOfBytes(bytes, { origin, upstream }), rcode: a.rcode }
}

/** One AAAA record per prefix for one A record. */
const writeMapped = (
  writer: MessageWriter,
  rules: readonly PrefixRule[],
  a: Message,
  { record, maxTtlS }: { readonly record: RecordRef; readonly maxTtlS: number },
): void => {
  const owner = nameOfKey(ownerKey(a, record))
  const ttlS = Math.min(record.ttlS, maxTtlS)
  for (const rdata of mappedOf(rules, a, record))
    writer.record(Section.ANSWER, owner, TYPE.AAAA, record.class, { ttlS, rdata })
}

/**
 * `synthesis: always`: the native answer with the made records behind its own, in the same set (same owner, so that the
 * chain stays one). Undefined when there is nothing to add.
 */
export const withMade = (terms: Terms, native: Message, a: Message): Answer | undefined => {
  const made = a.rcode === RCODE.NOERROR ? followChain(a, TYPE.A).finals : []
  const [first] = native.records.filter((r) => r.section === Section.ANSWER && r.type === TYPE.AAAA)
  if (first === undefined || made.length === 0 || isUnmapped(terms.rules, a, made)) return undefined
  const owner = nameOfKey(ownerKey(native, first))
  const question = { nameKey: native.qnameKey, type: native.qtype, class: native.qclass }
  const bytes = writeMessage(question, native.rcode, (writer) => {
    // The signature of the native set does not cover what is added.
    for (const record of native.records)
      if (record.section === Section.ANSWER && record.type !== TYPE.RRSIG) writer.copy(native, record)
    // RFC 2181 §5.2: one set, one TTL.
    for (const record of made)
      for (const rdata of mappedOf(terms.rules, a, record))
        writer.record(Section.ANSWER, owner, TYPE.AAAA, CLASS.IN, { ttlS: Math.min(record.ttlS, first.ttlS), rdata })
    for (const record of native.records) if (record.section !== Section.ANSWER) writer.copy(native, record)
  })
  return answerOfBytes(bytes, { origin: Origin.SYNTHESISED })
}
