/** Whether an answer of the API is one that its OpenAPI document describes. */
import { z } from 'zod'
import { type HttpAnswer, type OddRequest } from './http.ts'
import type { Schema } from './from-schema.ts'

interface Content {
  readonly [mediaType: string]: { readonly schema: Schema & { readonly $ref?: string } }
}
interface Operation {
  readonly operationId: string
  readonly security: readonly Readonly<Record<string, unknown>>[]
  readonly parameters: readonly { readonly name: string; readonly required: boolean; readonly schema: Schema }[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly content: Content }>>
}
export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

const JSON_TYPE = 'application/json'
/** Larger bodies are refused before they are read. */
const MAX_BODY_BYTES = 512 * 1024

type Json = { readonly value: unknown } | undefined
const parseJson = (text: string): Json => {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return undefined
  }
}

const mediaTypeOf = ({ headers }: HttpAnswer): string => String(headers['content-type'] ?? '').split(';', 1)[0] ?? ''

/** What a failure says: `code` and `message`. */
interface Told {
  readonly code: string
  readonly message: string
}

export class Judge {
  readonly #document: OpenApiDocument
  readonly #compiled = new Map<Schema, z.ZodType>()
  readonly #origin: string

  constructor(document: OpenApiDocument, origin: string) {
    this.#document = document
    this.#origin = origin
  }

  get operations(): readonly { readonly path: string; readonly method: string; readonly operation: Operation }[] {
    return Object.entries(this.#document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
    )
  }

  operationOf({ method, target }: OddRequest): Operation | undefined {
    return this.#document.paths[pathOf(target)]?.[method.toLowerCase()]
  }

  /** undefined: all is as it must be. */
  complaintAbout(request: OddRequest, answer: HttpAnswer): string | undefined {
    const { status, headers, text } = answer
    const about = `${status} ${text.slice(0, 300)}`
    if (status >= 500 && status !== 503) return `a mistake of the server: ${about}`
    if (headers['x-content-type-options'] !== 'nosniff' || headers['content-security-policy'] === undefined)
      return `without the headers that every answer has: ${about}`
    // RFC 9110 §15.5.6, §15.5.2
    if (status === 405 && headers['allow'] === undefined) return `405 without Allow: ${about}`
    if (status === 401 && headers['www-authenticate'] === undefined) return `401 without WWW-Authenticate: ${about}`
    const described = this.#undescribed(request, answer)
    if (described !== undefined) return `${described}: ${about}`
    if (request.method === 'HEAD' || status < 400) return this.#wronglyLetIn(request, answer)
    return this.#wronglyRefused(request, answer) ?? this.#wronglyLetIn(request, answer)
  }

  /** The answer is not in the document. */
  #undescribed(request: OddRequest, answer: HttpAnswer): string | undefined {
    const { status, text } = answer
    const path = pathOf(request.target)
    const operation = this.operationOf(request)
    if (request.method === 'HEAD') return undefined
    if (operation === undefined) {
      if (status < 400)
        return path in this.#document.paths || path.startsWith('/api/') ? 'done, though it is not described' : undefined
      return this.#badFailure(answer)
    }
    const response = operation.responses[String(status)]
    if (response === undefined) return `the document has no ${status} for ${operation.operationId}`
    const [[mediaType, content] = []] = Object.entries(response.content)
    if (mediaType?.split(';', 1)[0] !== mediaTypeOf(answer)) return `${mediaTypeOf(answer)}: must be ${mediaType}`
    if (status >= 400) return this.#badFailure(answer)
    const value = mediaTypeOf(answer) === JSON_TYPE ? parseJson(text) : { value: text }
    if (content === undefined || value === undefined) return 'this is no JSON'
    const { error } = this.#compile(content.schema).safeParse(value.value)
    return error === undefined ? undefined : `not as the document says: ${z.prettifyError(error)}`
  }

  #badFailure(answer: HttpAnswer): string | undefined {
    const { Failure } = this.#document.components.schemas
    const value = mediaTypeOf(answer) === JSON_TYPE ? parseJson(answer.text) : undefined
    if (value === undefined) return 'a failure that is no JSON'
    if (Failure === undefined || !this.#compile(Failure).safeParse(value.value).success) return 'this is no Failure'
    const { code, message } = toldBy(answer)
    if (code === '' || message.length < 10) return 'a failure that says nothing'
    return message.length > 4000 ? `a message of ${message.length} characters` : undefined
  }

  /** Somebody got more than the document grants. */
  #wronglyLetIn(request: OddRequest, { status }: HttpAnswer): string | undefined {
    const operation = this.operationOf(request)
    if (operation === undefined || status >= 400) return undefined
    const { caller, headers } = request
    const carries = 'cookie' in headers || 'authorization' in headers
    if (operation.security.length > 0 && caller === 'nobody' && !carries) return `${status} for nobody`
    const forTokens = operation.security.some((scheme) => 'token' in scheme)
    if (operation.security.length > 0 && caller === 'token' && !forTokens && !('cookie' in headers))
      return `${status} for a token`
    const wrong = this.#violations(request, operation)
    return wrong.length > 0 ? `${status} although the document forbids ${wrong.join(', ')}` : undefined
  }

  /** What the document allows was refused; or refused without a word of what is wrong. */
  #wronglyRefused(request: OddRequest, answer: HttpAnswer): string | undefined {
    const operation = this.operationOf(request)
    const { code, message } = toldBy(answer)
    if (operation === undefined) return undefined
    const wrong = this.#violations(request, operation)
    if (code !== 'not-as-described') return undefined
    if (wrong.length === 0) return `refused, though it is as described: ${message}`
    const unnamed = wrong.filter((name) => !message.includes(name))
    return unnamed.length > 0 ? `the message does not name ${unnamed.join(', ')}` : undefined
  }

  /** Parameters and top-level properties of the body that are not as described; `body`: all of it. */
  #violations({ method, target, body }: OddRequest, { parameters, requestBody }: Operation): readonly string[] {
    const search = new URL(target, this.#origin).searchParams
    const inQuery = parameters.flatMap(({ name, required, schema }) => {
      const values = search.getAll(name)
      // Which one counts is not described.
      if (values.length > 1) return []
      const [value] = values
      if (value === undefined) return required ? [name] : []
      return this.#compile(schema).safeParse(typed(value, schema)).success ? [] : [name]
    })
    const unknown =
      parameters.length === 0 ? [] : [...search.keys()].filter((key) => !parameters.some(({ name }) => name === key))
    const content = requestBody?.content[JSON_TYPE]
    if (method !== 'POST' || content === undefined || Buffer.byteLength(body) > MAX_BODY_BYTES)
      return [...inQuery, ...unknown]
    const value = parseJson(body)
    if (value === undefined) return [...inQuery, 'body']
    const { error } = this.#compile(content.schema).safeParse(value.value)
    const inBody = error?.issues.map((issue) =>
      issue.code === 'unrecognized_keys' ? (issue.keys[0] ?? 'body') : String(issue.path[0] ?? 'body'),
    )
    return [...inQuery, ...unknown, ...(inBody ?? [])]
  }

  #compile(schema: Schema): z.ZodType {
    const known = this.#compiled.get(schema)
    if (known !== undefined) return known
    const made = z.fromJSONSchema(schema as z.core.JSONSchema.JSONSchema)
    this.#compiled.set(schema, made)
    return made
  }
}

/** A parameter's text as what its schema is about. */
const typed = (text: string, { type }: Schema): unknown =>
  type === 'integer' && /^-?(0|[1-9]\d{0,15})$/.test(text) ? Number(text) : text

const pathOf = (target: string): string => target.split('?', 1)[0] ?? ''

const toldBy = ({ text }: HttpAnswer): Told => {
  const value = parseJson(text)?.value as { readonly error?: Partial<Told> } | undefined
  return { code: value?.error?.code ?? '', message: value?.error?.message ?? '' }
}
