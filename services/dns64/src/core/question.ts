import { lowerOctet, MAX_NAME, nameOfKey, type NameKey } from './name.ts'
import { ALL_RULES, type View } from './policy.ts'
import { CLASS, putU16, TYPE } from './wire.ts'

/** What is asked: what an answer may be shared by. Equal questions have equal keys. */
export interface Question {
  /** `name` + type + class + DO and CD + view, one character per octet: the key of the cache and of questions in flight. */
  readonly key: string
  readonly nameKey: NameKey
  readonly type: number
  readonly class: number
  /** DO (RFC 3225): records of DNSSEC are wanted. */
  readonly dnssecOk: boolean
  /** CD (RFC 4035 §3.2.2): the asker validates. */
  readonly checkingDisabled: boolean
  /** Which prefixes the asker gets; ALL_RULES for questions that DNS64 does not touch. */
  readonly view: View
}

/** Octets behind the name in a question's key: type, class, one of flags (KEY_DO, KEY_CD), two of the view. */
export const KEY_TAIL = 7
export const KEY_DO = 1
export const KEY_CD = 2
/** Class IN and no flags, whatever the view. */
const PLAIN_TAIL = '\0\x01\0'
const VIEW_TAIL = 2

const scratch = Buffer.alloc(MAX_NAME + KEY_TAIL)

/** The name part of a question's key. */
export const nameKeyOf = (questionKey: string): NameKey => questionKey.slice(0, -KEY_TAIL)

/** The type in a question's key. */
export const typeOfQuestionKey = (questionKey: string): number => {
  const at = questionKey.length - KEY_TAIL
  return (questionKey.charCodeAt(at) << 8) | questionKey.charCodeAt(at + 1)
}

/** True for a question in class IN without DO and CD. */
export const isPlainQuestion = (questionKey: string): boolean =>
  questionKey.slice(-VIEW_TAIL - PLAIN_TAIL.length, -VIEW_TAIL) === PLAIN_TAIL

/**
 * Builds a question's key from the name, type and class on the wire. `nameLen`: octets of the name at `o`, which has no
 * pointer. One pass and one string: this runs for every query.
 */
export const questionKey = (b: Uint8Array, o: number, nameLen: number, facets: Facets): string => {
  for (let i = 0; i < nameLen; i++) scratch[i] = lowerOctet(b[o + i] ?? 0)
  for (let i = nameLen; i < nameLen + 4; i++) scratch[i] = b[o + i] ?? 0
  scratch[nameLen + 4] = (facets.dnssecOk ? KEY_DO : 0) | (facets.checkingDisabled ? KEY_CD : 0)
  putU16(scratch, nameLen + 5, facets.view)
  return scratch.toString('latin1', 0, nameLen + KEY_TAIL)
}

/** What changes an answer besides name, type and class. */
export type Facets = Pick<Question, 'dnssecOk' | 'checkingDisabled' | 'view'>

/** Only these types are touched by DNS64, so only for them it matters which prefixes a client gets. */
export const dependsOnView = (type: number, klass: number): boolean =>
  klass === CLASS.IN && (type === TYPE.AAAA || type === TYPE.PTR)

const wire = new Uint8Array(MAX_NAME + 4)

/** A question of our own about `nameKey`. */
export const makeQuestion = (nameKey: NameKey, type: number, klass: number, facets: Facets): Question => {
  const { dnssecOk, checkingDisabled } = facets
  const view = dependsOnView(type, klass) ? facets.view : ALL_RULES
  wire.set(nameOfKey(nameKey))
  putU16(wire, nameKey.length, type)
  putU16(wire, nameKey.length + 2, klass)
  return {
    key: questionKey(wire, 0, nameKey.length, { dnssecOk, checkingDisabled, view }),
    nameKey,
    type,
    class: klass,
    dnssecOk,
    checkingDisabled,
    view,
  }
}

/** The same question for another type. */
export const withType = (question: Question, type: number): Question =>
  makeQuestion(question.nameKey, type, question.class, question)
