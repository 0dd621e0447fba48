import {
  bpfFilter,
  type BpfFilterPlace,
  createClsact,
  deleteBpfFilter,
  deleteEmptyClsact,
  link,
  links,
  NetlinkError,
  replaceBpfFilter,
} from '@sixgate/host'
import type { Logger } from '@sixgate/obs'
import { LAYOUT_VERSION } from '../core/fast-path-layout.ts'
import type { LanPrograms, Loaded } from './bpf-generation.ts'

/** Among the filters of the link; others may go first. */
const PREFERENCE = 0x6000
const FAMILY = 'sixgate-nat64-lan'
/** At the end of the filter's name: the qdisc is ours as well. The kernel keeps it for the next process. */
const OWN_QDISC = '+clsact'
/** linux/if_arp.h; VLANs and bridges are Ethernet, too. */
const ARPHRD_ETHER = 1

type Hook = BpfFilterPlace['hook']
const HOOKS: readonly Hook[] = ['ingress', 'egress']

const placeAt = (ifindex: number, hook: Hook): BpfFilterPlace => ({ ifindex, hook, preference: PREFERENCE })
const programOf = (programs: LanPrograms, hook: Hook): Loaded => (hook === 'ingress' ? programs.from : programs.to)

/** Names of our filters at a link, of whatever process they were. */
const filtersAt = (ifindex: number): { hook: Hook; name: string }[] =>
  HOOKS.flatMap((hook) => {
    const name = bpfFilter(placeAt(ifindex, hook))?.name
    return name?.startsWith(FAMILY) === true ? [{ hook, name }] : []
  })

const isQdiscOurs = (filters: readonly { readonly name: string }[]): boolean =>
  filters.some(({ name }) => name.endsWith(OWN_QDISC))

/** Removes the filters from a link, of whatever process they were; false: there is none. */
const take = (ifindex: number): boolean => {
  const filters = filtersAt(ifindex)
  for (const { hook } of filters) deleteBpfFilter(placeAt(ifindex, hook))
  if (isQdiscOurs(filters)) deleteEmptyClsact(ifindex)
  return filters.length > 0
}

/** The one that learns goes first: the other one is of no use without it. */
const put = (ifindex: number, programs: LanPrograms): void => {
  const isOwn = createClsact(ifindex) || isQdiscOurs(filtersAt(ifindex))
  const name = `${FAMILY}-v${LAYOUT_VERSION}${isOwn ? OWN_QDISC : ''}`
  for (const hook of HOOKS.toReversed()) replaceBpfFilter(placeAt(ifindex, hook), programOf(programs, hook).fd, name)
}

const areThere = (ifindex: number, programs: LanPrograms): boolean =>
  HOOKS.every((hook) => bpfFilter(placeAt(ifindex, hook))?.programId === programOf(programs, hook).id)

/** Where the fast path's other programs stand: at ingress and egress of the LANs' links. */
export class LanLinks {
  readonly #log: Logger
  /** By name: undefined where the programs stand, else why not. */
  #states: ReadonlyMap<string, string | undefined> = new Map()

  constructor(log: Logger) {
    this.#log = log
  }

  /** Links at which they stand. */
  get links(): readonly string[] {
    return [...this.#states].flatMap(([name, reason]) => (reason === undefined ? [name] : []))
  }

  /** For people, to be put behind another remark; empty when the document asks for nothing. */
  get remark(): string {
    const absent = [...this.#states].flatMap(([name, reason]) => (reason === undefined ? [] : [`${name} (${reason})`]))
    return [
      ...(this.links.length === 0 ? [] : [`; also at ${this.links.join(', ')}`]),
      ...(absent.length === 0 ? [] : [`; not at ${absent.join(', ')}`]),
    ].join('')
  }

  /** Puts the programs at each of these links that is there, in the place of earlier ones. */
  attach(programs: LanPrograms, names: readonly string[]): void {
    const before = this.#states
    this.#states = new Map(names.map((name) => [name, this.#attachTo(programs, name)]))
    for (const [name, reason] of this.#states) {
      if (before.has(name) && before.get(name) === reason) continue
      if (reason === undefined) this.#log.info({ link: name }, 'fast path: at this LAN, too')
      else this.#log.warn({ link: name }, `fast path: not at this LAN (${reason}); packets take the way by the TUN`)
    }
  }

  /** The same, for what happened in the kernel: a link that is new, or a filter that somebody removed. */
  attachAgain(programs: LanPrograms): void {
    this.attach(programs, [...this.#states.keys()])
  }

  /** Says why the programs are at none of these links, and removes them where they stand. */
  refuse(names: readonly string[], reason: string): void {
    this.detachExcept([])
    this.#states = new Map(names.map((name) => [name, reason]))
  }

  /** Removes them, also what an earlier process left, from all links but these. */
  detachExcept(names: readonly string[]): void {
    if (names.length === 0) this.#states = new Map()
    try {
      for (const { index, name, type } of links())
        if (type === ARPHRD_ETHER && !names.includes(name) && take(index))
          this.#log.info({ link: name }, 'fast path: removed from this LAN')
    } catch (error) {
      this.#log.error({ err: error }, 'fast path: its filters at the LANs could not be removed')
    }
  }

  /** Why they are not there; `undefined`: they are. */
  #attachTo(programs: LanPrograms, name: string): string | undefined {
    try {
      const found = link(name)
      if (found === undefined) return 'there is no such link'
      if (found.type !== ARPHRD_ETHER) return 'it is no Ethernet'
      if (!areThere(found.index, programs)) put(found.index, programs)
      return undefined
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'ENODEV') return 'there is no such link'
      return error instanceof Error ? error.message : String(error)
    }
  }
}
