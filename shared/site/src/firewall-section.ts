import { formatIp6, type Ip6, type Prefix6, parseIp6, parsePrefix6, prefix6Of } from '@sixgate/addr'
import { z } from 'zod'
import { integer, interfaceField, ip6Field, listOf, oneOf, parsed, prefix4Field, section, yesNo } from './fields.ts'

const PORT_MAX = 65_535
const protocol = oneOf('tcp', 'udp')

/** Ports from `first` to `last`, both included. */
export interface PortRange {
  readonly first: number
  readonly last: number
}

const RANGE = 'must be a port from 1 to 65535, or a range like 5000-5010'

/** A port as a number, or a range as a text. */
const portRange = z.union([z.int(), z.string()], { error: RANGE }).transform((value, context): PortRange => {
  const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(String(value)) ?? []
  const range = { first: Number(first), last: Number(last ?? first) }
  if (range.first >= 1 && range.first <= range.last && range.last <= PORT_MAX) return range
  context.issues.push({ code: 'custom', message: RANGE, input: value })
  return z.NEVER
})

/** A port of the uplink's address that leads to a LAN host, by the host's pool address. */
const forward = section({
  protocol,
  port: portRange,
  to: ip6Field,
  /** The host's own port; as `port` when left out. */
  toPort: integer(1, PORT_MAX).optional(),
  /** Opens the host's own IPv6 address for the same port too; for a LAN with a global prefix. */
  ipv6: yesNo.default(false),
}).transform((fields, context) => {
  const { port, toPort } = fields
  if (toPort === undefined || port.first === port.last) return { ...fields, toPort: toPort ?? port.first }
  const message = 'goes with a single port only: the ports of a range stay what they are'
  context.issues.push({ code: 'custom', path: ['toPort'], message, input: toPort })
  return z.NEVER
})

/** Who is meant: a host or prefix by IPv6 address, or a device by its MAC address, whatever addresses it makes itself. */
export type BlockedHost = { readonly prefix: Prefix6 } | { readonly mac: string }

const prefixOfHost = (ip6: Ip6): Prefix6 => prefix6Of(ip6, 128)

const blockedHost = parsed<BlockedHost>(
  'an IPv6 address, an IPv6 prefix, or a MAC address like 02:00:00:12:34:56',
  (text) => {
    if (/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) return { mac: text.toLowerCase() }
    const ip6 = parseIp6(text)
    const prefix = ip6 === undefined ? parsePrefix6(text) : prefixOfHost(ip6)
    return prefix === undefined ? undefined : { prefix }
  },
)

/** In the order of the kernel's numbers: Sunday is 0. */
export const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const

const MINUTE_S = 60
const HOUR_S = 3600

/** `21:00` becomes seconds from midnight. */
const timeOfDay = parsed<number>('a time of day like 21:00, from 00:00 to 23:59', (text) => {
  const [, hour, minute] = /^(\d\d):(\d\d)$/.exec(text) ?? []
  const good = hour !== undefined && Number(hour) < 24 && Number(minute) < 60
  return good ? Number(hour) * HOUR_S + Number(minute) * MINUTE_S : undefined
})

/** A host that may not leave the LAN: always, or on some days, or from one time of day to another. */
const block = section({
  host: blockedHost,
  /** Days on which the time begins; all when left out. */
  days: listOf(oneOf(...WEEKDAYS), 'days like monday')
    .min(1, { error: 'must name at least one day; leave it out for every day' })
    .optional(),
  from: timeOfDay.optional(),
  until: timeOfDay.optional(),
}).transform((fields, context) => {
  const { from, until } = fields
  if ((from === undefined) === (until === undefined) && (from === undefined || from !== until)) return fields
  const [path, message] =
    from === until
      ? ['until', 'must be another time than from; leave both out for the whole day']
      : [from === undefined ? 'from' : 'until', 'is missing: from and until go together']
  context.issues.push({ code: 'custom', path: [path], message, input: undefined })
  return z.NEVER
})

/** Names of the time zone database, as far as this program knows them. */
const isTimeZone = (text: string): boolean => {
  try {
    return Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

const timeZone = parsed<string>('a time zone like Europe/Berlin, or UTC', (text) =>
  isTimeZone(text) ? text : undefined,
)

const PER_SECOND_MAX = 1_000_000
const perSecond = integer(0, PER_SECOND_MAX, 'per second, 0 = without limit,')

/** What one second may bring at most; a burst of the double is let through. */
const limits = section({
  /** First segments of TCP flows from the uplink, to the gateway or through it. */
  synFromWanPerSecond: perSecond.default(200),
  /** New flows of any kind from the uplink, those included. */
  newFromWanPerSecond: perSecond.default(500),
  /** New flows of one LAN host. */
  newPerHostPerSecond: perSecond.default(500),
})

/** A link with IPv4 hosts beside the IPv6-only LAN, masqueraded like the pool. The link is the owner's to set up. */
const lan4 = section({ interface: interfaceField, prefix: prefix4Field })

export const firewall = section({
  mssClamp: yesNo.default(true),
  allowPingFromWan: yesNo.default(true),
  inbound: listOf(section({ protocol, port: integer(1, PORT_MAX) }), 'pairs of protocol and port').default([]),
  forwards: listOf(forward, 'port forwards').default([]),
  /** RFC 6092 REC-49: with `accept` the LAN's IPv6 hosts have to guard themselves. */
  ipv6Inbound: oneOf('refuse', 'accept').default('refuse'),
  blocks: listOf(block, 'blocked hosts').default([]),
  /** Which clock the times of `blocks` are read from. */
  timezone: timeZone.optional(),
  limits: limits.prefault({}),
  lan4: listOf(lan4, 'pairs of interface and prefix').default([]),
  /** Sources on the uplink whose answers would leave by another link are refused. */
  reversePath: yesNo.default(true),
  /** Known flows skip the rules where the kernel can do that (nftables flowtable). */
  flowtable: oneOf('auto', 'off').default('auto'),
}).transform((fields, context) => {
  const timed = fields.blocks.findIndex(({ days, from }) => days !== undefined || from !== undefined)
  if (timed === -1 || fields.timezone !== undefined) return { ...fields, timezone: fields.timezone ?? 'UTC' }
  const message = `is missing: blocks[${timed}] has a time; say of which time zone it is, like Europe/Berlin`
  context.issues.push({ code: 'custom', path: ['timezone'], message, input: undefined })
  return z.NEVER
})

/** As the document has it: one port, or two with a hyphen. */
export const formatPortRange = ({ first, last }: PortRange): string =>
  first === last ? String(first) : `${first}-${last}`

export const formatBlockedHost = (host: BlockedHost): string => {
  if ('mac' in host) return host.mac
  const { addr, lenBits } = host.prefix
  return lenBits === 128 ? formatIp6(addr) : `${formatIp6(addr)}/${lenBits}`
}
