import { type Answer, answerOfBytes, Origin } from './answer.ts'
import type { AnswerCache, CacheEntry } from './cache.ts'
import { readMessage } from './message.ts'
import { type NameKey, parentKey } from './name.ts'
import type { Question } from './question.ts'
import { Section } from './record.ts'
import { CLASS, RCODE } from './wire.ts'
import { writeMessage } from './writer.ts'

/**
 * A kept denial of the name or of one above it: then nothing is there, of whatever type (RFC 8020 §2). Not for those who
 * asked with DO: they want the proof of their own name.
 */
export const findDenial = (cache: AnswerCache, question: Question, nowS: number): CacheEntry | undefined => {
  if (question.class !== CLASS.IN || question.dnssecOk) return undefined
  for (let at: NameKey | undefined = question.nameKey; at !== undefined; at = parentKey(at)) {
    const entry = cache.denialOf(at, nowS)
    if (entry !== undefined) return entry
  }
  return undefined
}

/** NXDOMAIN for a question, with the SOA record of the denial; its TTLs are as when the denial was stored. */
export const denialFor = (question: Question, denial: Answer): Answer => {
  const message = readMessage(denial.bytes)
  const bytes = writeMessage(question, RCODE.NXDOMAIN, (writer) => {
    for (const record of message.records) if (record.section === Section.AUTHORITY) writer.copy(message, record)
  })
  return answerOfBytes(bytes, { origin: Origin.DENIED })
}
