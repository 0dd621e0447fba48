import { request } from 'node:https'

export interface PageAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** As JSON.parse gives it; undefined when it is none. */
  readonly json: ReturnType<typeof JSON.parse>
}

/** A browser in small, for tests: keeps the session's cookie, checks the certificate, sends what a page sends. */
export class PageClient {
  readonly #origin: string
  readonly #ca: string
  cookie: string | undefined

  /** `origin`: `https://[fd00::1]:8443`; `ca`: PEM of the certificate that is expected. */
  constructor(origin: string, ca: string) {
    this.#origin = origin
    this.#ca = ca
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<PageAnswer> {
    return await this.send('GET', path, headers)
  }

  async post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<PageAnswer> {
    const own = { 'content-type': 'application/json', origin: this.#origin }
    return await this.send('POST', path, { ...own, ...headers }, JSON.stringify(body))
  }

  /** The certificate is checked for the address that is connected to, whatever the Host header says. */
  async send(method: string, path: string, headers: Record<string, string>, body?: string): Promise<PageAnswer> {
    const cookie = this.cookie === undefined ? {} : { cookie: this.cookie }
    return await new Promise((resolve, reject) => {
      const url = new URL(path, this.#origin)
      const call = request(
        url,
        { method, ca: this.#ca, servername: '', agent: false, headers: { ...cookie, ...headers } },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8')
            const [set] = response.headers['set-cookie'] ?? []
            if (set !== undefined) this.cookie = set.split(';', 1)[0]
            const isJson = String(response.headers['content-type']).startsWith('application/json')
            const json: unknown = isJson ? JSON.parse(text) : undefined
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json })
          })
          response.on('error', reject)
        },
      )
      call.on('error', reject)
      call.end(body)
    })
  }
}
