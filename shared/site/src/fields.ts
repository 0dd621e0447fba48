import {
  formatIp4,
  type Ip4,
  type Ip6,
  type Pref64,
  type Prefix4,
  type Prefix6,
  parseIp4,
  parseIp6,
  parsePref64,
  parsePrefix4,
  parsePrefix6,
} from '@sixgate/addr'
import { z } from 'zod'

/** A text field that becomes a value, or the sentence that says what is allowed. */
export const parsed = <T>(allowed: string, parse: (text: string) => T | undefined) =>
  z.string({ error: `must be a text: ${allowed}` }).transform((text, context): T => {
    const value = parse(text)
    if (value !== undefined) return value
    context.issues.push({ code: 'custom', message: `must be ${allowed}`, input: text })
    return z.NEVER
  })

export const ip4Field = parsed<Ip4>('an IPv4 address like 192.0.2.1', parseIp4)
export const ip6Field = parsed<Ip6>('an IPv6 address like fd00::1', parseIp6)
export const prefix4Field = parsed<Prefix4>(
  'an IPv4 prefix like 198.18.0.0/16, all bits behind the length zero',
  parsePrefix4,
)
export const prefix6Field = parsed<Prefix6>(
  'an IPv6 prefix like 2001:db8::/32, all bits behind the length zero',
  parsePrefix6,
)

export const lanPrefixField = parsed<Prefix6>(
  'auto or an IPv6 /64 like fd00:1:2:3::/64, all bits behind the length zero',
  (text) => {
    const prefix = parsePrefix6(text)
    // RFC 4862 §5.5.3 d: hosts form addresses only from a prefix that leaves room for their 64-bit interface identifier.
    return prefix?.lenBits === 64 ? prefix : undefined
  },
)

export const pref64Field = z
  .string({ error: 'must be a text: a NAT64 prefix like 64:ff9b::/96' })
  .transform((text, context): Pref64 => {
    const result = parsePref64(text)
    if (result.ok) return result.pref64
    context.issues.push({ code: 'custom', message: result.reason, input: text })
    return z.NEVER
  })

/** IFNAMSIZ is 16 with the closing NUL; the kernel refuses `/`, `:`, white space, `.` and `..` (dev_valid_name). */
export const isInterfaceName = (text: string): boolean => /^[^/:\s]{1,15}$/.test(text) && text !== '.' && text !== '..'

export const interfaceField = parsed<string>('the name of a network interface, 1 to 15 characters like eth0', (text) =>
  isInterfaceName(text) ? text : undefined,
)

/** A name server: address and port. */
export interface Upstream {
  /** IPv4 or IPv6 address in canonical text. */
  readonly address: string
  readonly port: number
  /** Over TCP only (RFC 7766), TLS (RFC 7858) or HTTPS (RFC 8484); undefined = UDP, and TCP for what is truncated there. */
  readonly protocol?: 'tcp' | 'tls' | 'https'
  /** The name that its certificate must be for; undefined = only `pins` count. */
  readonly name?: string | undefined
  /** SHA-256 of public keys that are right, in base64. */
  readonly pins?: readonly string[]
  /** Of DNS over HTTPS. */
  readonly path?: string
}

const DNS_PORT = 53

export const upstreamField = parsed<Upstream>(
  'a name server like 192.0.2.53, 192.0.2.53:5353, 2001:db8::53 or [2001:db8::53]:5353',
  (text) => {
    const match = /^\[(?<six>[^\]]+)\](?::(?<port6>\d{1,5}))?$|^(?<four>[\d.]+)(?::(?<port4>\d{1,5}))?$/.exec(text)
    const host = match?.groups?.six ?? match?.groups?.four ?? text
    const port = Number(match?.groups?.port6 ?? match?.groups?.port4 ?? DNS_PORT)
    if (port < 1 || port > 65535) return undefined
    const ip4 = parseIp4(host)
    if (ip4 !== undefined && match?.groups?.six === undefined) return { address: formatIp4(ip4), port }
    return parseIp6(host) === undefined ? undefined : { address: host.toLowerCase(), port }
  },
)

/** An IPv4 or IPv6 prefix of clients; an address stands for itself. */
const clientField = parsed<Prefix4 | Prefix6>(
  'a prefix or address like 2001:db8::/64, fd00::10 or 127.0.0.0/8',
  (text) => {
    const isPrefix = text.includes('/')
    return parsePrefix6(isPrefix ? text : `${text}/128`) ?? parsePrefix4(isPrefix ? text : `${text}/32`)
  },
)

/** A list of clients' prefixes and addresses. */
export const clientsField = z.array(clientField, { error: 'must be a list of prefixes and addresses' })

/** An address to listen on, in text. */
export const listenField = parsed<string>('an IPv4 or IPv6 address', (text) =>
  parseIp4(text) === undefined && parseIp6(text) === undefined ? undefined : text,
)

/** Labels of letters, digits, hyphen and underscore, 1 to 63 octets each, 253 in all (RFC 1035 §2.3.4). */
export const domainField = parsed<string>('a domain name like home.arpa', (text) => {
  const name = text.endsWith('.') ? text.slice(0, -1) : text
  const good =
    name.length <= 253 &&
    name.split('.').every((label) => /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label))
  return good ? name.toLowerCase() : undefined
})

/** RFC 3339 date and time with its offset; becomes milliseconds since 1970. */
export const timeField = parsed<number>('a time like 2027-01-31T12:00:00Z', (text) => {
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$/.test(text)
  const unixMs = isTime ? Date.parse(text) : Number.NaN
  return Number.isNaN(unixMs) ? undefined : unixMs
})

/** A URI of printable ASCII (RFC 3986 §2): an https one, or a URN. */
export const uriField = parsed<string>('a URI like https://portal.example/api', (text) =>
  /^(https:\/\/|urn:)[\x21-\x7e]+$/.test(text) && text.length <= 1000 ? text : undefined,
)

/** A whole number from `min` to `max`, both allowed. */
export const integer = (min: number, max: number, unit = '') => {
  const error = `must be a whole number${unit === '' ? '' : ` of ${unit}`} from ${min} to ${max}`
  return z.int({ error }).min(min, { error }).max(max, { error })
}

export const yesNo = z.boolean({ error: 'must be true or false' })

export const oneOf = <const T extends readonly [string, ...string[]]>(...values: T) =>
  z.enum(values, { error: `must be ${values.join(' or ')}` })

/** A mapping with exactly these fields; the error names the fields that are known here. */
export const section = <const T extends z.core.$ZodShape>(shape: T) => {
  const known = Object.keys(shape).join(', ')
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `unknown field ${issue.keys.map((key) => `"${key}"`).join(', ')}: known here are ${known}`
        : `must be a mapping with the fields ${known}`,
  })
}

/** A list; the error says of what. */
export const listOf = <T extends z.ZodType>(item: T, what: string) =>
  z.array(item, { error: `must be a list of ${what}` })

export const AUTO = 'auto'

/** `auto`, or the field. The field's own error text stands, because it is the one with the facts. */
export const autoOr = <T extends z.ZodType>(field: T) =>
  z.unknown().transform((value, context): z.output<T> | typeof AUTO => {
    if (value === AUTO) return AUTO
    const result = field.safeParse(value)
    if (result.success) return result.data
    context.issues.push(...result.error.issues.map((issue) => ({ ...issue, input: value }) as z.core.$ZodRawIssue))
    return z.NEVER
  })
