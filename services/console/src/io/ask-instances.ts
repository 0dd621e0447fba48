import { ask, type Link, type ServiceName } from '@sixgate/bus'
import type { z } from 'zod'
import { printable } from '../core/columns.ts'
import { SILENT_MS } from '../core/convergence.ts'
import { readReports } from './reports.ts'

/** What the instances of a service said. */
export interface Answers<T> {
  readonly answers: readonly {
    readonly instance: string
    /** Which of several gateways it is on. */
    readonly gateway: string | undefined
    readonly answer: T
  }[]
  /** A sentence for each instance that did not answer, or refused to; also when none runs. */
  readonly complaints: readonly string[]
  /** Nobody answered, since the question itself is wrong: why. */
  readonly wrong?: string
}

/**
 * Puts a question to every instance of a service that reports. `schema`: what is an answer. An instance of another version may say
 * more, which is left out; what is none becomes a complaint. Throws KvError.
 */
export const askInstances = async <T>(
  link: Link,
  service: ServiceName,
  question: string,
  body: unknown,
  schema: z.ZodType<T>,
): Promise<Answers<T>> => {
  const nowMs = Date.now()
  const reporting = (await readReports(link)).filter(
    (report) => report.service === service && nowMs - report.atMs < SILENT_MS,
  )
  const answers = await ask(link, { service, question, body, expected: reporting.length })
  const gatewayOf = new Map(reporting.map(({ instance, gateway }) => [instance, gateway]))
  const silent = reporting.filter(({ instance }) => !answers.some((answer) => answer.instance === instance))
  const complaints = [
    ...answers.flatMap(({ instance, refused }) =>
      refused === undefined ? [] : [`${service} ${instance}: ${refused}`],
    ),
    ...silent.map(({ instance }) => `${service} ${instance} does not answer; see: docker compose logs ${service}`),
  ]
  const fit: { readonly instance: string; readonly answer: T }[] = []
  for (const { instance, answer, refused } of answers) {
    if (refused !== undefined) continue
    const { data, error } = schema.safeParse(answer)
    if (error === undefined) fit.push({ instance, answer: data })
    else complaints.push(notUnderstood(`${service} ${instance}`, question, error))
  }
  if (answers.length === 0 && silent.length === 0)
    complaints.push(`no ${service} runs; see: docker compose ps --all ${service}`)
  const wrong = fit.length === 0 ? answers.find(({ isWrong }) => isWrong)?.refused : undefined
  return {
    ...(wrong !== undefined && { wrong: printable(wrong) }),
    answers: fit.map(({ instance, answer }) => ({ instance, gateway: gatewayOf.get(instance), answer })),
    complaints: complaints.map(printable),
  }
}

/** What to say of an answer that is none: whose, where, what, and that versions may differ. */
export const notUnderstood = (who: string, question: string, { issues: [issue] }: z.ZodError): string =>
  `${who}: its answer to ${question} is not understood, ${issue?.path.join('.') || 'all of it'}: ${issue?.message ?? ''}; see: sixgate status (are all of one version?)`
