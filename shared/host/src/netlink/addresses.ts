import { equalIp6, type Ip4, type Ip6 } from '@sixgate/addr'
import {
  type Address,
  type AddressSpec,
  addAddressRequest,
  decodeAddress,
  deleteAddressRequest,
  encodeAddressFilter,
} from './address-codec.ts'
import { RTM } from './constants.ts'
import { NetlinkError } from './error.ts'
import { type Family, familyOfIp, formatIp } from './ip-bytes.ts'
import { link, unlessCode } from './links.ts'
import { withNetlink } from './socket.ts'

/** The addresses of this namespace, of one family and one interface when given. Throws `NetlinkError`. */
export const addresses = (family?: Family, ifindex?: number): Address[] =>
  // ENODEV: the interface has gone, so it has no addresses.
  unlessCode(['ENODEV'], [], () =>
    withNetlink((socket) => socket.dump(RTM.GETADDR, encodeAddressFilter(family, ifindex), 'list addresses')),
  )
    .filter((message) => message.type === RTM.NEWADDR)
    .map((message) => decodeAddress(message.body))
    .filter((address) => address !== undefined)
    // A kernel without one of the families answers with the rows of the others.
    .filter((address) => family === undefined || address.family === family)
    .filter((address) => ifindex === undefined || address.ifindex === ifindex)

const describe = (spec: AddressSpec): string =>
  `${formatIp(spec.ip)}/${spec.lenBits} ${link(spec.ifindex)?.name ?? `interface ${spec.ifindex}`}`

const sameIp = (a: Ip4 | Ip6, b: Ip4 | Ip6): boolean =>
  typeof a === 'number' || typeof b === 'number' ? a === b : equalIp6(a, b)

/**
 * Adds an address. Returns false when it is there already. Throws `NetlinkError`: ENODEV without the interface, EEXIST
 * when the interface has the IPv6 address with another prefix length, EACCES when IPv6 is switched off on it.
 */
export const addAddress = (spec: AddressSpec): boolean => {
  const attempt = `add address ${describe(spec).replace(' ', ' to ')}`
  try {
    withNetlink((socket) => socket.request(addAddressRequest(spec), attempt))
    return true
  } catch (error) {
    if (!(error instanceof NetlinkError) || error.code !== 'EEXIST') throw error
    // Linux knows an IPv6 address of an interface by its octets alone, so EEXIST may mean another prefix length.
    const present = addresses(familyOfIp(spec.ip), spec.ifindex).filter((address) => sameIp(address.ip, spec.ip))
    if (present.some((address) => address.lenBits === spec.lenBits)) return false
    const lengths = present.map((address) => `/${address.lenBits}`).join(', ')
    throw new NetlinkError('EEXIST', `${attempt}: it has that address already as ${lengths}; remove it first`, error)
  }
}

/** Removes an address. Returns false when it is not there. Throws `NetlinkError`. */
export const deleteAddress = (spec: AddressSpec): boolean =>
  unlessCode(['EADDRNOTAVAIL', 'ENODEV'], false, () => {
    const attempt = `remove address ${describe(spec).replace(' ', ' from ')}`
    withNetlink((socket) => socket.request(deleteAddressRequest(spec), attempt))
    return true
  })
