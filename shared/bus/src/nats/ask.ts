import type { ServiceName } from '../contract.ts'
import { ANSWER_MS, type Answer, questionSubject, readAnswer } from '../questions.ts'
import type { Link } from './link.ts'

export interface Asked {
  readonly service: ServiceName
  readonly question: string
  /** JSON; left out: no parameters. */
  readonly body?: unknown
  /** How many instances are known to run: the wait ends with the last of them. */
  readonly expected: number
}

/**
 * Puts a question to every instance of a service; resolves with their answers by instance name, at the latest after
 * `ANSWER_MS`. Empty when none runs. What is no answer is a refusal that says so. Throws KvError `disconnected`.
 */
export const ask = async (link: Link, { service, question, body, expected }: Asked): Promise<Answer[]> => {
  const answers: Answer[] = []
  const payload = body === undefined ? '' : JSON.stringify(body)
  try {
    const replies = await link.connection.requestMany(questionSubject(service, question), payload, {
      strategy: 'count',
      maxMessages: Math.max(1, expected),
      maxWait: ANSWER_MS,
    })
    for await (const message of replies) answers.push(readAnswer(message.string()))
  } catch (error) {
    if (!(error instanceof Error && /no responders/i.test(error.message))) throw error
  }
  return answers.toSorted((a, b) => a.instance.localeCompare(b.instance))
}
