import { type Message, ownerKey, targetKey } from './message.ts'
import { isWithin, MAX_NAME, type NameKey, TO_FIRST_NAME_U16 } from './name.ts'
import { type RecordRef, Section } from './record.ts'
import { TYPE, u16 } from './wire.ts'

/** The way from the name that was asked to the records of the type that was asked. */
export interface Chain {
  /** The records of the answer section that lead somewhere: CNAME and DNAME, in the order of the message. */
  readonly links: readonly RecordRef[]
  /** Where the chain ends. */
  readonly endKey: NameKey
  /** The records of the asked type at the end of the chain. */
  readonly finals: readonly RecordRef[]
  /** Signatures over one of the above. */
  readonly signatures: readonly RecordRef[]
}

/** Longer chains are a mistake or an attack; resolvers stop between 8 and 16. */
const MAX_LINKS = 16

/** RFC 6672 §2.2: the part of `key` below `owner` put in front of `target`; undefined when the result is too long. */
const substitute = (key: NameKey, owner: NameKey, target: NameKey): NameKey | undefined => {
  const replaced = key.slice(0, key.length - owner.length) + target
  return replaced.length > MAX_NAME ? undefined : replaced
}

/** RFC 4034 §3.1.1: the type a signature covers is the first field of its RDATA. */
export const coveredType = (message: Message, record: RecordRef): number =>
  ((message.bytes[record.rdataAt] ?? 0) << 8) | (message.bytes[record.rdataAt + 1] ?? 0)

/** True for a record whose owner is a pointer to the question; others may be of its name, too. */
const isOfQuestion = (message: Message, record: RecordRef): boolean =>
  message.questions > 0 && u16(message.bytes, record.nameAt) === TO_FIRST_NAME_U16

/**
 * Follows CNAME and DNAME records of the answer section from the question's name to records of `type`
 * (RFC 1034 §3.6.2, RFC 6672 §3.2). Records that are not on the way are in none of the lists: nobody asked for them.
 */
export const followChain = (message: Message, type: number): Chain => {
  const answers = message.records.filter((r) => r.section === Section.ANSWER && r.class === message.qclass)
  // Most messages: nothing there, or records of the name itself.
  if (answers.every((r) => r.type === type && isOfQuestion(message, r)))
    return { links: [], endKey: message.qnameKey, finals: answers, signatures: [] }
  const owners = answers.map((r) => ownerKey(message, r))
  const links: RecordRef[] = []
  const signatures: RecordRef[] = []
  const onTheWay = new Set<NameKey>([message.qnameKey])
  let at = message.qnameKey

  /** The next name, and the records that lead there. */
  const step = (): NameKey | undefined => {
    const cname = answers.findIndex((r, i) => r.type === TYPE.CNAME && owners[i] === at)
    const dname = answers.findIndex(
      (r, i) => r.type === TYPE.DNAME && owners[i] !== at && isWithin(at, owners[i] ?? ''),
    )
    const dnameRecord = answers[dname]
    const cnameRecord = answers[cname]
    if (dnameRecord !== undefined && !links.includes(dnameRecord)) links.push(dnameRecord)
    if (dnameRecord !== undefined) onTheWay.add(owners[dname] ?? '')
    if (cnameRecord !== undefined) {
      links.push(cnameRecord)
      return targetKey(message, cnameRecord)
    }
    // RFC 6672 §3.1 wants a CNAME beside the DNAME; without it the substitution gives the same name.
    return dnameRecord === undefined ? undefined : substitute(at, owners[dname] ?? '', targetKey(message, dnameRecord))
  }

  if (type !== TYPE.CNAME && type !== TYPE.ANY) {
    for (let i = 0; i < MAX_LINKS; i++) {
      const next = step()
      if (next === undefined || onTheWay.has(next)) break
      onTheWay.add(next)
      at = next
    }
  }
  const finals = answers.filter((r, i) => owners[i] === at && (r.type === type || type === TYPE.ANY))
  for (const [i, record] of answers.entries())
    if (record.type === TYPE.RRSIG && type !== TYPE.RRSIG && type !== TYPE.ANY && onTheWay.has(owners[i] ?? ''))
      signatures.push(record)
  return { links, endKey: at, finals, signatures }
}
