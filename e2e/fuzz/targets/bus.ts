import { type BucketEntry, Lease, parseStatus, QuestionRefused } from '@sixgate/bus'
import { createLogger } from '@sixgate/obs'
import { parseSite, SiteError } from '@sixgate/site'
import { overviewOf } from '../../../services/console/src/core/convergence.ts'
import { plain, renderStatus } from '../../../services/console/src/core/status-table.ts'
import { explainRequest } from '../../../services/dns64/src/explain-question.ts'
import { readHostsQuery } from '../../../services/nat64/src/core/address-map/host-listing.ts'
import { decodeKvEntry, encodeKvValue, kvKey } from '../../../services/nat64/src/core/address-map/kv-entry.ts'
import { ODD_JSON, type Target, textOf, utf8 } from '../target.ts'

const STATUS = {
  service: 'nat64',
  instance: 'a',
  version: '0.1.0',
  revision: 3,
  refused: 2,
  state: 'degraded',
  sinceMs: 1,
  problems: [{ code: 'x', message: 'y\nz' }],
  remarks: ['fast path: off'],
  counters: { packets_total: 1 },
  startedAtMs: 1,
  atMs: 2,
}

const DOCUMENT = {
  lan: { interface: 'lan0', prefix: 'fd00:6:4::/64' },
  pref64: ['64:ff9b::/96'],
  nat64: { pool4: ['198.18.0.0/16'] },
}

// oxlint-disable-next-line no-control-regex
const ESCAPE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/

const judgeStatus = (input: Uint8Array): string | undefined => {
  const status = parseStatus(input)
  if (status === undefined) return undefined
  const table = renderStatus(overviewOf(3, [status], 5000), 5000, plain)
  return ESCAPE.test(table) ? 'a report brings control characters to the terminal' : undefined
}

/** `KEY VALUE`: what is read is written the same. */
const judgeHost = (input: Uint8Array): string | undefined => {
  const [, key = '', value = ''] = /^(\S*) (.*)$/s.exec(textOf(input)) ?? []
  const mapping = decodeKvEntry(key, utf8(value))
  if (mapping === undefined) return undefined
  if (!Number.isFinite(mapping.seenS)) return `last seen at ${mapping.seenS}`
  const again = decodeKvEntry(kvKey(mapping.ip4), encodeKvValue(mapping.host, mapping.seenS))
  const isSame = JSON.stringify({ ...again, seenS: 0 }) === JSON.stringify({ ...mapping, seenS: 0 })
  return isSame ? undefined : 'the mapping reads otherwise when written again'
}

const log = createLogger({ service: 'nat64', instance: 'fuzz', level: 'silent' })

/** The entry of a lease is nonsense: it is not taken for one of our own, and nothing is thrown. */
const judgeLease = async (value: Uint8Array): Promise<string | undefined> => {
  const entry: BucketEntry = { key: 'x', value, revision: 1, operation: 'put' }
  let active = false
  const never = new Promise<never>(() => undefined)
  const lease = new Lease({
    bucket: {
      connected: true,
      get: async () => await Promise.resolve(entry),
      create: async () => await never,
      update: async () => await never,
      put: async () => await never,
      delete: async () => await Promise.resolve(),
      watch: (onEntry, onSynced) => {
        setImmediate(() => {
          onEntry(entry)
          onSynced?.({ lost: [] })
        })
        return () => undefined
      },
    },
    key: 'x',
    instance: 'me, who is not in there',
    log,
    onChange: (now) => (active = now),
  })
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  await lease.release()
  return active ? 'an instance took itself for the holder' : undefined
}

/** Bodies of questions: answered or refused with a sentence. */
const judgeQuestion = (input: Uint8Array): string | undefined => {
  let body: unknown
  try {
    body = JSON.parse(textOf(input))
  } catch {
    return undefined
  }
  try {
    explainRequest(body)
  } catch (error) {
    if (!(error instanceof QuestionRefused)) throw error
  }
  try {
    const { limit } = readHostsQuery(body)
    if (!(limit >= 1 && limit <= 1000)) return `a page of ${limit}`
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  return undefined
}

const judgeDocument = (input: Uint8Array): string | undefined => {
  try {
    parseSite(JSON.parse(textOf(input)))
  } catch (error) {
    if (!(error instanceof SiteError || error instanceof SyntaxError)) throw error
  }
  return undefined
}

const JUDGES: Readonly<Record<string, (input: Uint8Array) => Promise<string | undefined> | string | undefined>> = {
  status: judgeStatus,
  host: judgeHost,
  lease: judgeLease,
  question: judgeQuestion,
  document: judgeDocument,
}

const json = (value: unknown): Uint8Array => utf8(JSON.stringify(value))

export const BUS: Target = {
  name: 'bus',
  seeds: {
    status: [json(STATUS), json({ ...STATUS, state: 'ok', refused: undefined, remarks: undefined })],
    host: [utf8('198-18-0-10 {"ip6":"fd00:6:4::10","pref64":"64:ff9b::/96","seen":1800000000}')],
    lease: [json({ holder: 'b' })],
    question: [
      json({ name: 'www.example', type: 'AAAA', client: 'fd00::1' }),
      json({ after: '198.18.0.7', limit: 10 }),
    ],
    document: [json(DOCUMENT)],
  },
  words: [
    ...ODD_JSON,
    '"nat64"',
    '"__proto__"',
    '"fd00::1"',
    '"::"',
    '"fe80::1%eth0"',
    '198-18-0-1',
    '198-18-0-256',
    '"64:ff9b::/95"',
    '"gone"',
    '"TYPE65535"',
    '"a.b\\\\.c"',
    '9007199254740993',
    '[[[[[[[[]]]]]]]]',
    '"\\ud800"',
  ],
  judge: async (kind, input) => await JUDGES[kind]?.(input),
}
