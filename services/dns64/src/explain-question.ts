import { parseIp4, parseIp6 } from '@sixgate/addr'
import { QuestionRefused, WrongQuestion } from '@sixgate/bus'
import { explain, type ExplainRequest, type Explanation } from './core/explain.ts'
import { typeOfName } from './core/mnemonics.ts'
import { keyOfText } from './core/name.ts'
import type { Resolver } from './core/resolver.ts'

const textOf = (body: Readonly<Record<string, unknown>>, field: string): string | undefined => {
  const value = body[field]
  if (value === undefined || typeof value === 'string') return value
  throw new WrongQuestion(`${field}: must be a text`)
}

const nameOf = (text: string): ExplainRequest['name'] => {
  try {
    return keyOfText(text)
  } catch (error) {
    throw new WrongQuestion(
      `"${text}" is no domain name: ${error instanceof Error ? error.message : String(error)}`,
      error,
    )
  }
}

/** Reads the body of the question `explain`. Throws WrongQuestion. */
export const explainRequest = (body: unknown): ExplainRequest => {
  if (typeof body !== 'object' || body === null) throw new WrongQuestion('explain: must have a name')
  const fields = body as Readonly<Record<string, unknown>>
  const name = textOf(fields, 'name')
  if (name === undefined || name === '') throw new WrongQuestion('explain: must have a name')
  const typeText = (textOf(fields, 'type') ?? 'AAAA').toUpperCase()
  const type = typeOfName(typeText)
  if (type === undefined) throw new WrongQuestion(`"${typeText}" is no record type: a name like AAAA, or TYPE65`)
  const client = textOf(fields, 'client')
  if (client !== undefined && parseIp4(client) === undefined && parseIp6(client) === undefined)
    throw new WrongQuestion(`"${client}" is no address of a client: IPv4 or IPv6, without zone`)
  return { name: nameOf(name), type, client, dnssecOk: fields.dnssecOk === true }
}

/** Answers the question `explain` of `sixgate dns explain`. */
export const answerExplain = (resolver: Resolver | undefined, body: unknown): Promise<Explanation> => {
  const request = explainRequest(body)
  if (resolver === undefined) throw new QuestionRefused('dns64 has no site document yet: try again in a moment')
  return explain(resolver, request)
}
