/** The console's API, asked by what its own OpenAPI document says, and oddly; and what it makes of odd answers and reports of services. */
import { createHash } from 'node:crypto'
import { parseExposition } from '../../../services/console/src/testkit/exposition.ts'
import { SESSION_COOKIE } from '../../../services/console/src/core/web/guard.ts'
import { openApi } from '../../../services/console/src/core/web/openapi.ts'
import { SITE_WITH_FORWARD } from '../../../services/console/src/testkit/site-answers.ts'
import { ODD_JSON, type Target, textOf, utf8 } from '../target.ts'
import { bodiesOf, goodValue, parametersOf } from '../web/from-schema.ts'
import { CALLERS, formatRequest, type OddRequest, readRequest } from '../web/http.ts'
import { Judge, type OpenApiDocument } from '../web/judge.ts'
import { ANSWERS, OddSite, PAGE_HEADERS, PASSWORD, type Question } from '../web/odd-site.ts'

const KNOWN = {
  password: PASSWORD,
  current: PASSWORD,
  text: SITE_WITH_FORWARD,
  expected: SITE_WITH_FORWARD,
  name: 'www.example',
}

/** Requests for an operation: everything that is worth a try of its own, by each kind of caller where it is good. */
const requestsFor = ({ path, method, operation }: Judge['operations'][number]): readonly OddRequest[] => {
  const { parameters, requestBody } = operation
  const schema = requestBody?.content['application/json']?.schema
  const queryOf = (name: string, value: string): string =>
    [
      ...parameters
        .filter((one) => one.required && one.name !== name)
        .map((one) => `${one.name}=${encodeURIComponent(String(goodValue(one.schema, one.name, KNOWN)))}`),
      `${name}=${value}`,
    ].join('&')
  const targets = [
    path,
    ...parameters.flatMap(({ name, schema: of }) =>
      parametersOf(of, name, KNOWN).map((value) => `${path}?${queryOf(name, value)}`),
    ),
  ]
  const bodies = schema === undefined ? [''] : bodiesOf(schema, KNOWN).map((body) => JSON.stringify(body))
  const headers: Readonly<Record<string, string>> = method === 'GET' ? {} : PAGE_HEADERS
  const target = targets[1] ?? path
  const [body = ''] = bodies
  const good = { caller: 'owner', method, target, headers, body } as const
  return [
    ...CALLERS.map((caller) => ({ ...good, caller })),
    ...targets.map((one) => ({ ...good, target: one })),
    ...bodies.map((one) => ({ ...good, body: one })),
    ...['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH'].map((one) => ({ ...good, method: one })),
    ...Object.keys(headers).map((name) => ({ ...good, headers: { ...headers, [name]: 'text/plain' } })),
    { ...good, headers: { ...headers, host: 'evil.example' } },
    { ...good, headers: { ...headers, 'sec-fetch-site': 'cross-site' } },
    { ...good, body: '{"a":' },
  ]
}

const seedDocument = openApi('0.1.0', SESSION_COOKIE) as unknown as OpenApiDocument
const requests = new Judge(seedDocument, '').operations.flatMap(requestsFor)

const REPORT = {
  service: 'nat64',
  instance: 'odd',
  version: '0.1.0',
  revision: 3,
  state: 'degraded',
  sinceMs: 1,
  problems: [{ code: 'x', message: 'y' }],
  counters: { hosts: 1, dropped_ttl_packets_total: 4 },
  startedAtMs: 1,
  atMs: 2_000_000_000_000,
}

let site: OddSite | undefined
const running = async (): Promise<OddSite> => (site ??= await OddSite.start())

/** Of its own for each input: five guesses are one client's. */
const addressFor = (input: Uint8Array): string => {
  const [a = 0, b = 0, c = 0] = createHash('sha256').update(input).digest()
  return `127.${a}.${b}.${Math.max(2, c - 1)}`
}

const judgeRequest = async (input: Uint8Array): Promise<string | undefined> => {
  const request = readRequest(textOf(input))
  return request === undefined ? undefined : await (await running()).ask(request, addressFor(input))
}

const isQuestion = (text: string): text is Question => text in ANSWERS

/** `SERVICE QUESTION JSON`: that service answers so. */
const judgeAnswer = async (input: Uint8Array): Promise<string | undefined> => {
  const [, question = '', text = ''] = /^(\S+ \S+) (.*)$/s.exec(textOf(input)) ?? []
  if (!isQuestion(question)) return undefined
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch {
    return undefined
  }
  return await (await running()).tell(question, answer)
}

const judgeReport = async (input: Uint8Array): Promise<string | undefined> => {
  const { status, text } = await (await running()).report(input)
  if (status !== 200) return `/metrics: ${status} ${text}`
  parseExposition(text)
  return undefined
}

const JUDGES: Readonly<Record<string, (input: Uint8Array) => Promise<string | undefined>>> = {
  request: judgeRequest,
  answer: judgeAnswer,
  report: judgeReport,
}

/** Needs a namespace of its own (`enterNamespace`). */
export const WEB: Target = {
  name: 'web',
  seeds: {
    request: requests.map((request) => utf8(formatRequest(request))),
    answer: Object.entries(ANSWERS).map(([question, { answer }]) => utf8(`${question} ${JSON.stringify(answer)}`)),
    report: [utf8(JSON.stringify(REPORT))],
  },
  words: [
    ...ODD_JSON,
    '[[]]',
    '"__proto__"',
    '"\\ud800"',
    '"a{b=\\"c\\"}\\n# TYPE"',
    '9007199254740993',
    '"198.18.0.7"',
    '"fd00::1"',
    'owner',
    'token',
    'nobody',
    'GET',
    'POST',
    'HEAD',
    '/api/v1/site',
    '/api/v1/config/apply',
    '/..%2f..%2fetc/passwd',
    '/%00',
    '//',
    '?limit=1001',
    '?name=%ff',
    'host: [::1]:8443',
    'application/json; charset=latin1',
    PASSWORD,
  ],
  judge: async (kind, input) => await JUDGES[kind]?.(input),
  // An edit that was taken is taken back, which needs its time.
  slowMs: 90_000,
  close: async () => {
    await site?.[Symbol.asyncDispose]()
    site = undefined
  },
}
