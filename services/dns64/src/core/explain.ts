import { asIp6, contains6, formatIp4, formatIp6, formatPrefix, ip4FromBytes } from '@sixgate/addr'
import { type Answer, EXPLAIN_ORIGIN, Origin } from './answer.ts'
import { followChain } from './chain.ts'
import { type Message, negativeTtlS, ownerKey, rdataOf, readMessage, targetKey } from './message.ts'
import { rcodeName, typeName } from './mnemonics.ts'
import { type NameKey, textOfKey } from './name.ts'
import { holdsAddress, isMapped, type PrefixRule, type Policy, rulesOf, synthesisOf, viewWith } from './policy.ts'
import { makeQuestion, type Question } from './question.ts'
import { type RecordRef, Section } from './record.ts'
import type { Looked, Resolver, Situation } from './resolver.ts'
import { embeddedOfQuestion } from './reverse-answer.ts'
import { mayTranslate, NO_SOA_TTL_S } from './synthesis.ts'
import { showUpstream } from './upstreams.ts'
import { CLASS, TYPE } from './wire.ts'

/** What an operator wants explained. */
export interface ExplainRequest {
  readonly name: NameKey
  readonly type: number
  /** Who asks, address text; undefined = a client that gets all prefixes. */
  readonly client: string | undefined
  readonly dnssecOk: boolean
}

/** Why an answer is what it is. JSON. */
export interface Explanation {
  readonly question: string
  /** `NOERROR`, `NXDOMAIN` … */
  readonly rcode: string
  readonly origin: string
  /** Records of the answer section, `owner ttl TYPE data`. */
  readonly records: readonly string[]
  /** Sentences, in the order in which things were decided. */
  readonly because: readonly string[]
}

const dataText = (message: Message, record: RecordRef): string => {
  switch (record.type) {
    case TYPE.A:
      return formatIp4(ip4FromBytes(rdataOf(message, record)))
    case TYPE.AAAA:
      return formatIp6(asIp6(rdataOf(message, record)))
    case TYPE.CNAME:
    case TYPE.DNAME:
    case TYPE.PTR:
    case TYPE.NS:
      return textOfKey(targetKey(message, record))
    default:
      return `(${record.rdataLen} octets)`
  }
}

const recordText = (message: Message, record: RecordRef, ageS: number): string => {
  const ttlS = Math.max(0, record.ttlS - ageS)
  return `${textOfKey(ownerKey(message, record))} ${ttlS} ${typeName(record.type)} ${dataText(message, record)}`
}

const answerRecords = (message: Message): readonly RecordRef[] =>
  message.records.filter((record) => record.section === Section.ANSWER)

/** Who may ask, and which prefixes are for them. */
const aboutClient = (policy: Policy, request: ExplainRequest, rules: readonly PrefixRule[]): string[] => {
  const { client } = request
  if (client === undefined) return []
  if (!holdsAddress(policy.clients, client))
    return [`${client} is not in dns64.clients: it would be refused; what follows is for one that is`]
  const missing = policy.rules.filter((rule) => !rules.includes(rule)).map((rule) => formatPrefix(rule.pref64))
  return missing.length === 0 ? [] : [`dns64.prefixes: not for ${client}: ${missing.join(', ')}`]
}

/** Where the answer is known from already, before anybody is asked. */
const aboutSituation = (situation: Situation, policy: Policy, question: Question): string[] => {
  const { entry, nowS, hasRecord, zone, forwardedBy, pool, denied } = situation
  const sentences: string[] = []
  if (hasRecord) sentences.push('dns64.records has records of this name, so nobody is asked about it')
  if (zone !== undefined)
    sentences.push(`it is in ${textOfKey(zone)}, a zone that is answered here (RFC 6303, 6761, 8880, 9462)`)
  if (denied !== undefined)
    sentences.push(
      `an answer to another question said ${denied.ageS} s ago that nothing is at or below that name (RFC 8020)`,
    )
  if (entry !== undefined) {
    const leftS = entry.expiresAtS - nowS
    sentences.push(
      leftS > 0
        ? `kept for ${nowS - entry.storedAtS} s (asked for ${entry.hits} times since), ${leftS} s left`
        : `kept, but over since ${-leftS} s: given out as stale when it cannot be renewed (RFC 8767)`,
    )
  }
  if (forwardedBy !== undefined) sentences.push(`dns64.domains: ${textOfKey(forwardedBy)} is forwarded`)
  if (!hasRecord && zone === undefined)
    sentences.push(
      `upstreams: ${pool.members.map((m) => `${showUpstream(m.upstream)}${m.failing ? ` (failing: ${m.lastError})` : ''}`).join(', ') || 'none'}`,
    )
  const synthesis = synthesisOf(policy, question.nameKey)
  if (synthesis !== 'auto') sentences.push(`dns64.domains: synthesis ${synthesis} for this name`)
  return sentences
}

const lookedText = (type: string, looked: Looked): string => {
  if (!looked.ok) return `${type}: no answer: ${looked.reason}; counts as SERVFAIL (RFC 6147 §5.1.3)`
  const { message } = looked
  const chain = followChain(message, message.qtype)
  const found = chain.finals.map((record) => dataText(message, record)).join(', ')
  const who = looked.upstream ?? 'this server'
  const validated = looked.authentic ? ', validated' : ''
  const alias = chain.links.length === 0 ? '' : `, at the end of the chain ${textOfKey(chain.endKey)}`
  return `${type}: ${who} says ${rcodeName(message.rcode)}${found === '' ? ', no records' : ` ${found}`}${alias}${validated}`
}

/** Which native addresses count as missing, and because of what. */
const aboutExclusion = (rules: readonly PrefixRule[], aaaa: Looked): string[] => {
  if (!aaaa.ok) return []
  const { message } = aaaa
  return followChain(message, TYPE.AAAA).finals.flatMap((record) => {
    const ip = asIp6(rdataOf(message, record))
    const by = rules.map((rule) => rule.exclude.find((prefix) => contains6(prefix, ip)))
    if (rules.length === 0 || by.includes(undefined)) return []
    const names = new Set(by.map((prefix) => (prefix === undefined ? '' : formatPrefix(prefix))))
    return [`${formatIp6(ip)} counts as missing: dns64.exclude has ${[...names].join(', ')} (RFC 6147 §5.1.4)`]
  })
}

/** Which IPv4 addresses are not mapped by which prefix. */
const aboutMapping = (rules: readonly PrefixRule[], a: Looked): string[] => {
  if (!a.ok) return []
  return followChain(a.message, TYPE.A).finals.flatMap((record) => {
    const ip4 = ip4FromBytes(rdataOf(a.message, record))
    return rules
      .filter((rule) => !isMapped(rule, ip4))
      .map((rule) => `${formatIp4(ip4)} is not mapped into ${formatPrefix(rule.pref64)}: dns64.prefixes mapped`)
  })
}

/** The rule for the TTL of made records. */
const aboutTtl = (aaaa: Looked): string => {
  const soaS = aaaa.ok ? negativeTtlS(aaaa.message) : undefined
  return soaS === undefined
    ? `TTL: that of the A record, at most ${NO_SOA_TTL_S} s, because no SOA record came with the answer to AAAA (RFC 6147 §5.1.7)`
    : `TTL: that of the A record, at most ${soaS} s, from the SOA record of the answer to AAAA (RFC 6147 §5.1.7)`
}

const aboutSynthesis = async (
  resolver: Resolver,
  question: Question,
  { rules, answer }: { rules: readonly PrefixRule[]; answer: Answer },
): Promise<string[]> => {
  const [aaaa, a] = await Promise.all([
    resolver.untranslated(question),
    resolver.untranslated(makeQuestion(question.nameKey, TYPE.A, CLASS.IN, question)),
  ])
  const isMade = answer.origin === Origin.SYNTHESISED
  return [
    lookedText('AAAA', aaaa),
    ...aboutExclusion(rules, aaaa),
    lookedText('A', a),
    ...aboutMapping(rules, a),
    ...(isMade ? [`prefixes: ${rules.map((rule) => formatPrefix(rule.pref64)).join(', ')}`, aboutTtl(aaaa)] : []),
  ]
}

/** Answers a question as for a client, and says why the answer is what it is. Asks upstreams when that is needed. */
export const explain = async (resolver: Resolver, request: ExplainRequest): Promise<Explanation> => {
  const { policy } = resolver.snapshot
  const { client, name, type, dnssecOk } = request
  const view = viewWith(
    policy,
    (rule) => client === undefined || rule.clients === undefined || holdsAddress(rule.clients, client),
  )
  const question = makeQuestion(name, type, CLASS.IN, { dnssecOk, checkingDisabled: false, view })
  const situation = resolver.situationOf(question)
  const rules = rulesOf(policy, view)
  const because = [...aboutClient(policy, request, rules), ...aboutSituation(situation, policy, question)]
  const { answer, ageS } = await resolver.answerTo(question)
  const message = readMessage(answer.bytes)
  const isAaaa = type === TYPE.AAAA && mayTranslate(question) && situation.zone === undefined
  if (isAaaa) because.push(...(await aboutSynthesis(resolver, question, { rules, answer })))
  const embedded = embeddedOfQuestion(rules, question)
  if (embedded !== undefined)
    because.push(`${formatIp4(embedded.ip4)} is inside ${formatPrefix(embedded.pref64)} (RFC 6147 §5.3.1)`)
  because.push(
    `${answer.origin}: ${EXPLAIN_ORIGIN[answer.origin]}${answer.upstream === undefined ? '' : `: ${answer.upstream}`}`,
  )
  return {
    question: `${textOfKey(name)} ${typeName(type)}`,
    rcode: rcodeName(answer.rcode),
    origin: answer.origin,
    records: answerRecords(message).map((record) => recordText(message, record, ageS)),
    because,
  }
}
