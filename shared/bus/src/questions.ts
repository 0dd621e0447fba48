/** Questions that commands such as `sixgate drops` put to services over NATS. Pure: names, types and values. */
import type { ServiceName } from './service-name.ts'

/** Answers one question: JSON in, JSON out. Throws `QuestionRefused` when it cannot be answered. */
export type Question = (body: unknown) => unknown
/** By name: lower-case letters, digits and `-`. */
export type Questions = Readonly<Record<string, Question>>

/** The question cannot be answered; the message tells the operator what came, what is allowed, what to do. */
export class QuestionRefused extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'QuestionRefused'
  }
}

/** The question itself is wrong: whenever it is asked again, it is refused again. */
export class WrongQuestion extends QuestionRefused {
  constructor(message: string, cause?: unknown) {
    super(message, cause)
    this.name = 'WrongQuestion'
  }
}

/** What one instance says to a question. `isWrong`: it was refused as a WrongQuestion; earlier versions do not tell that. */
export type Answer =
  | { readonly instance: string; readonly answer: unknown; readonly refused?: undefined; readonly isWrong?: undefined }
  | { readonly instance: string; readonly answer?: undefined; readonly refused: string; readonly isWrong?: boolean }

/** Who said what cannot be read: its version may be any. */
const NOBODY = '(unknown instance)'

/** Reads what an instance said, which may be of another version, or damaged: then it is a refusal that says so. */
export const readAnswer = (text: string): Answer => {
  const said = objectIn(text)
  const instance = typeof said?.instance === 'string' ? said.instance : NOBODY
  if (typeof said?.refused === 'string')
    return { instance, refused: said.refused, ...(said.isWrong === true && { isWrong: true }) }
  if (instance !== NOBODY && said !== undefined && 'answer' in said) return { instance, answer: said.answer }
  return {
    instance,
    refused: `what it says is no answer: ${text.slice(0, 80)}; see: sixgate status (are all of one version?)`,
  }
}

const objectIn = (text: string): Partial<Record<string, unknown>> | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

/** Subject of a question; every instance of the service listens to all of its own (`question` = `*`). */
export const questionSubject = (service: ServiceName, question: string): string => `sixgate.${service}.${question}`

/** How long an instance may take for an answer. */
export const ANSWER_MS = 5000
