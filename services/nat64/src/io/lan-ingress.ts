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
import type { Generation } from './bpf-generation.ts'

/** Among the filters of the link; others may go first. */
const PREFERENCE = 0x6000
const FAMILY = 'sixgate-nat64-lan'
/** At the end of the filter's name: the qdisc is ours as well. The kernel keeps it for the next process. */
const OWN_QDISC = '+clsact'
/** linux/if_arp.h; VLANs and bridges are Ethernet, too. */
const ARPHRD_ETHER = 1

const placeAt = (ifindex: number): BpfFilterPlace => ({ ifindex, hook: 'ingress', preference: PREFERENCE })

/** Removes the filter from a link, of whatever process it was; false: there is none. */
const take = (ifindex: number): boolean => {
  const name = bpfFilter(placeAt(ifindex))?.name
  if (name?.startsWith(FAMILY) !== true) return false
  deleteBpfFilter(placeAt(ifindex))
  if (name.endsWith(OWN_QDISC)) deleteEmptyClsact(ifindex)
  return true
}

const put = (ifindex: number, programFd: number): void => {
  const isOwn = createClsact(ifindex) || bpfFilter(placeAt(ifindex))?.name?.endsWith(OWN_QDISC) === true
  replaceBpfFilter(placeAt(ifindex), programFd, `${FAMILY}-v${LAYOUT_VERSION}${isOwn ? OWN_QDISC : ''}`)
}

/** Where the fast path's second program stands: at the ingress of the LANs' links. */
export class LanIngress {
  readonly #log: Logger
  /** By name: undefined where the program stands, else why not. */
  #states: ReadonlyMap<string, string | undefined> = new Map()

  constructor(log: Logger) {
    this.#log = log
  }

  /** Links at which it stands. */
  get links(): readonly string[] {
    return [...this.#states].flatMap(([name, reason]) => (reason === undefined ? [name] : []))
  }

  /** For people, to be put behind another remark; empty when the document asks for nothing. */
  get remark(): string {
    const absent = [...this.#states].flatMap(([name, reason]) => (reason === undefined ? [] : [`${name} (${reason})`]))
    return [
      ...(this.links.length === 0 ? [] : [`; also at the ingress of ${this.links.join(', ')}`]),
      ...(absent.length === 0 ? [] : [`; not at ${absent.join(', ')}`]),
    ].join('')
  }

  /** Puts the generation's program at each of these links that is there, in the place of an earlier one. */
  attach(generation: Generation, names: readonly string[]): void {
    const before = this.#states
    this.#states = new Map(names.map((name) => [name, this.#attachTo(generation, name)]))
    for (const [name, reason] of this.#states) {
      if (before.has(name) && before.get(name) === reason) continue
      if (reason === undefined) this.#log.info({ link: name }, 'fast path: at the ingress, too')
      else this.#log.warn({ link: name }, `fast path: not at the ingress (${reason}); packets go to the TUN first`)
    }
  }

  /** The same, for what happened in the kernel: a link that is new, or a filter that somebody removed. */
  attachAgain(generation: Generation): void {
    this.attach(generation, [...this.#states.keys()])
  }

  /** Says why the program is at none of these links, and removes it where it stands. */
  refuse(names: readonly string[], reason: string): void {
    this.detachExcept([])
    this.#states = new Map(names.map((name) => [name, reason]))
  }

  /** Removes it, also what an earlier process left, from all links but these. */
  detachExcept(names: readonly string[]): void {
    if (names.length === 0) this.#states = new Map()
    try {
      for (const { index, name, type } of links())
        if (type === ARPHRD_ETHER && !names.includes(name) && take(index))
          this.#log.info({ link: name }, 'fast path: removed from the ingress')
    } catch (error) {
      this.#log.error({ err: error }, 'fast path: its filters at the LANs could not be removed')
    }
  }

  /** Why it is not there; `undefined`: it is. */
  #attachTo(generation: Generation, name: string): string | undefined {
    try {
      const found = link(name)
      if (found === undefined) return 'there is no such link'
      if (found.type !== ARPHRD_ETHER) return 'it is no Ethernet'
      if (bpfFilter(placeAt(found.index))?.programId !== generation.lanProgramId)
        put(found.index, generation.lanProgramFd)
      return undefined
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'ENODEV') return 'there is no such link'
      return error instanceof Error ? error.message : String(error)
    }
  }
}
