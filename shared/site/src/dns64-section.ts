import { asIp4, embedIp4, formatPrefix, type Ip6, type Prefix4, parsePrefix4 } from '@sixgate/addr'
import { z } from 'zod'
import {
  AUTO,
  autoOr,
  clientsField,
  domainField,
  integer,
  ip6Field,
  listenField,
  listOf,
  oneOf,
  parsed,
  pref64Field,
  prefix6Field,
  section,
  type Upstream,
  upstreamField,
  yesNo,
} from './fields.ts'

/** An entry of an IPv4 access list: the first that fits decides. */
export interface Mapped {
  readonly allow: boolean
  readonly prefix: Prefix4
}

const mappedField = parsed<Mapped>(
  'an IPv4 prefix like 192.0.2.0/24, or !192.0.2.0/24 for one that is not mapped',
  (text) => {
    const prefix = parsePrefix4(text.startsWith('!') ? text.slice(1) : text)
    return prefix && { allow: !text.startsWith('!'), prefix }
  },
)

/** RFC 7858 §3.1 and RFC 8484 §4.1. */
const PORT_OF = { udp: 53, tcp: 53, tls: 853, https: 443 } as const

const pinField = parsed<string>(
  'a pin like sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=, the SHA-256 of the public key (RFC 7858 §4.2)',
  (text) => (/^sha256\/[A-Za-z0-9+/]{43}=$/.test(text) ? text.slice('sha256/'.length) : undefined),
)

const detailedUpstream = section({
  address: upstreamField,
  protocol: oneOf('udp', 'tcp', 'tls', 'https').default('udp'),
  /** The name in the certificate; also for SNI. */
  name: domainField.optional(),
  /** Any of these public keys is right, whatever the certificate says. */
  pins: listOf(pinField, 'pins').default([]),
  path: z
    .string({ error: 'must be a path like /dns-query' })
    .regex(/^\/[\x21-\x7e]*$/, { error: 'must be a path like /dns-query' })
    .default('/dns-query'),
}).transform(({ address: at, protocol, name, pins, path }, context): Upstream => {
  if (protocol === 'udp') return { address: at.address, port: at.port }
  if (protocol === 'tcp') return { address: at.address, port: at.port, protocol }
  if (name === undefined && pins.length === 0) {
    context.issues.push({
      code: 'custom',
      path: ['name'],
      message: 'is missing: tls and https need the name in the certificate, or pins, to know whom they talk to',
      input: name,
    })
    return z.NEVER
  }
  // 53 stands for "no port written".
  return {
    address: at.address,
    port: at.port === PORT_OF.udp ? PORT_OF[protocol] : at.port,
    protocol,
    name,
    pins,
    path,
  }
})

/** A server in short, as text, or a mapping. */
const upstreamEntry = z.unknown().transform((value, context): Upstream => {
  const result = typeof value === 'object' ? detailedUpstream.safeParse(value) : upstreamField.safeParse(value)
  if (result.success) return result.data
  context.issues.push(...result.error.issues.map((issue) => ({ ...issue, input: value }) as z.core.$ZodRawIssue))
  return z.NEVER
})

const upstreamList = listOf(upstreamEntry, 'name servers').min(1, {
  error: 'must name at least one server, or be auto',
})

/** Octets of an address that `prefix` with an embedded IPv4 address leaves free (RFC 6052 §2.2). */
const hasRoomFor = (prefix: z.output<typeof pref64Field>, suffix: Ip6): boolean => {
  const ones = embedIp4(prefix, asIp4(0xffffffff))
  // Everything up to the last octet of the IPv4 address, and the u-octet, belongs to the prefix.
  const last = ones.findLastIndex((octet) => octet === 255)
  return suffix.every((octet, index) => octet === 0 || index > Math.max(last, 8))
}

/** What holds for one prefix of `pref64` besides being one. */
const prefixRule = section({
  pref64: pref64Field,
  /** Who gets addresses of this prefix; left out = everyone. */
  clients: clientsField.optional(),
  /** Which IPv4 addresses it is made for; the first entry that fits decides, none = not. Left out = all. */
  mapped: listOf(mappedField, 'IPv4 prefixes').min(1, { error: 'must hold at least one IPv4 prefix' }).optional(),
  /** AAAA records that count as missing for this prefix; left out = dns64.exclude. */
  exclude: autoOr(listOf(prefix6Field, 'IPv6 prefixes')).optional(),
  /** The bits behind the IPv4 address. */
  suffix: ip6Field.prefault('::'),
  /** Only for questions that ask for recursion. */
  recursiveOnly: yesNo.default(false),
  /** Also for those who asked with DO and got a signed denial that nobody validated. */
  breakDnssec: yesNo.default(false),
}).transform((rule, context) => {
  if (hasRoomFor(rule.pref64, rule.suffix)) return rule
  const message = `must leave the bits of ${formatPrefix(rule.pref64)}, of the IPv4 address and 64 to 71 zero (RFC 6052 §2.2)`
  context.issues.push({ code: 'custom', path: ['suffix'], message, input: rule.suffix })
  return z.NEVER
})

const domainRule = section({
  name: domainField,
  /** never: no AAAA is made; always: beside native ones too; ignore-native: native ones count as missing. */
  synthesis: oneOf('auto', 'never', 'always', 'ignore-native').default('auto'),
  /** Who is asked about this name and all below it. */
  upstreams: upstreamList.optional(),
})

const localRecord = section({
  name: domainField,
  type: oneOf('A', 'AAAA', 'CNAME', 'PTR', 'MX', 'SRV', 'TXT'),
  /** As in a master file (RFC 1035 §5). */
  data: z.string({ error: 'must be a text, as in a zone file' }).min(1, { error: 'must not be empty' }),
  ttlS: integer(0, 604_800, 'seconds').default(600),
})

/** What dns64 does; see services/dns64/README.md. */
export const dns64 = section({
  upstreams: autoOr(upstreamList).default(AUTO),
  exclude: autoOr(listOf(prefix6Field, 'IPv6 prefixes')).default(AUTO),
  listen: autoOr(
    listOf(listenField, 'addresses').min(1, { error: 'must name at least one address, or be auto' }),
  ).default(AUTO),
  /** Who may ask; auto = lan.prefix, link-local neighbours and this machine. */
  clients: autoOr(clientsField).default(AUTO),
  /** For each client address; 0 = no limit. */
  rateLimit: section({
    queriesPerS: integer(0, 10_000_000, 'queries').default(1000),
    burst: integer(1, 10_000_000, 'queries').default(4000),
  }).prefault({}),
  cacheMaxEntries: integer(0, 10_000_000, 'answers').default(100_000),
  /** Answers that are asked often are renewed before their time is over. */
  prefetch: yesNo.default(true),
  /** What is kept of queries, in memory alone: nothing, names without who asked, or names and who asked. */
  queryLog: oneOf('off', 'names', 'clients').default('names'),
  prefixes: listOf(prefixRule, 'rules for prefixes of pref64').default([]),
  domains: listOf(domainRule, 'rules for domains').default([]),
  records: listOf(localRecord, 'records').default([]),
})
