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

/** What one instance says to a question. */
export type Answer =
  | { readonly instance: string; readonly answer: unknown; readonly refused?: undefined }
  | { readonly instance: string; readonly answer?: undefined; readonly refused: string }

/** Subject of a question; every instance of the service listens to all of its own (`question` = `*`). */
export const questionSubject = (service: ServiceName, question: string): string => `sixgate.${service}.${question}`

/** How long an instance may take for an answer. */
export const ANSWER_MS = 5000
