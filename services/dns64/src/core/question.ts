import { lowerOctet, MAX_NAME, nameOfKey, type NameKey } from './name.ts'
import { putU16 } from './wire.ts'

/** What is asked: what an answer may be shared by. Equal questions have equal keys. */
export interface Question {
  /** `name` + type + class + DO and CD, one character per octet: the key of the cache and of questions in flight. */
  readonly key: string
  readonly nameKey: NameKey
  readonly type: number
  readonly class: number
  /** DO (RFC 3225): records of DNSSEC are wanted. */
  readonly dnssecOk: boolean
  /** CD (RFC 4035 §3.2.2): the asker validates. */
  readonly checkingDisabled: boolean
}

/** Octets behind the name in a question's key: type, class and one of flags. */
const KEY_TAIL = 5
const KEY_DO = 1
const KEY_CD = 2
/** Class IN and no flags. */
const PLAIN_TAIL = '\0\x01\0'

const scratch = Buffer.alloc(MAX_NAME + KEY_TAIL)

/** The name part of a question's key. */
export const nameKeyOf = (questionKey: string): NameKey => questionKey.slice(0, -KEY_TAIL)

/** The type in a question's key. */
export const typeOfQuestionKey = (questionKey: string): number => {
  const at = questionKey.length - KEY_TAIL
  return (questionKey.charCodeAt(at) << 8) | questionKey.charCodeAt(at + 1)
}

/** True for a question in class IN without DO and CD. */
export const isPlainQuestion = (questionKey: string): boolean => questionKey.endsWith(PLAIN_TAIL)

/**
 * Builds a question's key from the name, type and class on the wire. `nameLen`: octets of the name at `o`, which has no
 * pointer. One pass and one string: this runs for every query.
 */
export const questionKey = (b: Uint8Array, o: number, nameLen: number, dnssec: DnssecFlags): string => {
  for (let i = 0; i < nameLen; i++) scratch[i] = lowerOctet(b[o + i] ?? 0)
  for (let i = nameLen; i < nameLen + 4; i++) scratch[i] = b[o + i] ?? 0
  scratch[nameLen + 4] = (dnssec.dnssecOk ? KEY_DO : 0) | (dnssec.checkingDisabled ? KEY_CD : 0)
  return scratch.toString('latin1', 0, nameLen + KEY_TAIL)
}

/** The two flags that change an answer. */
export type DnssecFlags = Pick<Question, 'dnssecOk' | 'checkingDisabled'>

const wire = new Uint8Array(MAX_NAME + 4)

/** A question of our own about `nameKey`. */
export const makeQuestion = (nameKey: NameKey, type: number, klass: number, dnssec: DnssecFlags): Question => {
  wire.set(nameOfKey(nameKey))
  putU16(wire, nameKey.length, type)
  putU16(wire, nameKey.length + 2, klass)
  return {
    key: questionKey(wire, 0, nameKey.length, dnssec),
    nameKey,
    type,
    class: klass,
    dnssecOk: dnssec.dnssecOk,
    checkingDisabled: dnssec.checkingDisabled,
  }
}

/** The same question for another type. */
export const withType = (question: Question, type: number): Question =>
  makeQuestion(question.nameKey, type, question.class, question)
