import type { Msg, NatsConnection } from '@nats-io/transport-node'
import { type Logger, messageOf } from '@sixgate/obs'
import type { ServiceName } from '../contract.ts'
import { type Answer, QuestionRefused, type Questions, questionSubject, WrongQuestion } from '../questions.ts'

/** What the services protocol (ADR-32) tells of one endpoint; times in nanoseconds. */
export interface EndpointStats {
  readonly name: string
  readonly subject: string
  num_requests: number
  num_errors: number
  last_error: string
  processing_time: number
  average_processing_time: number
}

export interface QuestionServerOptions {
  readonly service: ServiceName
  readonly instance: string
  readonly log: Logger
}

const NS_PER_MS = 1e6

/** Answers the questions of a service on every connection that it is given. */
export class QuestionServer {
  readonly #options: QuestionServerOptions
  readonly #stats = new Map<string, EndpointStats>()
  #questions: Questions | undefined

  constructor(options: QuestionServerOptions) {
    this.#options = options
  }

  /** From now on the service can answer; what comes before is refused as "starting". */
  open(questions: Questions): void {
    this.#questions = questions
    for (const name of Object.keys(questions)) {
      const subject = questionSubject(this.#options.service, name)
      const counts = { num_requests: 0, num_errors: 0, last_error: '', processing_time: 0, average_processing_time: 0 }
      this.#stats.set(name, { name, subject, ...counts })
    }
  }

  get endpoints(): readonly EndpointStats[] {
    return [...this.#stats.values()]
  }

  /** Subscribes on a connection; lasts as long as the connection. */
  serve(connection: NatsConnection): void {
    connection.subscribe(questionSubject(this.#options.service, '*'), {
      callback: (error, message) => void (error ?? this.#respond(message)),
    })
  }

  async #respond(message: Msg): Promise<void> {
    const { instance } = this.#options
    const startMs = performance.now()
    const name = message.subject.split('.').at(-1) ?? ''
    let answer: Answer
    try {
      answer = { instance, answer: (await this.#answer(name, message)) ?? null }
    } catch (error) {
      const refused = this.#reasonOf(name, error)
      answer = { instance, refused, ...(error instanceof WrongQuestion && { isWrong: true }) }
    }
    const stats = this.#stats.get(name)
    if (stats !== undefined) count(stats, performance.now() - startMs, answer.refused)
    try {
      message.respond(JSON.stringify(answer))
    } catch (error) {
      // Longer than the server takes (1 MiB), or the connection went away meanwhile.
      const reason = messageOf(error)
      this.#options.log.warn({ err: error, question: name }, 'an answer could not be sent')
      message.respond(JSON.stringify({ instance, refused: `the answer cannot be sent: ${reason}` } satisfies Answer))
    }
  }

  async #answer(name: string, message: Msg): Promise<unknown> {
    if (this.#questions === undefined) throw new QuestionRefused('the service is starting; ask again')
    const question = Object.hasOwn(this.#questions, name) ? this.#questions[name] : undefined
    if (question === undefined) {
      const known = Object.keys(this.#questions).join(', ') || 'none'
      throw new QuestionRefused(`"${name}" is no question of ${this.#options.service}; it answers: ${known}`)
    }
    return await question(bodyOf(message))
  }

  #reasonOf(name: string, error: unknown): string {
    if (error instanceof QuestionRefused) return error.message
    this.#options.log.error({ err: error, question: name }, 'a question was not answered')
    return `a defect of ${this.#options.service}, see its log: ${messageOf(error)}`
  }
}

const bodyOf = (message: Msg): unknown => {
  const text = message.string()
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new WrongQuestion(`the question is no JSON: ${text.slice(0, 80)}`, error)
  }
}

const count = (stats: EndpointStats, ms: number, refused: string | undefined): void => {
  stats.num_requests += 1
  stats.processing_time += Math.round(ms * NS_PER_MS)
  stats.average_processing_time = Math.round(stats.processing_time / stats.num_requests)
  if (refused === undefined) return
  stats.num_errors += 1
  stats.last_error = refused
}
