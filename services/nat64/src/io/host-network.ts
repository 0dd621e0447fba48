import { formatPrefix, type Ip4, type Prefix4, type Prefix6 } from '@sixgate/addr'
import {
  addAddress,
  addRoute,
  deleteAddress,
  addresses,
  deleteLink,
  deleteRoute,
  link,
  NetlinkError,
  type Route,
  routes,
  setAddrGenMode,
  setLinkMtu,
  setLinkUp,
  watchNetwork,
} from '@sixgate/host'

/** What the kernel must know of the TUN. */
export interface WantedNetwork {
  readonly mtuBytes: number
  /** The kernel's own address on the TUN. */
  readonly address: Ip4
  readonly routes: readonly (Prefix4 | Prefix6)[]
}

interface Trouble {
  readonly code: string
  readonly message: string
}

/** RTPROT_STATIC marks the routes that this product makes; those of others (kernel, `ip route add`) are left alone. */
const RTPROT_STATIC = 4

const samePrefix = (a: Prefix4 | Prefix6, b: Prefix4 | Prefix6): boolean => formatPrefix(a) === formatPrefix(b)

/**
 * Link and routes of the TUN: sets them, and sets them again whenever somebody changed them. The device itself is the
 * data plane's.
 */
export class HostNetwork {
  readonly #name: string
  readonly #onChange: () => void
  readonly #unwatch: () => void
  #wanted: WantedNetwork | undefined
  #troubles: readonly Trouble[] = []

  /** `onChange` is called after something changed in the kernel and link and routes were looked at again. */
  constructor(tunName: string, onChange: () => void) {
    this.#name = tunName
    this.#onChange = onChange
    this.#unwatch = watchNetwork({ links: true, addresses: true, routes: true }, () => {
      this.reconcile()
      this.#onChange()
    })
  }

  /** What could not be set, and how to help. */
  get troubles(): readonly Trouble[] {
    return this.#troubles
  }

  want(wanted: WantedNetwork): void {
    this.#wanted = wanted
    this.reconcile()
  }

  /** Makes the kernel agree with what is wanted; routes of an earlier document go. */
  reconcile(): void {
    const wanted = this.#wanted
    if (wanted === undefined) return
    try {
      const tun = link(this.#name)
      // Without the device the data plane has the say (and the problem).
      this.#troubles = tun === undefined ? [] : this.#set(tun.index, tun.up, wanted)
    } catch (error) {
      // Gone between two requests: the next event comes.
      if (error instanceof NetlinkError && error.code === 'ENODEV') return
      this.#troubles = [this.#explain('link', `link ${this.#name}`, error)]
    }
  }

  /** IPv4 addresses of this machine, on whatever link. */
  gatewayAddresses4(): Ip4[] {
    return addresses(4).flatMap((address) => (address.family === 4 ? [address.ip] : []))
  }

  close(): void {
    this.#unwatch()
  }

  /** Removes the device, and with it its routes. Nothing happens when another instance was faster. */
  remove(): void {
    deleteLink(this.#name)
  }

  #set(ifindex: number, up: boolean, wanted: WantedNetwork): Trouble[] {
    const troubles: Trouble[] = []
    // No link-local address: the kernel would send router solicitations and MLD reports into the translator.
    if (!up) setAddrGenMode(this.#name, 'none')
    setLinkMtu(this.#name, wanted.mtuBytes)
    setLinkUp(this.#name, true)
    this.#setAddress(ifindex, wanted.address)
    const present = [...routes({ family: 4 }), ...routes({ family: 6 })].filter((route) => leadsTo(route, ifindex))
    for (const route of present)
      if (!wanted.routes.some((dst) => samePrefix(dst, route.dst))) deleteRoute({ dst: route.dst, ifindex })
    for (const dst of wanted.routes) {
      if (present.some((route) => samePrefix(route.dst, dst))) continue
      try {
        addRoute({ dst, ifindex })
      } catch (error) {
        troubles.push(this.#explain('route', `route ${formatPrefix(dst)}`, error))
      }
    }
    return troubles
  }

  /** The one IPv4 address; those of earlier documents go. */
  #setAddress(ifindex: number, wanted: Ip4): void {
    addAddress({ ifindex, ip: wanted, lenBits: 32 })
    for (const { family, ip, lenBits } of addresses(4, ifindex))
      if (family === 4 && ip !== wanted) deleteAddress({ ifindex, ip, lenBits })
  }

  #explain(what: 'link' | 'route', thing: string, error: unknown): Trouble {
    const text = error instanceof Error ? error.message : String(error)
    if (!(error instanceof NetlinkError)) return { code: `${what}-failed`, message: `${thing}: ${text}` }
    if (error.code === 'EEXIST')
      return {
        code: 'route-taken',
        message: `${text}; remove that route, or choose another prefix in the site document`,
      }
    if (error.code === 'EPERM')
      return {
        code: 'net-admin-missing',
        message: `${text}; nat64 needs the capability NET_ADMIN (docker-compose.yml, service nat64: \`cap_add: [NET_ADMIN]\`)`,
      }
    return { code: `${what}-failed`, message: `${thing}: ${text}` }
  }
}

const leadsTo = (route: Route, ifindex: number): boolean =>
  route.protocol === RTPROT_STATIC &&
  route.nextHops.length > 0 &&
  route.nextHops.every((hop) => hop.ifindex === ifindex)
