import { equalIp6, formatIp6, type Ip6, ip6ToHex } from '@sixgate/addr'
import { isLinkLocal, linkLocalOf } from './link-local.ts'
import type { Problem } from './problem.ts'

/** What the document wants of the LAN link. */
export interface LanWish {
  /** Existing interface: the LAN itself, or what carries its VLAN. */
  readonly parent: string
  /** 802.1Q identifier; undefined = the LAN is untagged. */
  readonly vlan: number | undefined
  /** Name of the LAN link: `parent`, or the VLAN's own. */
  readonly link: string
  /** The router's address on the link. */
  readonly router: Ip6
}

/** A link as the kernel shows it; the part of @sixgate/host's Link that is needed here. */
export interface LinkFacts {
  readonly index: number
  readonly name: string
  readonly kind: string | undefined
  readonly vlanId: number | undefined
  readonly parentIndex: number | undefined
  /** The bridge, bond or VRF that this link is a part of. */
  readonly masterIndex: number | undefined
  readonly up: boolean
  readonly running: boolean
  readonly loopback: boolean
  readonly multicast: boolean
  readonly mtu: number
  readonly address: Uint8Array | undefined
}

/** An IPv6 address of the LAN link. */
export interface AddressFacts {
  readonly ip: Ip6
  readonly lenBits: number
  readonly tentative: boolean
  readonly dadFailed: boolean
}

/** The host as it is. */
export interface HostView {
  readonly links: readonly LinkFacts[]
  /** IPv6 addresses of the LAN link; empty while there is none. */
  readonly addresses: readonly AddressFacts[]
  /** For how long the LAN link has had carrier, as far as we saw; 0 without. */
  readonly runningForMs: number
  /** Values of the LAN link's sysctls by name in `ipv6/conf/<link>/`; undefined = no such file. */
  readonly sysctl: (name: string) => string | undefined
}

/** One change to the host. */
export type LanStep =
  | { readonly do: 'create-vlan'; readonly parent: string; readonly id: number; readonly name: string }
  | { readonly do: 'switch-on'; readonly name: string; readonly ifindex: number }
  | { readonly do: 'set-sysctl'; readonly path: string; readonly value: string }
  | { readonly do: 'add-address'; readonly name: string; readonly ifindex: number; readonly ip: Ip6 }

/** A LAN link that can carry Router Advertisements. */
export interface ReadyLan {
  readonly ifindex: number
  readonly name: string
  /** Source of the messages: a link-local address whose duplicate detection is over (RFC 4862 §5.4). */
  readonly linkLocal: Ip6
  readonly mac: Uint8Array | undefined
  readonly mtuBytes: number
  /** Duplicate detection of the router's own address is still running: do not begin to announce it as DNS server yet. */
  readonly routerPending: boolean
}

export interface LanPlan {
  /** What to do now; look at the host again afterwards. */
  readonly steps: readonly LanStep[]
  readonly problems: readonly Problem[]
  /** undefined: not usable, because steps remain, a problem is in the way, or duplicate detection is still running. */
  readonly ready: ReadyLan | undefined
}

/** Prefix length of the router's address and of link-local ones. */
export const LAN_LEN_BITS = 64

/**
 * Sysctls that the LAN link of a router needs; the originals are recorded and come back with `down`.
 * - `accept_ra`: another router's advertisement must not configure this one (RFC 4861 §6.2.7 only compares them).
 * - `disable_ipv6`: some distributions and dockerd switch IPv6 off per link.
 * Left as they are: `accept_dad` (1 by default; 0 is an administrator's decision), `addr_gen_mode` (where the kernel makes
 * no link-local address, which NetworkManager asks of it, one is added), `forwarding` (nat44-firewall's).
 */
export const LAN_SYSCTLS: readonly (readonly [name: string, value: string])[] = [
  ['disable_ipv6', '0'],
  ['accept_ra', '0'],
]

const blocked = (code: string, message: string): LanPlan => ({
  steps: [],
  problems: [{ code, message }],
  ready: undefined,
})

const missing = (wish: LanWish, links: readonly LinkFacts[]): LanPlan => {
  const names = links.filter(({ loopback }) => !loopback).map(({ name }) => name)
  const there = names.length === 0 ? 'there is no other one' : `there are: ${names.join(', ')}`
  return blocked(
    'lan-link-missing',
    `interface "${wish.parent}" (lan.interface) does not exist; ${there}. Plug it in, or name the right one in the site document`,
  )
}

const describeLink = (link: LinkFacts, links: readonly LinkFacts[]): string => {
  if (link.kind !== 'vlan') return `a ${link.kind ?? 'physical'} interface`
  const parent = links.find(({ index }) => index === link.parentIndex)?.name ?? 'another interface'
  return `VLAN ${link.vlanId} on ${parent}`
}

/** The bridge or bond that takes this link's packets; a VRF leaves them to it. */
const takenBy = (lan: LinkFacts, links: readonly LinkFacts[]): LinkFacts | undefined =>
  links.find(({ index, kind }) => index === lan.masterIndex && kind !== 'vrf')

/** Numerically smallest: the same one after every restart, so that hosts keep seeing the same router. */
const smallest = (ips: readonly Ip6[]): Ip6 | undefined =>
  ips.toSorted((a, b) => (ip6ToHex(a) < ip6ToHex(b) ? -1 : 1))[0]

const addStep = (lan: LinkFacts, ip: Ip6): LanStep => ({ do: 'add-address', name: lan.name, ifindex: lan.index, ip })

const routerSteps = (wish: LanWish, lan: LinkFacts, view: HostView): LanStep[] =>
  view.addresses.some(({ ip }) => equalIp6(ip, wish.router)) ? [] : [addStep(lan, wish.router)]

/** The kernel makes its link-local address a moment after it reports the carrier; ours would take its place. */
export const LINK_LOCAL_GRACE_MS = 2000
/** `addr_gen_mode`: the kernel makes no link-local address (IN6_ADDR_GEN_MODE_NONE). */
const ADDR_GEN_MODE_NONE = '1'

const hasLinkLocal = (view: HostView): boolean => view.addresses.some(({ ip }) => isLinkLocal(ip))

const awaitsLinkLocal = (view: HostView): boolean =>
  !hasLinkLocal(view) && view.sysctl('addr_gen_mode') !== ADDR_GEN_MODE_NONE && view.runningForMs < LINK_LOCAL_GRACE_MS

/** A link-local address where the kernel was asked to make none, or somebody removed it. */
const linkLocalSteps = (lan: LinkFacts, view: HostView): LanStep[] => {
  const linkLocal = lan.address && linkLocalOf(lan.address)
  if (linkLocal === undefined || hasLinkLocal(view) || awaitsLinkLocal(view)) return []
  return [addStep(lan, linkLocal)]
}

const addressProblems = (wish: LanWish, lan: LinkFacts, view: HostView): Problem[] => {
  const problems: Problem[] = []
  const router = view.addresses.find(({ ip }) => equalIp6(ip, wish.router))
  if (router?.dadFailed === true)
    problems.push({
      code: 'lan-address-duplicate',
      message: `${formatIp6(wish.router)} (lan.router) is used by another node on ${lan.name} (RFC 4862 §5.4.5): stop that node, or choose another lan.router`,
    })
  if (router !== undefined && router.lenBits !== LAN_LEN_BITS)
    problems.push({
      code: 'lan-address-length',
      message: `${formatIp6(wish.router)} on ${lan.name} has prefix length ${router.lenBits}, it must be ${LAN_LEN_BITS}: remove that address, it is added again as it should be`,
    })
  const linkLocals = view.addresses.filter(({ ip }) => isLinkLocal(ip))
  if (linkLocals.length === 0)
    problems.push({
      code: 'lan-link-local-missing',
      message: `${lan.name} has no link-local address and no Ethernet address to make one from: Router Advertisements need one (RFC 4861 §4.2); use an Ethernet-like interface as lan.interface`,
    })
  else if (linkLocals.every(({ dadFailed }) => dadFailed))
    problems.push({
      code: 'lan-link-local-duplicate',
      message: `${linkLocals.map(({ ip }) => formatIp6(ip)).join(', ')} on ${lan.name} is used by another node: two interfaces on this link have the same Ethernet address`,
    })
  return problems
}

/** Compares what the document wants with the host and says what to do, what is wrong, and whether the link can be used. */
export const planLan = (wish: LanWish, view: HostView): LanPlan => {
  const parent = view.links.find(({ name }) => name === wish.parent)
  if (parent === undefined) return missing(wish, view.links)
  const steps: LanStep[] = []
  if (!parent.up) steps.push({ do: 'switch-on', name: parent.name, ifindex: parent.index })
  const lan = view.links.find(({ name }) => name === wish.link)
  if (lan === undefined) {
    if (wish.vlan !== undefined) steps.push({ do: 'create-vlan', parent: wish.parent, id: wish.vlan, name: wish.link })
    return { steps, problems: [], ready: undefined }
  }
  if (wish.vlan !== undefined && (lan.kind !== 'vlan' || lan.vlanId !== wish.vlan || lan.parentIndex !== parent.index))
    return blocked(
      'lan-link-conflict',
      `"${wish.link}" exists as ${describeLink(lan, view.links)}, but the site document wants VLAN ${wish.vlan} on ${wish.parent}: rename or remove it`,
    )
  if (!lan.multicast || lan.loopback)
    return blocked(
      'lan-link-unsuitable',
      `"${lan.name}" carries no multicast, which Router Advertisements need: use an Ethernet-like interface as lan.interface`,
    )
  const master = takenBy(lan, view.links)
  if (master !== undefined)
    return blocked(
      'lan-link-enslaved',
      `"${lan.name}" is a port of ${master.name} (${master.kind ?? 'master'}), which takes its packets: name ${master.name} as lan.interface`,
    )
  for (const [name, value] of LAN_SYSCTLS) {
    const present = view.sysctl(name)
    if (present !== undefined && present !== value)
      steps.push({ do: 'set-sysctl', path: `ipv6/conf/${lan.name}/${name}`, value })
  }
  if (!lan.up && lan !== parent) steps.push({ do: 'switch-on', name: lan.name, ifindex: lan.index })
  if (steps.length > 0) return { steps, problems: [], ready: undefined }
  if (!lan.running)
    // Addresses can be added; duplicate detection waits for the carrier.
    return {
      steps: routerSteps(wish, lan, view),
      problems: [
        {
          code: 'lan-link-no-carrier',
          message: `${lan.name} has no carrier: check the cable, the switch and, for a VLAN, the interface ${wish.parent}`,
        },
      ],
      ready: undefined,
    }
  const wanted = [...linkLocalSteps(lan, view), ...routerSteps(wish, lan, view)]
  if (wanted.length > 0 || awaitsLinkLocal(view)) return { steps: wanted, problems: [], ready: undefined }
  const problems = addressProblems(wish, lan, view)
  const usable = (address: AddressFacts): boolean => !address.tentative && !address.dadFailed
  const linkLocal = smallest(view.addresses.filter((a) => isLinkLocal(a.ip) && usable(a)).map(({ ip }) => ip))
  const routerPending = view.addresses.some((a) => equalIp6(a.ip, wish.router) && a.tentative && !a.dadFailed)
  return {
    steps: [],
    problems,
    ready:
      linkLocal === undefined
        ? undefined
        : { ifindex: lan.index, name: lan.name, linkLocal, mac: lan.address, mtuBytes: lan.mtu, routerPending },
  }
}
