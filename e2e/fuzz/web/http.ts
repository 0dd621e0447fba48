/** A request as a text, so that text mutations make odd requests of it; and the client that sends it. */
import { METHODS } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'

export const CALLERS = ['owner', 'token', 'nobody'] as const
export type Caller = (typeof CALLERS)[number]

/**
 * ```
 * owner POST /api/v1/login
 * content-type: application/json
 *
 * {"password":"x"}
 * ```
 */
export interface OddRequest {
  readonly caller: Caller
  readonly method: string
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly text: string
}

/** Others belong to HTTP itself: a length that is not true only makes both sides wait. */
const HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'authorization',
  'content-type',
  'cookie',
  'host',
  'if-none-match',
  'origin',
  'sec-fetch-site',
])

const isCaller = (word: string): word is Caller => CALLERS.some((one) => one === word)

export const formatRequest = ({ caller, method, target, headers, body }: OddRequest): string =>
  [
    `${caller} ${method} ${target}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    '',
    body,
  ].join('\n')

/** undefined: nothing that a client could send. */
export const readRequest = (text: string): OddRequest | undefined => {
  const [head = '', ...rest] = text.split('\n\n')
  const [first = '', ...lines] = head.split('\n')
  const [caller = '', method = '', ...target] = first.split(' ')
  // What Node's client refuses to send: RFC 9110 §9.1 (token), §5.5 (field values), RFC 9112 §3.2 (no blanks in a target).
  // Methods that Node does not know end in its parser.
  if (!METHODS.includes(method) || method === 'CONNECT') return undefined
  const path = target.join(' ')
  if (!/^\/[\u0021-\u007e]*$/.test(path)) return undefined
  const headers = new Map<string, string>()
  for (const line of lines) {
    const [, name = '', value = ''] = /^([\w-]+): ?(.*)$/.exec(line) ?? []
    // oxlint-disable-next-line no-control-regex
    if (HEADERS.has(name) && /^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(value)) headers.set(name, value)
  }
  const body = rest.join('\n\n')
  const known = isCaller(caller) ? caller : 'nobody'
  return { caller: known, method, target: path, headers: Object.fromEntries(headers), body }
}

export interface Door {
  readonly port: number
  /** PEM of the certificate. */
  readonly ca: string
}

/** A connection for each request: the console takes 100 at a time. `localAddress`: from where; below 127/8. */
export class OddClient {
  readonly #agent = new Agent({ keepAlive: false })
  readonly #door: Door

  constructor(door: Door) {
    this.#door = door
  }

  async send(
    { method, target, headers, body }: Omit<OddRequest, 'caller'>,
    localAddress = '127.0.0.1',
  ): Promise<HttpAnswer> {
    const { port, ca } = this.#door
    const content = method === 'GET' || method === 'HEAD' ? '' : body
    const length = content === '' ? {} : { 'content-length': String(Buffer.byteLength(content)) }
    return await new Promise((resolve, reject) => {
      const call = httpsRequest(
        {
          agent: this.#agent,
          host: '127.0.0.1',
          port,
          ca,
          servername: '',
          localAddress,
          method,
          path: target,
          headers: { ...headers, ...length },
        },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8')
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
          })
          response.on('error', reject)
        },
      )
      call.on('error', reject)
      call.end(content)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}
