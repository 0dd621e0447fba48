import { formatIp6 } from '@sixgate/addr'
import type { Site } from '@sixgate/site'

const LOOPBACK = ['127.0.0.1', '::1'] as const

/** Where the page listens by a document: on the gateway's address in the first LAN, and on loopback. */
export const pageAddresses = ({ lan }: Pick<Site, 'lan'>): readonly string[] => [...LOOPBACK, formatIp6(lan.router)]

/** How an address and a port stand in a URL (RFC 3986 §3.2.2). */
export const pageUrl = (address: string, port: number): string =>
  `https://${address.includes(':') ? `[${address}]` : address}:${port}/`
