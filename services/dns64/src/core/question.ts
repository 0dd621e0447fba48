import { MAX_NAME, type NameKey } from './name.ts'
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

/** What changes an answer besides name, type and class. */
export type Facets = Pick<Question, 'dnssecOk' | 'checkingDisabled' | 'view'>

/** Only these types are touched by DNS64, so only for them it matters which prefixes a client gets. */
export const dependsOnView = (type: number, klass: number): boolean =>
  klass === CLASS.IN && (type === TYPE.AAAA || type === TYPE.PTR)

/** A question of our own about `nameKey`. */
export const makeQuestion = (nameKey: NameKey, type: number, klass: number, facets: Facets): Question => {
  const { dnssecOk, checkingDisabled } = facets
  const view = dependsOnView(type, klass) ? facets.view : ALL_RULES
  const nameLen = nameKey.length
  for (let i = 0; i < nameLen; i++) scratch[i] = nameKey.charCodeAt(i)
  putU16(scratch, nameLen, type)
  putU16(scratch, nameLen + 2, klass)
  scratch[nameLen + 4] = (dnssecOk ? KEY_DO : 0) | (checkingDisabled ? KEY_CD : 0)
  putU16(scratch, nameLen + 5, view)
  const key = scratch.toString('latin1', 0, nameLen + KEY_TAIL)
  return { key, nameKey, type, class: klass, dnssecOk, checkingDisabled, view }
}

/** The same question for another type. */
export const withType = (question: Question, type: number): Question =>
  makeQuestion(question.nameKey, type, question.class, question)
