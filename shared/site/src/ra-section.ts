import { z } from 'zod'
import {
  AUTO,
  autoOr,
  domainField,
  integer,
  ip6Field,
  listOf,
  oneOf,
  prefix6Field,
  section,
  timeField,
  uriField,
  yesNo,
} from './fields.ts'
import { health } from './health-section.ts'

const UINT16 = 0xffff
const UINT32 = 0xffffffff
/** RFC 8781 §4: a 13-bit number of 8-second units. */
const PREF64_LIFETIME_MAX_S = 65_528
/** RFC 4861 §6.2.1: AdvReachableTime is at most an hour. */
const REACHABLE_TIME_MAX_MS = 3_600_000
/** RFC 8319 §4 raised RFC 4861's 1800 s to 65535 s; here a NAT64 prefix has to last from one message to the next. */
const INTERVAL_MAX_S = PREF64_LIFETIME_MAX_S
/** RFC 8925 §3.4: hosts take a shorter time for this one. */
const MIN_V6ONLY_WAIT_S = 300
const LINK_MTU = 'must be 0 (no option) or from 1280 to 65535 bytes'

const preference = oneOf('high', 'medium', 'low').default('medium')
const ipv6Addresses = autoOr(
  listOf(ip6Field, 'IPv6 addresses').min(1, { error: 'must name at least one address, or be auto' }),
).default(AUTO)

const route = section({
  prefix: prefix6Field,
  preference,
  /** As routerLifetimeS when left out. */
  lifetimeS: integer(0, UINT32, 'seconds').optional(),
})

/** An encrypted resolver for the hosts (RFC 9463). Mind that it has to do DNS64 too, or hosts have to do it themselves. */
const dnr = section({
  /** The name in the resolver's certificate. */
  name: domainField,
  /** RFC 9460 §2.4.1: the lowest is tried first; 0 means something else. */
  priority: integer(1, UINT16).default(1),
  addresses: ipv6Addresses,
  alpn: listOf(oneOf('dot', 'doq', 'h2', 'h3'), 'protocols').min(1, {
    error: 'must name at least one of dot, doq, h2, h3',
  }),
  port: integer(1, UINT16).optional(),
  /** RFC 9461 §5: URI template of DNS over HTTPS; needed with h2 and h3. */
  dohPath: z
    .string({ error: 'must be a text like /dns-query{?dns}' })
    .regex(/^\/[\x21-\x7e]*\{\?dns\}[\x21-\x7e]*$/, { error: 'must be a path with {?dns}, like /dns-query{?dns}' })
    .optional(),
})

/** Names and defaults of RFC 4861 §6.2.1 with the bounds of RFC 8319; lifetimes are 3 × MaxRtrAdvInterval by default. */
export const ra = section({
  maxRtrAdvIntervalS: integer(4, INTERVAL_MAX_S, 'seconds').default(600),
  minRtrAdvIntervalS: integer(3, INTERVAL_MAX_S, 'seconds').optional(),

  curHopLimit: integer(0, 255).default(64),
  managed: yesNo.default(false),
  otherConfig: yesNo.default(false),
  preference,
  routerLifetimeS: integer(0, UINT16, 'seconds').optional(),
  reachableTimeMs: integer(0, REACHABLE_TIME_MAX_MS, 'milliseconds').default(0),
  retransTimerMs: integer(0, UINT32, 'milliseconds').default(0),
  /** 0 = no MTU option. */
  linkMtu: z
    .int({ error: LINK_MTU })
    .refine((mtu) => mtu === 0 || (mtu >= 1280 && mtu <= UINT16), { error: LINK_MTU })
    .default(0),

  onLink: yesNo.default(true),
  autonomous: yesNo.default(true),
  /** R: the prefix option holds the router's whole address (RFC 6275 §7.2). */
  routerAddress: yesNo.default(false),
  /** P: hosts should ask a DHCPv6 server on the LAN for a prefix each (RFC 9762). */
  preferDelegation: yesNo.default(false),
  /** Left out: a day and 4 hours, but never less than 3 × MaxRtrAdvInterval. */
  validLifetimeS: integer(0, UINT32, 'seconds').optional(),
  preferredLifetimeS: integer(0, UINT32, 'seconds').optional(),
  /** From these times on the prefix is no longer valid or preferred; before them the lifetimes never reach beyond. */
  validUntil: timeField.optional(),
  preferredUntil: timeField.optional(),

  /** Also advertise every other /64 of which the LAN link has an address, e.g. delegated by DHCPv6, until it ends. */
  interfacePrefixes: yesNo.default(false),

  /** auto = the router's address, where dns64 answers. */
  rdnss: ipv6Addresses,
  rdnssLifetimeS: integer(0, UINT32, 'seconds').optional(),
  dnssl: listOf(domainField, 'domain names').default([]),
  dnr: listOf(dnr, 'encrypted resolvers').default([]),

  pref64LifetimeS: integer(0, PREF64_LIFETIME_MAX_S, 'seconds').optional(),
  /** A route to each pref64 beside the default route; auto = only while this router is no default router (routerLifetimeS 0). */
  pref64Route: autoOr(yesNo).default(AUTO),
  routes: listOf(route, 'routes').default([]),
  captivePortal: uriField.optional(),
  /** DHCPv4 option 108 (RFC 8925): how long hosts that ask leave IPv4 alone; left out: DHCPv4 is not answered. */
  ipv6OnlyWaitS: integer(MIN_V6ONLY_WAIT_S, UINT32, 'seconds').optional(),
  /** Link-local addresses of the other routers that belong on this LAN; with a list, all others are reported. */
  knownRouters: listOf(ip6Field, 'link-local addresses').optional(),
  health: health.prefault({}),
}).transform((fields) => {
  const lifetimeS = 3 * fields.maxRtrAdvIntervalS
  const routerLifetimeS = fields.routerLifetimeS ?? Math.min(lifetimeS, UINT16)
  const { pref64Route } = fields
  const validLifetimeS = fields.validLifetimeS ?? Math.max(86_400, lifetimeS)
  return {
    ...fields,
    validLifetimeS,
    // RFC 4861 §6.2.1: "MUST NOT be larger than AdvValidLifetime", so a shorter valid one shortens this one's default.
    preferredLifetimeS: fields.preferredLifetimeS ?? Math.min(validLifetimeS, Math.max(14_400, lifetimeS)),
    // RFC 4861 §6.2.1: default 0.33 × MaxRtrAdvInterval, never below 3 s.
    minRtrAdvIntervalS: fields.minRtrAdvIntervalS ?? Math.max(3, Math.floor(fields.maxRtrAdvIntervalS * 0.33)),
    routerLifetimeS,
    // RFC 8106 §5.1: "By default, the value of Lifetime SHOULD be at least 3 * MaxRtrAdvInterval".
    rdnssLifetimeS: fields.rdnssLifetimeS ?? lifetimeS,
    // RFC 8781 §4.1: "the lesser of 3 x MaxRtrAdvInterval divided by 8, or 8191".
    pref64LifetimeS: fields.pref64LifetimeS ?? Math.min(lifetimeS, PREF64_LIFETIME_MAX_S),
    pref64Route: pref64Route === AUTO ? routerLifetimeS === 0 : pref64Route,
  }
})
