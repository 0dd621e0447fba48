import { type Ip6, type Prefix6, withInterfaceId } from '@sixgate/addr'
import { z } from 'zod'
import { integer, interfaceField, ip6Field, lanPrefixField, section } from './fields.ts'
import { ra } from './ra-section.ts'

const shape = {
  interface: interfaceField,
  /** IEEE 802.1Q VLAN identifier; 0 and 4095 are reserved. */
  vlan: integer(1, 4094).optional(),
  prefix: lanPrefixField,
  router: ip6Field.prefault('::1'),
}

/** The router's address: `::1` is the interface identifier in the prefix; undefined when it does not fit there. */
const routerIn = (prefix: Prefix6, router: Ip6): Ip6 | undefined => {
  const isSuffix = router.subarray(0, 8).every((octet) => octet === 0)
  const address = isSuffix ? withInterfaceId(prefix, router) : router
  const isInPrefix = prefix.addr.subarray(0, 8).every((octet, index) => octet === address[index])
  // RFC 4291 §2.6.1: the all-zero interface identifier is the subnet-router anycast address.
  return isInPrefix && !address.subarray(8).every((octet) => octet === 0) ? address : undefined
}

const withRouter = <T extends { prefix: Prefix6; router: Ip6; vlan?: number | undefined }>(
  lan: T,
  context: z.RefinementCtx,
): T & { vlan: number | undefined } => {
  const { prefix, router, vlan } = lan
  const address = routerIn(prefix, router)
  if (address !== undefined) return { ...lan, vlan, router: address }
  const message = 'must be an interface identifier like ::1, or an address inside lan.prefix that is not its first'
  context.issues.push({ code: 'custom', path: ['router'], message, input: router })
  return z.NEVER
}

/** The LAN of the gateway; its Router Advertisements are the section `ra`. */
export const lan = section(shape).transform(withRouter)

/** A further LAN, with Router Advertisements of its own: what it leaves out has the usual defaults. */
export const furtherLan = section({ ...shape, ra: ra.prefault({}) }).transform(withRouter)
