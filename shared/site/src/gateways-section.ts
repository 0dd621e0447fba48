import { asIp6, type Ip6, parseIp6 } from '@sixgate/addr'
import { interfaceField, listOf, oneOf, parsed, section } from './fields.ts'

/** Part of NATS subjects, keys and instance names, where a hyphen ends it. */
export const isGatewayName = (text: string): boolean => /^[a-z0-9]{1,15}$/.test(text)

const nameField = parsed<string>('a name of 1 to 15 lower-case letters and digits like a', (text) =>
  isGatewayName(text) ? text : undefined,
)

/** The lower 64 bits; RFC 4291 §2.6.1: all zero is the subnet-router anycast address. */
const interfaceIdField = parsed<Ip6>(
  'an interface identifier like ::2, which goes behind the prefix of every LAN',
  (text) => {
    const ip = parseIp6(text)
    const good = ip !== undefined && ip.subarray(0, 8).every((octet) => octet === 0) && ip.some((octet) => octet !== 0)
    return good ? asIp6(ip) : undefined
  },
)

/** One of several machines that are gateways of the same LANs, and what is its own of the document. */
const gateway = section({
  name: nameField,
  router: interfaceIdField,
  /** Takes the place of `preference` in the `ra` of every LAN. */
  preference: oneOf('high', 'medium', 'low').optional(),
  /** The port that takes the place of `lan.interface`, for each LAN that is on that one. */
  interface: interfaceField.optional(),
  /** Takes the place of `wan.interface`. */
  wan: interfaceField.optional(),
})

const GATEWAYS_MAX = 8

/** Empty: one machine, which needs no name. */
export const gateways = listOf(gateway, 'gateways, each with name and router')
  .max(GATEWAYS_MAX, { error: `must hold at most ${GATEWAYS_MAX} gateways` })
  .default([])
