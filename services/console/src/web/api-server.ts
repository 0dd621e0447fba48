import type { IncomingMessage, ServerResponse } from 'node:http'
import { KvError } from '@sixgate/bus'
import type { Logger } from '@sixgate/obs'
import { z } from 'zod'
import { redactData } from '../core/redact.ts'
import { bearerOf, cookieOf, refusalOf, SECURITY_HEADERS, SESSION_COOKIE } from '../core/web/guard.ts'
import {
  type AnswerOf,
  type BodyOf,
  type QueryOf,
  ROUTES,
  type Route,
  type RouteName,
  routeAt,
} from '../core/web/routes.ts'
import type { SessionStore } from '../core/web/session-store.ts'
import { BusyError, type Credentials, digestOf } from './credentials.ts'
import { RequestError } from './request-error.ts'
import type { StaticFile } from './static-files.ts'

/** A site document with comments is far smaller. */
const MAX_BODY_BYTES = 512 * 1024

/** What a handler knows of a request. */
export interface Call<N extends RouteName> {
  readonly query: QueryOf<N>
  readonly body: BodyOf<N>
  /** Address of who asks. */
  readonly client: string
  readonly isOwner: boolean
  /** Identifier of the session that the cookie names; undefined: there is none. */
  readonly sessionId: string | undefined
  /** Sent with the answer. */
  readonly setCookie: (value: string) => void
}

export type Handlers = { readonly [N in RouteName]: (call: Call<N>) => Promise<AnswerOf<N>> | AnswerOf<N> }

export interface ApiServerOptions {
  readonly credentials: Credentials
  readonly sessions: SessionStore
  readonly handlers: Handlers
  readonly files: ReadonlyMap<string, StaticFile>
  /** Addresses and names that the gateway has at the moment. */
  readonly names: () => ReadonlySet<string>
  readonly log: Logger
}

const readBody = async (request: IncomingMessage): Promise<unknown> => {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > MAX_BODY_BYTES)
      throw new RequestError(413, 'too-long', `the body is longer than ${MAX_BODY_BYTES} octets`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    throw new RequestError(400, 'json', 'the body is not JSON')
  }
}

const parse = (what: string, schema: z.ZodType | undefined, value: unknown): unknown => {
  if (schema === undefined) return {}
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new RequestError(400, 'not-as-described', `${what}: ${z.prettifyError(result.error)}`)
}

const failureOf = (error: unknown): RequestError | undefined => {
  if (error instanceof RequestError) return error
  if (error instanceof BusyError) return new RequestError(429, 'busy', error.message, 2)
  if (error instanceof KvError)
    return new RequestError(
      503,
      'nats-away',
      `the services cannot be asked: ${error.message}; see: docker compose ps nats`,
      5,
    )
  return undefined
}

/** Answers the requests of the page and the API, on whatever socket they came. */
export class ApiServer {
  readonly #options: ApiServerOptions

  constructor(options: ApiServerOptions) {
    this.#options = options
  }

  /** Never throws. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value)
    try {
      await this.#handle(request, response)
    } catch (error) {
      const failure =
        failureOf(error) ?? new RequestError(500, 'defect', 'a mistake in this program; its log says more')
      if (failure.status === 500) this.#options.log.error({ err: error }, `web: ${request.method} ${pathOf(request)}`)
      if (response.headersSent) response.destroy()
      else this.#fail(response, failure)
    }
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { headers, method = 'GET' } = request
    const refusal = refusalOf(
      {
        method,
        host: headers.host,
        origin: headers.origin,
        contentType: headers['content-type'],
        fetchSite: single(headers['sec-fetch-site']),
      },
      this.#options.names(),
    )
    if (refusal !== undefined) throw new RequestError(refusal.status, refusal.code, refusal.message)
    const path = pathOf(request)
    const name = routeAt(path)
    if (name !== undefined) await this.#answer(request, response, name)
    else if (path.startsWith('/api/'))
      throw new RequestError(404, 'no-such-path', `${path}: there is no such path; see /api/v1/openapi.json`)
    else this.#sendFile(request, response, path)
  }

  async #answer(request: IncomingMessage, response: ServerResponse, name: RouteName): Promise<void> {
    const route: Route = ROUTES[name]
    if (request.method !== route.method) {
      response.setHeader('allow', route.method)
      throw new RequestError(405, 'method', `${request.method}: ${route.path} has only ${route.method}`)
    }
    const caller = this.#callerOf(request)
    if (route.access === 'owner' && !caller.isOwner)
      throw caller.isReader
        ? new RequestError(403, 'read-only', 'a token may only read; log in on the page')
        : new RequestError(401, 'not-logged-in', 'log in first')
    if (route.access === 'reader' && !caller.isReader) throw new RequestError(401, 'not-logged-in', 'log in first')
    const search = Object.fromEntries(new URL(request.url ?? '/', 'https://x').searchParams)
    const call = {
      ...caller,
      query: parse('query', route.query, search),
      body: route.method === 'POST' ? parse('body', route.body, await readBody(request)) : {},
      client: request.socket.remoteAddress ?? '',
      setCookie: (value: string): void => void response.setHeader('set-cookie', value),
    }
    const handler = this.#options.handlers[name] as unknown as (call: unknown) => Promise<unknown>
    const answer = await handler(call)
    // Much of it is what other services said: another version, or one that was taken over, may say anything.
    const { error } = route.answer.safeParse(answer)
    if (error !== undefined)
      throw new RequestError(
        503,
        'not-understood',
        `what the services answer is not as this version knows it: ${z.prettifyError(error)}`,
      )
    // A token lies in the configuration of some program: it shows how the site is, not what others know its owner by.
    if (route.mediaType === undefined)
      this.#sendJson(response, 200, route.access === 'reader' && !caller.isOwner ? redactData(answer) : answer)
    else this.#send(response, 200, route.mediaType, String(answer))
  }

  #callerOf({ headers }: IncomingMessage): { isOwner: boolean; isReader: boolean; sessionId: string | undefined } {
    const { credentials, sessions } = this.#options
    const sessionId = cookieOf(headers.cookie, SESSION_COOKIE)
    const isOwner = sessionId !== undefined && sessions.use(digestOf(sessionId), credentials.passwordId, Date.now())
    const token = bearerOf(headers.authorization)
    return { isOwner, isReader: isOwner || (token !== undefined && credentials.isToken(token)), sessionId }
  }

  #sendFile(request: IncomingMessage, response: ServerResponse, path: string): void {
    const { files } = this.#options
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD')
      throw new RequestError(405, 'method', `${request.method}: files are there for GET`)
    }
    const file = files.get(path)
    if (file === undefined) {
      const why = files.size === 0 ? 'the page is not built here: make page; the API is there' : 'there is no such file'
      throw new RequestError(404, 'no-such-path', `${path}: ${why}`)
    }
    response.setHeader('content-type', file.type)
    response.setHeader('cache-control', file.isImmutable ? 'max-age=31536000, immutable' : 'no-cache')
    response.setHeader('etag', file.etag)
    response.setHeader('vary', 'accept-encoding')
    if (request.headers['if-none-match'] === file.etag) {
      response.writeHead(304).end()
      return
    }
    const takesGzip = /\bgzip\b/.test(single(request.headers['accept-encoding']) ?? '')
    const bytes = takesGzip ? (file.gzipped ?? file.bytes) : file.bytes
    if (bytes === file.gzipped) response.setHeader('content-encoding', 'gzip')
    response.setHeader('content-length', bytes.length)
    response.writeHead(200).end(request.method === 'HEAD' ? undefined : bytes)
  }

  #fail(response: ServerResponse, { status, code, message, retryAfterS }: RequestError): void {
    if (retryAfterS !== undefined) response.setHeader('retry-after', retryAfterS)
    // RFC 9110 §15.5.6 and §15.5.2: a MUST each. The session is a cookie, which has no scheme of its own.
    if (status === 405 && !response.hasHeader('allow')) response.setHeader('allow', 'GET, HEAD, POST')
    if (status === 401) response.setHeader('www-authenticate', 'Bearer')
    // Whatever of the body was not read stays unread.
    if (status === 413) response.setHeader('connection', 'close')
    const error = { code, message, ...(retryAfterS === undefined ? {} : { retryAfterS }) }
    this.#sendJson(response, status, { error })
  }

  #sendJson(response: ServerResponse, status: number, body: unknown): void {
    this.#send(response, status, 'application/json; charset=utf-8', JSON.stringify(body))
  }

  #send(response: ServerResponse, status: number, mediaType: string, text: string): void {
    response.setHeader('content-type', mediaType)
    response.setHeader('cache-control', 'no-store')
    response.writeHead(status).end(text)
  }
}

const single = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header.join(',') : header

/** Without query; a path that cannot be is no file either. */
const pathOf = ({ url = '/' }: IncomingMessage): string => url.split('?', 1)[0] ?? '/'
