import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BUCKETS, KvBucket, type NatsSite, type Questions, type ServiceName } from '@sixgate/bus'
import { PageLab } from '../../../services/console/src/testkit/page-lab.ts'
import { HOST, ROUTER, RULE, SITE_WITH_FORWARD } from '../../../services/console/src/testkit/site-answers.ts'
import { type Caller, type HttpAnswer, OddClient, type OddRequest } from './http.ts'
import { Judge, type OpenApiDocument } from './judge.ts'

export const PASSWORD = 'correct horse battery'
const TOKEN = 'reader'
const PORT = 8443
const ORIGIN = `https://127.0.0.1:${PORT}`

/** What the page sends with whatever changes something. */
export const PAGE_HEADERS = { 'content-type': 'application/json', origin: ORIGIN } as const

/** What services answer, by service and question, unless an input says otherwise; and the route that shows it. */
export const ANSWERS = {
  'nat64 hosts': { answer: { hosts: [HOST], more: false }, route: '/api/v1/hosts' },
  'nat64 drops': {
    answer: [{ reason: 'ttl', packets: 4, sentence: 'hop limit was over' }],
    route: '/api/v1/drops',
  },
  'ra-advertiser neighbours': { answer: [{ ...ROUTER, mac: '02:00:00:00:00:09' }], route: '/api/v1/routers' },
  'ra-advertiser hosts-seen': {
    answer: [{ link: 'lan0', mac: '02:00:00:00:00:10', addresses: ['fe80::10', 'fd00:6:4::10'], isRouter: false }],
    route: '/api/v1/hosts',
  },
  'nat44-firewall rules': { answer: [RULE], route: '/api/v1/firewall' },
  'dns64 explain': {
    answer: {
      question: 'www.example. AAAA',
      rcode: 'NOERROR',
      origin: 'cache',
      records: ['www.example. AAAA 64:ff9b::c633:6450'],
      because: ['it is so'],
    },
    route: '/api/v1/dns/explain?name=www.example',
  },
} as const
export type Question = keyof typeof ANSWERS

const until = async (what: string, isSo: () => Promise<boolean>): Promise<void> => {
  const endMs = performance.now() + 60_000
  while (!(await isSo().catch(() => false))) {
    if (performance.now() > endMs) throw new Error(`did not happen within 60 s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** The real console with its page and a real NATS; stays usable whatever it is asked: password, token and document are put back. */
export class OddSite {
  readonly judge: Judge
  readonly #lab: PageLab
  readonly #client: OddClient
  readonly #told: Map<Question, unknown>
  readonly #nat64: NatsSite
  #password = PASSWORD
  #cookie = ''
  #token = ''
  #crash: string | undefined

  private constructor(parts: {
    lab: PageLab
    client: OddClient
    told: Map<Question, unknown>
    nat64: NatsSite
    document: OpenApiDocument
  }) {
    this.#lab = parts.lab
    this.#client = parts.client
    this.#told = parts.told
    this.#nat64 = parts.nat64
    this.judge = new Judge(parts.document, ORIGIN)
    void parts.lab.console.ended.then((status) => (this.#crash = `the console has ended with ${status}`))
  }

  /** In a namespace of its own: the port is fixed. */
  static async start(): Promise<OddSite> {
    const lab = await PageLab.start(SITE_WITH_FORWARD, PORT)
    const told = new Map<Question, unknown>()
    for (const service of ['nat64', 'ra-advertiser', 'nat44-firewall', 'dns64'] as const)
      await lab.speakFor(service, questionsOf(service, told))
    const nat64 = await lab.site.connect('nat64', 'odd', false)
    const pem = readFileSync(join(lab.site.directory, 'state/console/web/tls.pem'), 'utf8')
    const client = new OddClient({ port: PORT, ca: pem.slice(pem.indexOf('-----BEGIN CERTIFICATE')) })
    await lab.owner(PASSWORD)
    const { text } = await client.send({ method: 'GET', target: '/api/v1/openapi.json', headers: {}, body: '' })
    const site = new OddSite({ lab, client, told, nat64, document: JSON.parse(text) as OpenApiDocument })
    await site.#logIn()
    await site.#makeToken()
    return site
  }

  /** Sends a request as its caller, and judges the answer; then the site is as it was. `localAddress`: guesses are counted by it. */
  async ask(request: OddRequest, localAddress: string): Promise<string | undefined> {
    const headers = { ...this.#credentialsOf(request.caller), ...request.headers }
    const startMs = performance.now()
    const answer = await this.#client.send({ ...request, headers }, localAddress)
    const tookMs = performance.now() - startMs
    const complaint = this.judge.complaintAbout(request, answer)
    await this.#recover(request, answer)
    return complaint ?? this.#crash ?? (tookMs > 5000 ? `it took ${Math.round(tookMs)} ms` : undefined)
  }

  /** A service answers something else, as long as its route is asked. */
  async tell(question: Question, answer: unknown): Promise<string | undefined> {
    this.#told.set(question, answer)
    try {
      const { route } = ANSWERS[question]
      return await this.ask({ caller: 'owner', method: 'GET', target: route, headers: {}, body: '' }, '127.0.0.1')
    } finally {
      this.#told.delete(question)
    }
  }

  /** A second nat64 reports something odd; then both places that show reports are asked. */
  async report(value: Uint8Array): Promise<HttpAnswer> {
    const bucket = new KvBucket(this.#nat64.link, BUCKETS.STATUS)
    await bucket.put('nat64.odd', value)
    try {
      const headers = this.#credentialsOf('token')
      return await this.#client.send({ method: 'GET', target: '/metrics', headers, body: '' })
    } finally {
      await bucket.delete('nat64.odd')
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close()
    await this.#lab[Symbol.asyncDispose]()
  }

  #credentialsOf(caller: Caller): Record<string, string> {
    if (caller === 'owner') return { cookie: this.#cookie }
    return caller === 'token' ? { authorization: `Bearer ${this.#token}` } : {}
  }

  async #post(target: string, body: unknown): Promise<HttpAnswer> {
    const headers = { ...PAGE_HEADERS, cookie: this.#cookie }
    return await this.#client.send({ method: 'POST', target, headers, body: JSON.stringify(body) })
  }

  async #logIn(): Promise<void> {
    const answer = await this.#post('/api/v1/login', { password: this.#password })
    const [cookie] = answer.headers['set-cookie'] ?? []
    if (answer.status !== 200 || cookie === undefined) throw new Error(`the owner cannot log in: ${answer.text}`)
    this.#cookie = cookie.split(';', 1)[0] ?? ''
  }

  async #makeToken(): Promise<void> {
    const { text } = await this.#post('/api/v1/tokens/add', { name: TOKEN })
    this.#token = (JSON.parse(text) as { secret: string }).secret
  }

  async #recover(request: OddRequest, { status }: HttpAnswer): Promise<void> {
    if (status !== 200 || request.method !== 'POST') return
    const { operationId = '' } = this.judge.operationOf(request) ?? {}
    const body = JSON.parse(request.body) as { readonly password?: string; readonly name?: string }
    if (operationId === 'password') this.#password = body.password ?? ''
    if (operationId === 'password' || operationId === 'logout') await this.#logIn()
    if ((operationId === 'addToken' || operationId === 'removeToken') && body.name === TOKEN) await this.#makeToken()
    if (operationId !== 'applyConfig') return
    // Written on the machine, as its owner would who lost the page by an edit.
    this.#lab.site.writeSite(SITE_WITH_FORWARD)
    await until('the document is the old one', async () => {
      const { text } = await this.#post('/api/v1/config/confirm', {})
      const { text: now, confirmUntilMs } = JSON.parse(text) as { text: string; confirmUntilMs: number | null }
      return now === SITE_WITH_FORWARD && confirmUntilMs === null
    })
  }
}

/** Each is answered with what `told` says of it, or as a service does. */
const questionsOf = (service: ServiceName, told: ReadonlyMap<Question, unknown>): Questions =>
  Object.fromEntries(
    (Object.keys(ANSWERS) as Question[])
      .filter((key) => key.startsWith(`${service} `))
      .map((key) => [key.slice(service.length + 1), () => (told.has(key) ? told.get(key) : ANSWERS[key].answer)]),
  )
