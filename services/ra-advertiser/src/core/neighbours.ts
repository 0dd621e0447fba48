import { equalIp6, formatIp6, formatPrefix, type Ip6, type Prefix6 } from '@sixgate/addr'
import type { NdpOption } from './ndp-options.ts'
import type { ReceivedAdvertisement, RouterAdvertisement } from './ra-wire.ts'

/** Something about another router that an operator should know. */
export interface Finding {
  /** `unknown-router`, or the field that conflicts: stable, for programs. */
  readonly code: string
  readonly message: string
}

/** Another router on one LAN, as its messages show it. */
export interface Neighbour {
  readonly router: Ip6
  /** From the SLLA option of its last message; undefined: it had none. */
  readonly mac: Uint8Array | undefined
  readonly ra: RouterAdvertisement
  /** Milliseconds on a monotonic clock. */
  readonly firstMs: number
  readonly lastMs: number
  readonly messages: number
  readonly findings: readonly Finding[]
}

/** A host that makes up routers must not fill the memory. */
export const NEIGHBOURS_MAX = 64
/** What a silent router said is of interest for as long as its lifetimes may last, at least for so long. */
const FORGET_AFTER_MS = 1_800_000

/** Lifetimes that differ by less are the same: ours and theirs count down to one end (RFC 4861 §6.2.7). */
const SAME_WITHIN_S = 60

type OptionOf<Kind extends NdpOption['kind']> = Extract<NdpOption, { kind: Kind }>

const optionsOf = <Kind extends NdpOption['kind']>({ options }: RouterAdvertisement, kind: Kind): OptionOf<Kind>[] =>
  options.filter((option): option is OptionOf<Kind> => option.kind === kind)

const differ = (code: string, what: string, ours: string | number, theirs: string | number): Finding[] =>
  ours === theirs ? [] : [{ code, message: `${what}: it says ${theirs}, this gateway ${ours}` }]

const differS = (code: string, what: string, ours: number, theirs: number): Finding[] =>
  Math.abs(ours - theirs) < SAME_WITHIN_S ? [] : differ(code, what, `${ours} s`, `${theirs} s`)

/** RFC 4861 §6.2.7: "If the value is unspecified (0), there is no inconsistency." */
const differIfBoth = (code: string, what: string, ours: number, theirs: number): Finding[] =>
  ours === 0 || theirs === 0 ? [] : differ(code, what, ours, theirs)

const yesNo = (value: boolean): string => (value ? 'yes' : 'no')

/** Things of one kind that both routers advertise, in pairs. */
const pairs = <T>(ours: readonly T[], theirs: readonly T[], keyOf: (one: T) => string): [string, T, T][] =>
  ours.flatMap((own) => {
    const other = theirs.find((one) => keyOf(one) === keyOf(own))
    return other === undefined ? [] : [[keyOf(own), own, other]]
  })

const headerFindings = (ours: RouterAdvertisement, theirs: RouterAdvertisement): Finding[] => [
  ...differIfBoth('hop-limit', 'Cur Hop Limit', ours.curHopLimit, theirs.curHopLimit),
  ...differ('managed', 'M flag (addresses by DHCPv6)', yesNo(ours.managed), yesNo(theirs.managed)),
  ...differ('other-config', 'O flag (configuration by DHCPv6)', yesNo(ours.otherConfig), yesNo(theirs.otherConfig)),
  ...differIfBoth('reachable-time', 'Reachable Time, ms', ours.reachableTimeMs, theirs.reachableTimeMs),
  ...differIfBoth('retrans-timer', 'Retrans Timer, ms', ours.retransTimerMs, theirs.retransTimerMs),
]

const linkFindings = (ours: RouterAdvertisement, theirs: RouterAdvertisement): Finding[] => {
  const [ownMtu] = optionsOf(ours, 'mtu')
  const [otherMtu] = optionsOf(theirs, 'mtu')
  const [ownPortal] = optionsOf(ours, 'captive-portal')
  const [otherPortal] = optionsOf(theirs, 'captive-portal')
  return [
    ...differIfBoth('mtu', 'MTU', ownMtu?.mtuBytes ?? 0, otherMtu?.mtuBytes ?? 0),
    ...(ownPortal === undefined || otherPortal === undefined
      ? []
      : differ('captive-portal', 'captive portal', ownPortal.uri, otherPortal.uri)),
  ]
}

const prefixFindings = (ours: RouterAdvertisement, theirs: RouterAdvertisement): Finding[] => {
  // A prefix that somebody lets go, lifetime 0, is no conflict but a change.
  const live = (ra: RouterAdvertisement): OptionOf<'pio'>[] =>
    optionsOf(ra, 'pio').filter(({ validLifetimeS }) => validLifetimeS > 0)
  const key = ({ prefix }: { readonly prefix: Prefix6 }): string => formatPrefix(prefix)
  return pairs(live(ours), live(theirs), key).flatMap(([prefix, own, other]) => [
    ...differS('prefix-valid', `prefix ${prefix}, valid lifetime`, own.validLifetimeS, other.validLifetimeS),
    ...differS(
      'prefix-preferred',
      `prefix ${prefix}, preferred lifetime`,
      own.preferredLifetimeS,
      other.preferredLifetimeS,
    ),
    ...differ('prefix-on-link', `prefix ${prefix}, L flag`, yesNo(own.onLink), yesNo(other.onLink)),
    ...differ('prefix-autonomous', `prefix ${prefix}, A flag`, yesNo(own.autonomous), yesNo(other.autonomous)),
  ])
}

/** Each server and name with its lifetime; 0 is a withdrawal, no conflict. */
const lifetimesOf = (ra: RouterAdvertisement): [code: string, what: string, lifetimeS: number][] => [
  ...optionsOf(ra, 'rdnss').flatMap(({ servers, lifetimeS }) =>
    servers.map((server): [string, string, number] => [
      'rdnss',
      `DNS server ${formatIp6(server)}, lifetime`,
      lifetimeS,
    ]),
  ),
  ...optionsOf(ra, 'dnssl').flatMap(({ names, lifetimeS }) =>
    names.map((name): [string, string, number] => ['dnssl', `search domain ${name}, lifetime`, lifetimeS]),
  ),
  ...optionsOf(ra, 'rio').map(({ prefix, lifetimeS }): [string, string, number] => [
    'route',
    `route to ${formatPrefix(prefix)}, lifetime`,
    lifetimeS,
  ]),
]

const dnsFindings = (ours: RouterAdvertisement, theirs: RouterAdvertisement): Finding[] =>
  pairs(lifetimesOf(ours), lifetimesOf(theirs), ([, what]) => what).flatMap(([, [code, what, own], [, , other]]) =>
    own === 0 || other === 0 ? [] : differS(code, what, own, other),
  )

/** RFC 8781 §5.1 lets hosts use several NAT64 prefixes, but hosts of one link should come out the same way. */
const pref64Findings = (ours: RouterAdvertisement, theirs: RouterAdvertisement): Finding[] => {
  const live = (ra: RouterAdvertisement): string =>
    optionsOf(ra, 'pref64')
      .filter(({ lifetimeS }) => lifetimeS > 0)
      .map(({ prefix }) => formatPrefix(prefix))
      .toSorted()
      .join(', ')
  return live(ours) === '' || live(theirs) === '' ? [] : differ('pref64', 'NAT64 prefixes', live(ours), live(theirs))
}

/**
 * What another router's message says otherwise than ours: RFC 4861 §6.2.7 (hop limit, M, O, timers, MTU, prefix lifetimes),
 * and by the same reasoning flags of prefixes, DNS, routes, captive portal and NAT64 prefix. What only one of both says
 * is no conflict, neither is another router lifetime or preference: two gateways on one link differ there on purpose.
 */
export const compareAdvertisements = (ours: RouterAdvertisement, theirs: RouterAdvertisement): Finding[] => [
  ...headerFindings(ours, theirs),
  ...linkFindings(ours, theirs),
  ...prefixFindings(ours, theirs),
  ...dnsFindings(ours, theirs),
  ...pref64Findings(ours, theirs),
]

/** One message of another router that passed `checkAdvertisement`. */
export interface Heard {
  readonly router: Ip6
  readonly ra: ReceivedAdvertisement
  readonly nowMs: number
}

/** What it is compared with. */
export interface Expected {
  readonly ours: RouterAdvertisement
  /** Link-local addresses that are known to the document; undefined: none are named, so nobody is a stranger. */
  readonly known: readonly Ip6[] | undefined
}

const isKept = ({ ra, lastMs }: Neighbour, nowMs: number): boolean =>
  nowMs - lastMs < Math.max(FORGET_AFTER_MS, ra.routerLifetimeS * 1000)

/** Without those that have not been heard of for so long that nothing they said is in use. */
export const forgetSilent = (neighbours: readonly Neighbour[], nowMs: number): readonly Neighbour[] =>
  neighbours.every((neighbour) => isKept(neighbour, nowMs))
    ? neighbours
    : neighbours.filter((neighbour) => isKept(neighbour, nowMs))

/** What a finding is about, without the values: those may count down. */
const subjectOf = ({ code, message }: Finding): string => `${code} ${message.split(': it says')[0]}`

/** The table after a message, and the findings that are new with it: each is told once. */
export const hearRouter = (
  neighbours: readonly Neighbour[],
  { router, ra, nowMs }: Heard,
  { ours, known }: Expected,
): { readonly neighbours: readonly Neighbour[]; readonly neighbour: Neighbour; readonly news: readonly Finding[] } => {
  const before = neighbours.find((neighbour) => equalIp6(neighbour.router, router))
  const isStranger = known !== undefined && !known.some((one) => equalIp6(one, router))
  const stranger: Finding = {
    code: 'unknown-router',
    message:
      'it is not in ra.knownRouters: a device with router advertisements switched on by mistake, or one that redirects traffic; find it by its MAC address, or add it to the list',
  }
  const findings = [...(isStranger ? [stranger] : []), ...compareAdvertisements(ours, ra)]
  const neighbour: Neighbour = {
    router,
    mac: optionsOf(ra, 'slla')[0]?.address,
    ra,
    firstMs: before?.firstMs ?? nowMs,
    lastMs: nowMs,
    messages: (before?.messages ?? 0) + 1,
    findings,
  }
  const others = neighbours.filter((one) => one !== before && isKept(one, nowMs))
  // The one that was silent for longest makes room.
  const kept = others.toSorted((a, b) => b.lastMs - a.lastMs).slice(0, NEIGHBOURS_MAX - 1)
  const news = findings.filter((finding) => !before?.findings.some((one) => subjectOf(one) === subjectOf(finding)))
  return { neighbours: [neighbour, ...kept], neighbour, news }
}
