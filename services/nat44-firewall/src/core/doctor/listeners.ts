import { formatIp6, ip6FromHex } from '@sixgate/addr'

/** proc(5), /proc/net/tcp: 0A listens; a bound UDP socket is 07. */
const LISTENING = new Set(['0A', '07'])

/** `0100007F` as the kernel writes it on a little-endian machine: words in host order. */
const addressOf = (hex: string): string | undefined => {
  const words = hex.match(/.{8}/g) ?? []
  const octets = words.flatMap((word) => (word.match(/../g) ?? []).toReversed())
  if (octets.length === 4) return octets.map((octet) => Number.parseInt(octet, 16)).join('.')
  const ip6 = ip6FromHex(octets.join('').toLowerCase())
  return ip6 === undefined ? undefined : formatIp6(ip6)
}

export interface Listener {
  readonly address: string
  readonly inode: string
}

/** Reads /proc/net/{tcp,tcp6,udp,udp6}: who holds a port, one row per socket. Lines that are none are left out. */
export const parseListeners = (text: string, port: number): readonly Listener[] => {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  return text.split('\n').flatMap((line) => {
    const [, local = '', , state = '', , , , , , inode = ''] = line.trim().split(/\s+/)
    const [hex = '', hexPort] = local.split(':')
    const address = hexPort === wanted && LISTENING.has(state) ? addressOf(hex) : undefined
    return address === undefined ? [] : [{ address, inode }]
  })
}
