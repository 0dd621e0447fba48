import { join } from 'node:path'
import {
  addAddress,
  addresses,
  createVlan,
  deleteAddress,
  deleteLink,
  HostError,
  type Link,
  links,
  NetlinkError,
  OriginalValues,
  setLinkUp,
  Sysctls,
} from '@sixgate/host'
import type { Logger } from '@sixgate/obs'
import { type HostView, LAN_LEN_BITS, type LanPlan, type LanStep, type LanWish, planLan } from '../core/lan-plan.ts'
import { NdpError } from '../core/ndp-error.ts'
import { type Owned, ownedAfter, stillOwned, surplus, without } from '../core/ownership.ts'
import type { Problem } from '../core/problem.ts'
import { OwnedFile } from './owned-file.ts'

/** More rounds than a plan can have: parent, VLAN, sysctls and switching on, addresses. */
const ROUNDS_MAX = 6

export interface LanLinkPlace {
  readonly stateDir: string
  readonly sysctlRoot: string
}

/**
 * The LAN links on this host: makes them as the document wants them, again whenever somebody removed a part, and takes away
 * what it made, and nothing else.
 */
export class LanLink {
  readonly #log: Logger
  readonly #sysctls: Sysctls
  readonly #originals: OriginalValues
  readonly #owned: OwnedFile
  /** Name → since when that LAN link has had carrier; index 0 = it has none. */
  readonly #running = new Map<string, { readonly ifindex: number; readonly sinceMs: number }>()

  constructor(place: LanLinkPlace, log: Logger) {
    this.#log = log
    this.#sysctls = new Sysctls(place.sysctlRoot)
    this.#originals = new OriginalValues(this.#sysctls, join(place.stateDir, 'sysctl-originals.json'))
    this.#owned = new OwnedFile(join(place.stateDir, 'lan-link.json'))
    for (const note of [this.#originals.note, this.#owned.note]) if (note !== undefined) log.warn(note)
  }

  /** Does what is to be done and says how the link is then. What fails is a problem of the plan, not an error. */
  reconcile(wish: LanWish): LanPlan {
    try {
      this.#forgetVanished(links())
      for (let round = 0; round < ROUNDS_MAX; round++) {
        const plan = planLan(wish, this.#observe(wish))
        if (plan.steps.length === 0) return plan
        for (const step of plan.steps) this.#do(step)
      }
    } catch (error) {
      return { steps: [], problems: [hostProblem(error)], ready: undefined }
    }
    const message = `${wish.link} does not stay as it is set: another program (a network manager?) keeps changing it; take the interface out of its hands`
    return { steps: [], problems: [{ code: 'lan-link-contested', message }], ready: undefined }
  }

  /**
   * Takes away what none of `wishes` has a use for; without any wish everything, with the sysctls as they were found. Never
   * throws for one part: what cannot be removed is logged and stays on record.
   */
  remove(wishes: readonly LanWish[] = []): void {
    const present = links()
    this.#forgetVanished(present)
    const going = surplus(this.#owned.owned, wishes)
    // What is restored for a link that stays is set again when that is reconciled.
    const ofOtherLink = (path: string): boolean => !wishes.some(({ link }) => path.startsWith(`ipv6/conf/${link}/`))
    if ([...this.#originals.originals.keys()].some(ofOtherLink)) this.#restoreSysctls()
    const kept = this.#removeOwned(going)
    this.#owned.owned = without(this.#owned.owned, without(going, kept))
  }

  /** Adds its own addresses again that duplicate address detection refused, in case the other node has gone. */
  retryDuplicates(): void {
    for (const address of this.#owned.owned.addresses) {
      const spec = { ifindex: address.ifindex, ip: address.ip, lenBits: LAN_LEN_BITS }
      const failed = addresses(6, address.ifindex).some(
        (present) => present.family === 6 && present.dadFailed && sameIp(present.ip, address.ip),
      )
      if (failed && deleteAddress(spec)) addAddress(spec)
    }
  }

  /** Whether the kernel forwards from this link: `ipv6/conf/all` moves packets, the link's own says "router" in NAs. */
  forwardingOff(name: string): readonly string[] {
    return [`ipv6/conf/all/forwarding`, `ipv6/conf/${name}/forwarding`].filter(
      (path) => (this.#sysctls.read(path) ?? '0') === '0',
    )
  }

  #observe(wish: LanWish): HostView {
    const present = links()
    const lan = present.find(({ name }) => name === wish.link)
    const nowMs = performance.now()
    const ifindex = lan?.running === true ? lan.index : 0
    const before = this.#running.get(wish.link)
    const running = before?.ifindex === ifindex ? before : { ifindex, sinceMs: nowMs }
    this.#running.set(wish.link, running)
    return {
      links: present,
      runningForMs: ifindex === 0 ? 0 : nowMs - running.sinceMs,
      addresses: lan === undefined ? [] : addresses(6, lan.index).filter((address) => address.family === 6),
      sysctl: (name) => this.#sysctls.read(`ipv6/conf/${wish.link}/${name}`),
    }
  }

  /** One step, written down before it is done. */
  #do(step: LanStep): void {
    const before = this.#owned.owned
    this.#owned.owned = ownedAfter(before, step)
    try {
      if (!this.#change(step)) this.#owned.owned = before
    } catch (error) {
      this.#owned.owned = before
      throw error
    }
  }

  /** Returns whether the host changed; if not, somebody else was faster and it is theirs. */
  #change(step: LanStep): boolean {
    switch (step.do) {
      case 'create-vlan': {
        const created = createVlan({ parent: step.parent, id: step.id, name: step.name })
        if (created) this.#forgetVanished(links())
        this.#log.info({ link: step.name }, `created VLAN ${step.id} on ${step.parent}`)
        return created
      }
      case 'switch-on':
        this.#log.info({ link: step.name }, 'switching link on')
        return setLinkUp(step.name, true)
      case 'add-address':
        this.#log.info({ link: step.name }, 'adding address')
        return addAddress({ ifindex: step.ifindex, ip: step.ip, lenBits: LAN_LEN_BITS })
      case 'set-sysctl':
        this.#log.info({ sysctl: step.path, value: step.value }, 'setting sysctl')
        return this.#originals.set(step.path, step.value)
      default:
        return step satisfies never
    }
  }

  #forgetVanished(present: readonly Link[]): void {
    this.#owned.owned = stillOwned(this.#owned.owned, present)
  }

  /** Returns what could not be removed. */
  #removeOwned(going: Owned): Owned {
    const kept = { created: [...going.created], switchedOn: [...going.switchedOn], addresses: [...going.addresses] }
    for (const address of going.addresses)
      if (this.#attempt(() => deleteAddress({ ifindex: address.ifindex, ip: address.ip, lenBits: LAN_LEN_BITS })))
        kept.addresses.splice(kept.addresses.indexOf(address), 1)
    for (const link of going.created)
      if (this.#attempt(() => deleteLink(link.name))) kept.created.splice(kept.created.indexOf(link), 1)
    for (const link of going.switchedOn) {
      const gone = going.created.some(({ name }) => name === link.name)
      if (gone || this.#attempt(() => setLinkUp(link.name, false)))
        kept.switchedOn.splice(kept.switchedOn.indexOf(link), 1)
    }
    return kept
  }

  #attempt(change: () => unknown): boolean {
    try {
      change()
      return true
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error
      this.#log.error(error.message)
      return false
    }
  }

  #restoreSysctls(): void {
    const { foreign, failed } = this.#originals.restore()
    for (const value of foreign) this.#log.warn(value, 'sysctl was changed by somebody else meanwhile: left as it is')
    for (const { path, error } of failed) this.#log.error({ path }, error.message)
  }
}

const sameIp = (a: Uint8Array, b: Uint8Array): boolean => a.every((octet, index) => octet === b[index])

/** What an operator is told about a refused change. Throws `error` again when it is none. */
export const hostProblem = (error: unknown): Problem => {
  if (error instanceof NetlinkError) {
    if (error.code === 'EPERM') return { code: 'cap-net-admin', message: error.message }
    if (error.message.includes('802.1q')) return { code: 'lan-vlan-unsupported', message: error.message }
    return { code: 'lan-link-failed', message: error.message }
  }
  if (error instanceof HostError) {
    if (error.code === 'EPERM' && error.message.includes('raw ICMPv6 socket'))
      return {
        code: 'cap-net-raw',
        message: `${error.message}: the process needs CAP_NET_RAW (docker-compose.yml, service ra-advertiser: cap_add: [NET_ADMIN, NET_RAW])`,
      }
    return { code: 'host-refused', message: error.message }
  }
  if (error instanceof NdpError) return { code: 'ra-unsendable', message: error.message }
  // The record of what was made must reach the disk before anything is made.
  if (error instanceof Error && 'syscall' in error)
    return { code: 'state-unwritable', message: `${error.message}: STATE_DIR must be a writable directory with room` }
  throw error
}
