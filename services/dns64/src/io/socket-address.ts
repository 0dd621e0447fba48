import { asIp6, formatIp4, formatIp6, ip4FromBytes, parseIp4, parseIp6 } from '@sixgate/addr'
import { AF, nativeBuffer, type NativeBuffer } from '@sixgate/host'
import { networkInterfaces } from 'node:os'
import { SOCKADDR_WORDS } from './datagram-batch.ts'

/** struct sockaddr_in and sockaddr_in6, octets from the start. */
const SOCKADDR = { FAMILY: 0, PORT: 2, IP4: 4, IP6: 8, SCOPE: 24, LEN4: 16, LEN6: 28 } as const

/** A zone as written behind `%`, a number or the name of an interface; 0 when it is not there (RFC 4007 §11). */
const scopeOf = (zone: string | undefined): number => {
  if (zone === undefined) return 0
  if (/^\d+$/.test(zone)) return Number(zone)
  const found = networkInterfaces()[zone]?.find((address) => address.family === 'IPv6')
  return found?.family === 'IPv6' ? (found.scopeid ?? 0) : 0
}

/** A socket address for libc: `lenBytes` octets of `memory`. */
export interface SocketAddress {
  readonly family: 4 | 6
  readonly memory: NativeBuffer
  readonly lenBytes: number
}

/** The socket address of an address in text (with zone) and a port. Throws a RangeError for other text. */
export const socketAddress = (text: string, port: number): SocketAddress => {
  const memory = nativeBuffer(SOCKADDR.LEN6)
  memory.view.setUint16(SOCKADDR.PORT, port)
  const ip4 = parseIp4(text)
  if (ip4 !== undefined) {
    memory.view.setUint16(SOCKADDR.FAMILY, AF.INET, true)
    memory.view.setUint32(SOCKADDR.IP4, ip4)
    return { family: 4, memory, lenBytes: SOCKADDR.LEN4 }
  }
  const [address = '', zone] = text.split('%')
  const ip6 = parseIp6(address)
  if (ip6 === undefined) throw new RangeError(`"${text}" is no IPv4 or IPv6 address`)
  memory.view.setUint16(SOCKADDR.FAMILY, AF.INET6, true)
  memory.bytes.set(ip6, SOCKADDR.IP6)
  memory.view.setUint32(SOCKADDR.SCOPE, scopeOf(zone), true)
  return { family: 6, memory, lenBytes: SOCKADDR.LEN6 }
}

/** The address text (without zone) of the socket address in SOCKADDR_WORDS words. */
export const textOfSockaddr = (words: Uint32Array, at: number): string => {
  const bytes = new Uint8Array(words.slice(at, at + SOCKADDR_WORDS).buffer)
  const family = ((bytes[1] ?? 0) << 8) | (bytes[0] ?? 0)
  return family === AF.INET6
    ? formatIp6(asIp6(bytes.slice(SOCKADDR.IP6, SOCKADDR.IP6 + 16)))
    : formatIp4(ip4FromBytes(bytes, SOCKADDR.IP4))
}

/** The port of the socket address in words. */
export const portOfSockaddr = (words: Uint32Array, at: number): number => {
  const first = words[at] ?? 0
  // The upper half of the first word, in network order.
  return ((first >>> 16) & 0xff) * 256 + (first >>> 24)
}
