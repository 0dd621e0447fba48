import { type Answer, ask, type Link, type ServiceName } from '@sixgate/bus'
import { SILENT_MS } from '../core/convergence.ts'
import { printable } from '../core/columns.ts'
import { readReports } from './reports.ts'

/** What the instances of a service said. */
export interface Answers<T> {
  readonly answers: readonly { readonly instance: string; readonly answer: T }[]
  /** A sentence for each instance that did not answer, or refused to; also when none runs. */
  readonly complaints: readonly string[]
}

/**
 * Puts a question to every instance of a service that reports. `T` is what that service answers to this question.
 * Throws KvError.
 */
export const askInstances = async <T>(
  link: Link,
  service: ServiceName,
  question: string,
  body?: unknown,
): Promise<Answers<T>> => {
  const nowMs = Date.now()
  const reporting = (await readReports(link)).filter(
    (report) => report.service === service && nowMs - report.atMs < SILENT_MS,
  )
  const answers = await ask(link, { service, question, body, expected: reporting.length })
  const silent = reporting.filter(({ instance }) => !answers.some((answer) => answer.instance === instance))
  const complaints = [
    ...answers.flatMap(({ instance, refused }) =>
      refused === undefined ? [] : [`${service} ${instance}: ${refused}`],
    ),
    ...silent.map(({ instance }) => `${service} ${instance} does not answer; see: docker compose logs ${service}`),
  ]
  if (answers.length === 0 && silent.length === 0)
    complaints.push(`no ${service} runs; see: docker compose ps --all ${service}`)
  return {
    answers: answers.flatMap((answer: Answer) => (isGiven<T>(answer) ? [answer] : [])),
    complaints: complaints.map(printable),
  }
}

const isGiven = <T>(answer: Answer): answer is Answer & { readonly answer: T } => answer.refused === undefined
