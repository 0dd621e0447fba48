import { asIp4, asIp6, formatIp4, formatIp6, parseIp4, parseIp6 } from '@sixgate/addr'
import type { AddressMap } from '../../address-map/address-map.ts'
import type { Outside } from '../outside.ts'

/** Texts of addresses, from one family to the other; `undefined`: it has no counterpart and stays. */
export interface LiteralSwap {
  /** `to4`: messages of hosts of ours; `to6`: messages to them. */
  readonly towards: 'to4' | 'to6'
  readonly swap: (text: string) => string | undefined
  /** The port beside an address; `undefined` for the address: the connection's own port (`rport`, RFC 3581). */
  readonly swapPort: (port: string, address: string | undefined) => string
}

/** Which connection a message belongs to. */
export interface MessageOrigin {
  readonly map: AddressMap
  /** Index of the pref64 through which its host sees the IPv4 network. */
  readonly pref: number
  /** Signed: the host's address of the pool. */
  readonly local4: number
  /**
   * The host's end of a connection as others see it, where no helper of conntrack makes it that: then the gateway does, and
   * `localPort` is its port on this side.
   */
  readonly outside?: (Outside & { readonly localPort: number }) | undefined
}

const UNSPECIFIED6 = '::'

const to4 = ({ map, pref, local4, outside }: MessageOrigin, text: string): number | undefined => {
  const ip6 = parseIp6(text)
  if (ip6 === undefined) return undefined
  if (ip6.every((octet) => octet === 0)) return 0
  const ip4 = map.literalTo4(new DataView(ip6.buffer, ip6.byteOffset, 16), pref)
  if (ip4 === 0) return undefined
  return ip4 === local4 ? (outside?.ip4 ?? local4) : ip4
}

/** RFC 3264 §8.4, RFC 6157: "on hold" is said by the unspecified address of the family. */
export const toIp4Texts = (origin: MessageOrigin): LiteralSwap => ({
  towards: 'to4',
  swap: (text) => {
    const ip4 = to4(origin, text)
    return ip4 === undefined ? undefined : formatIp4(asIp4(ip4 >>> 0))
  },
  swapPort: (port, address) => {
    const { outside } = origin
    const isOwn = outside !== undefined && address !== undefined && to4(origin, address) === outside.ip4
    return isOwn && Number(port) === outside.localPort ? String(outside.port) : port
  },
})

/** The gateway's own address is the host's as others see it. */
export const toIp6Texts = ({ map, pref, local4, outside }: MessageOrigin): LiteralSwap => {
  const isOwn = (ip4: number): boolean => ip4 === outside?.ip4 || map.isForbidden4(ip4)
  return {
    towards: 'to6',
    swap: (text) => {
      const ip4 = parseIp4(text)
      if (ip4 === undefined) return undefined
      if (ip4 === 0) return UNSPECIFIED6
      const ip6 = new DataView(new ArrayBuffer(16))
      map.literalTo6(isOwn(ip4 | 0) ? local4 : ip4 | 0, pref, ip6)
      return formatIp6(asIp6(new Uint8Array(ip6.buffer)))
    },
    swapPort: (port, address) => {
      if (outside === undefined || Number(port) !== outside.port) return port
      const ip4 = address === undefined ? outside.ip4 : parseIp4(address)
      return ip4 !== undefined && (ip4 | 0) === outside.ip4 ? String(outside.localPort) : port
    },
  }
}

/** RFC 3261 §25.1: a host in brackets, where a host can stand: behind "@", "sip:", a blank of Via, "=" or a comma; and its port. */
const HOST6 = /(?<=[@:=\s,])\[([0-9A-Fa-f:.]{2,45})\](?::(\d{1,5}))?/g
/** `received`, `maddr`: an IPv6 address stands there without brackets, too (RFC 3261 §25.1 via-received). */
const PARAMETER6 = /(?<=;\s*(?:received|maddr)\s*=\s*)([0-9A-Fa-f]*:[0-9A-Fa-f:.]+)/gi
/** The same for IPv4: behind "@", "sip:" without user, Via's transport, or the two parameters. */
const HOST4 =
  /(?<=@|sips?:|SIP\s*\/\s*2\.0\s*\/\s*\w+\s+|;\s*maddr\s*=\s*)(\d{1,3}(?:\.\d{1,3}){3})(?![\w.@-])(?::(\d{1,5}))?/gi
/** RFC 3581: the port that the message came from. */
const RPORT = /(?<=;\s*rport\s*=\s*)(\d{1,5})(?!\d)/gi
const PARAMETER4 = /(?<=;\s*received\s*=\s*)(\d{1,3}(?:\.\d{1,3}){3})(?![\w.-])/gi

/** The hosts in a start line or in the value of a header field that has URIs or `sent-by`s. */
export const swapHosts = (text: string, { towards, swap, swapPort }: LiteralSwap): string => {
  const withPort = (address: string, port: string | undefined): string =>
    port === undefined ? '' : `:${swapPort(port, address)}`
  if (towards === 'to4')
    return text
      .replaceAll(HOST6, (whole, address: string, port: string | undefined) => {
        const swapped = swap(address)
        return swapped === undefined ? whole : swapped + withPort(address, port)
      })
      .replaceAll(PARAMETER6, (whole, address: string) => swap(address) ?? whole)
  return text
    .replaceAll(HOST4, (whole, address: string, port: string | undefined) => {
      const swapped = swap(address)
      return swapped === undefined ? whole : `[${swapped}]${withPort(address, port)}`
    })
    .replaceAll(PARAMETER4, (whole, address: string) => swap(address) ?? whole)
    .replaceAll(RPORT, (port: string) => swapPort(port, undefined))
}

/**
 * RFC 8866 §5.2, §5.7, RFC 3605: `o=`, `c=` and `a=rtcp:` lines. What an ICE candidate says (RFC 8839) stays: both ends
 * try what they reach. Some write an IPv6 address in brackets.
 */
const SDP6 = /^((?:c=|o=\S+ \S+ \S+ |a=rtcp:\d+ )IN )IP6 \[?([0-9A-Fa-f:.]+)\]?(?=[/\s]|$)/gm
const SDP4 = /^((?:c=|o=\S+ \S+ \S+ |a=rtcp:\d+ )IN )IP4 (\d{1,3}(?:\.\d{1,3}){3})(?=[/\s]|$)/gm

/** The addresses of a session description, or of a body that has one inside. */
export const swapSdp = (text: string, { towards, swap }: LiteralSwap): string =>
  text.replaceAll(towards === 'to4' ? SDP6 : SDP4, (whole, before: string, address: string) => {
    const swapped = swap(address)
    return swapped === undefined ? whole : `${before}${towards === 'to4' ? 'IP4' : 'IP6'} ${swapped}`
  })
