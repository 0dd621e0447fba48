import { RTM } from './constants.ts'
import { NetlinkError } from './error.ts'
import { decodeLink, isVlanOf, type Link } from './link-codec.ts'
import {
  type AddrGenMode,
  addrGenModeRequest,
  createVlanRequest,
  deleteLinkRequest,
  getLinkRequest,
  linkFilter,
  linkMtuRequest,
  linkUpRequest,
} from './link-requests.ts'
import type { Request } from './message.ts'
import { withNetlink } from './socket.ts'

/** IFNAMSIZ − 1. */
const MAX_NAME_LEN_BYTES = 15

/** All network interfaces of this namespace, by index. Throws `NetlinkError`. */
export const links = (): Link[] =>
  withNetlink((socket) => socket.dump(RTM.GETLINK, linkFilter(), 'list links'))
    .filter((message) => message.type === RTM.NEWLINK)
    .map((message) => decodeLink(message.body))
    .toSorted((a, b) => a.index - b.index)

/** The interface of this name or index, or undefined. Throws `NetlinkError`. */
export const link = (which: string | number): Link | undefined => {
  // No interface can have such a name; the kernel would refuse it as invalid, not as absent.
  if (typeof which === 'string' && !isLinkName(which)) return undefined
  return unlessCode(['ENODEV'], undefined, () => {
    const [message] = withNetlink((socket) => socket.request(getLinkRequest(which), `look up link ${which}`))
    return message === undefined ? undefined : decodeLink(message.body)
  })
}

/** Whether the kernel takes this as an interface name: 1..15 octets without `/`, `:` and white space, not `.` or `..`. */
export const isLinkName = (name: string): boolean =>
  name.length > 0 && Buffer.byteLength(name) <= MAX_NAME_LEN_BYTES && !/[/:\s\0]/.test(name) && !/^\.\.?$/.test(name)

/** Runs `run`; a `NetlinkError` with one of these codes becomes `value`. */
export const unlessCode = <T>(codes: readonly string[], value: T, run: () => T): T => {
  try {
    return run()
  } catch (error) {
    if (error instanceof NetlinkError && codes.includes(error.code)) return value
    throw error
  }
}

const existing = (name: string, attempt: string): Link => {
  const found = link(name)
  if (found === undefined) throw new NetlinkError('ENODEV', `${attempt}: there is no interface ${name} (ENODEV)`)
  return found
}

const send = (request: Request, attempt: string): void => {
  withNetlink((socket) => socket.request(request, attempt))
}

/** What `createVlan` makes: link `name` carries VLAN `id` of link `parent`. */
export interface VlanSpec {
  readonly parent: string
  /** 802.1q identifier, 1..4094. */
  readonly id: number
  readonly name: string
}

/**
 * Creates a VLAN link, down. Returns false when exactly this link is there already. Throws `NetlinkError`: EEXIST when
 * the name is taken by something else, ENODEV without parent, EOPNOTSUPP when the kernel has no 802.1q.
 */
export const createVlan = ({ parent, id, name }: VlanSpec): boolean => {
  const attempt = `create ${name} (VLAN ${id} on ${parent})`
  const lower = existing(parent, attempt)
  const present = link(name)
  if (present !== undefined) {
    if (isVlanOf(present, lower.index, id)) return false
    throw new NetlinkError(
      'EEXIST',
      `${attempt}: ${name} is there already as ${describe(present)}; rename or remove it`,
    )
  }
  try {
    send(createVlanRequest(lower.index, id, name), attempt)
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'EOPNOTSUPP')
      throw new NetlinkError(
        'EOPNOTSUPP',
        `this kernel has no 802.1q support (CONFIG_VLAN_8021Q): cannot ${attempt}; load the module on the host (modprobe 8021q) or give the LAN an interface of its own`,
        error,
      )
    throw error
  }
  return true
}

const describe = (present: Link): string =>
  present.kind === 'vlan'
    ? `VLAN ${present.vlanId} on ${link(present.parentIndex ?? 0)?.name ?? 'another link'}`
    : `a ${present.kind ?? 'physical'} interface`

/** Removes a link. Returns false when there is none of this name. Throws `NetlinkError`. */
export const deleteLink = (name: string): boolean => {
  const found = link(name)
  if (found === undefined) return false
  return unlessCode(['ENODEV'], false, () => {
    send(deleteLinkRequest(found.index), `remove link ${name}`)
    return true
  })
}

/** Switches a link on or off. Returns whether that changed anything. Throws `NetlinkError` (ENODEV when it is not there). */
export const setLinkUp = (name: string, up: boolean): boolean => {
  const attempt = `switch ${name} ${up ? 'on' : 'off'}`
  const found = existing(name, attempt)
  if (found.up === up) return false
  send(linkUpRequest(found.index, up), attempt)
  return true
}

/** Sets a link's MTU in octets. Returns whether that changed anything. Throws `NetlinkError`. */
export const setLinkMtu = (name: string, mtu: number): boolean => {
  const attempt = `set the MTU of ${name} to ${mtu}`
  const found = existing(name, attempt)
  if (found.mtu === mtu) return false
  send(linkMtuRequest(found.index, mtu), attempt)
  return true
}

/**
 * Sets how the kernel makes the link's own link-local address (`none`: not at all, for a TUN), which takes effect when
 * the link goes up. Throws `NetlinkError`.
 */
export const setAddrGenMode = (name: string, mode: AddrGenMode): void => {
  const attempt = `set the address generation of ${name} to ${mode}`
  const found = existing(name, attempt)
  send(addrGenModeRequest(found.index, mode), attempt)
}
