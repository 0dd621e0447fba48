/*
 * DHCPv4 with one purpose: tell hosts that ask whether they need IPv4 here that they do not (RFC 8925, option 108).
 *   frame = ethernet(14) ip(20..60) udp(8) bootp
 *   bootp = op:u8 htype:u8 hlen:u8 hops:u8 xid:u32 secs:u16 flags:u16 ciaddr yiaddr siaddr giaddr:u32
 *           chaddr:16 sname:64 file:128 cookie:u32 *option                RFC 2131 §2
 *   option = 0 / 255 / code:u8 length:u8 octets                           RFC 2132 §2
 */

const ETHERNET = { DESTINATION: 0, SOURCE: 6, TYPE_U16: 12, LEN: 14 } as const
const ETHERTYPE_IP4 = 0x0800
/** RFC 791 §3.1, from the start of the IPv4 header. */
const IP4 = {
  VERSION_IHL_U8: 0,
  LEN_U16: 2,
  FRAGMENT_U16: 6,
  TTL_U8: 8,
  PROTOCOL_U8: 9,
  CHECKSUM_U16: 10,
  SOURCE: 12,
  DESTINATION: 16,
  LEN: 20,
} as const
const IP4_FRAGMENT_MASK_U16 = 0x3fff
const PROTOCOL_UDP = 17
const UDP = { SOURCE_U16: 0, DESTINATION_U16: 2, LEN_U16: 4, CHECKSUM_U16: 6, LEN: 8 } as const
const PORT = { SERVER: 67, CLIENT: 68 } as const
/** RFC 2131 §2, from the start of the message. */
const BOOTP = {
  OP_U8: 0,
  HTYPE_U8: 1,
  HLEN_U8: 2,
  XID: 4,
  FLAGS: 10,
  GIADDR_U32: 24,
  CHADDR: 28,
  COOKIE_U32: 236,
  OPTIONS: 240,
} as const
const OP = { REQUEST: 1, REPLY: 2 } as const
const HTYPE_ETHERNET = 1
const MAC_LEN = 6
const COOKIE = 0x63825363
const OPTION = {
  PAD: 0,
  LEASE_TIME: 51,
  MESSAGE_TYPE: 53,
  SERVER_IDENTIFIER: 54,
  PARAMETER_REQUEST_LIST: 55,
  /** RFC 8925 §3.1: V6ONLY_WAIT, u32 seconds. */
  IPV6_ONLY_PREFERRED: 108,
  END: 255,
} as const
const MESSAGE = { DISCOVER: 1, OFFER: 2 } as const

/** There is no IPv4 here; a server has to name itself all the same: the dummy address of RFC 7600 §4.8. */
const DUMMY_IP4 = [192, 0, 0, 8] as const

/** Why a frame is not answered. */
export type Dhcp4Refusal = 'not_dhcp' | 'malformed' | 'relayed' | 'not_discover' | 'not_asked_for'

/** A host that asked for option 108. */
export interface Dhcp4Discover {
  readonly mac: Uint8Array
  /** xid, and flags, as they came. */
  readonly xid: Uint8Array
  readonly flags: Uint8Array
}

/** The message type and the parameter request list; undefined: an option runs past the end. */
const readOptions = (bytes: Uint8Array): { type: number | undefined; asked: readonly number[] } | undefined => {
  let type: number | undefined
  const asked: number[] = []
  let at = 0
  while (at < bytes.length) {
    const code = bytes[at]
    if (code === OPTION.END) break
    if (code === OPTION.PAD) {
      at += 1
      continue
    }
    const length = bytes[at + 1]
    if (length === undefined || at + 2 + length > bytes.length) return undefined
    const value = bytes.subarray(at + 2, at + 2 + length)
    if (code === OPTION.MESSAGE_TYPE && length === 1) type = value[0]
    // RFC 3396 §5: an option may come in parts.
    if (code === OPTION.PARAMETER_REQUEST_LIST) asked.push(...value)
    at += 2 + length
  }
  return { type, asked }
}

/** Where the BOOTP message begins and ends in a frame to port 67; undefined: it is none. */
const findMessage = (frame: Uint8Array, view: DataView): { start: number; end: number } | undefined => {
  if (frame.length < ETHERNET.LEN + IP4.LEN + UDP.LEN) return undefined
  if (view.getUint16(ETHERNET.TYPE_U16) !== ETHERTYPE_IP4) return undefined
  const ip = ETHERNET.LEN
  const versionIhl = view.getUint8(ip + IP4.VERSION_IHL_U8)
  const headerLen = (versionIhl & 0x0f) * 4
  if (versionIhl >>> 4 !== 4 || headerLen < IP4.LEN) return undefined
  if (view.getUint8(ip + IP4.PROTOCOL_U8) !== PROTOCOL_UDP) return undefined
  if ((view.getUint16(ip + IP4.FRAGMENT_U16) & IP4_FRAGMENT_MASK_U16) !== 0) return undefined
  const end = Math.min(frame.length, ip + view.getUint16(ip + IP4.LEN_U16))
  const udp = ip + headerLen
  if (udp + UDP.LEN > end || view.getUint16(udp + UDP.DESTINATION_U16) !== PORT.SERVER) return undefined
  return { start: udp + UDP.LEN, end }
}

/**
 * Reads an Ethernet frame; the refusal when it is nothing to answer. A REQUEST is not answered: RFC 2131 §4.3.2 "If the DHCP
 * server has no record of this client, then it MUST remain silent"; the host comes back with a DISCOVER. Never throws.
 */
export const readDiscover = (frame: Uint8Array): Dhcp4Discover | Dhcp4Refusal => {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  const found = findMessage(frame, view)
  if (found === undefined) return 'not_dhcp'
  const { start, end } = found
  if (end - start < BOOTP.OPTIONS || view.getUint8(start + BOOTP.OP_U8) !== OP.REQUEST) return 'malformed'
  const isEthernet =
    view.getUint8(start + BOOTP.HTYPE_U8) === HTYPE_ETHERNET && view.getUint8(start + BOOTP.HLEN_U8) === MAC_LEN
  if (!isEthernet || view.getUint32(start + BOOTP.COOKIE_U32) !== COOKIE) return 'malformed'
  const options = readOptions(frame.subarray(start + BOOTP.OPTIONS, end))
  if (options === undefined) return 'malformed'
  if (view.getUint32(start + BOOTP.GIADDR_U32) !== 0) return 'relayed'
  if (options.type !== MESSAGE.DISCOVER) return 'not_discover'
  // RFC 8925 §3.3: the server MUST NOT include the option where the client did not ask for it.
  if (!options.asked.includes(OPTION.IPV6_ONLY_PREFERRED)) return 'not_asked_for'
  const slice = (at: number, length: number): Uint8Array => frame.slice(start + at, start + at + length)
  return { mac: slice(BOOTP.CHADDR, MAC_LEN), xid: slice(BOOTP.XID, 4), flags: slice(BOOTP.FLAGS, 2) }
}

/** Internet checksum (RFC 1071) of the IPv4 header. */
const headerChecksum = (view: DataView, at: number): number => {
  let sum = 0
  for (let offset = 0; offset < IP4.LEN; offset += 2) sum += view.getUint16(at + offset)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

const u32 = (value: number): readonly number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]

const option = (code: number, value: readonly number[]): readonly number[] => [code, value.length, ...value]

const offerOptions = (waitS: number): readonly number[] => [
  ...option(OPTION.MESSAGE_TYPE, [MESSAGE.OFFER]),
  ...option(OPTION.SERVER_IDENTIFIER, DUMMY_IP4),
  // RFC 2131 table 3: an OFFER MUST have it.
  ...option(OPTION.LEASE_TIME, u32(waitS)),
  ...option(OPTION.IPV6_ONLY_PREFERRED, u32(waitS)),
  OPTION.END,
]

/**
 * The frame of a DHCPOFFER with option 108 and the address 0.0.0.0, to everyone on the link from `mac`. `waitS`:
 * V6ONLY_WAIT, how long the host leaves IPv4 alone.
 */
export const encodeOffer = ({ mac: client, xid, flags }: Dhcp4Discover, mac: Uint8Array, waitS: number): Uint8Array => {
  const options = offerOptions(waitS)
  const udp = ETHERNET.LEN + IP4.LEN
  const bootp = udp + UDP.LEN
  const frame = new Uint8Array(bootp + BOOTP.OPTIONS + options.length)
  const view = new DataView(frame.buffer)
  frame.fill(0xff, ETHERNET.DESTINATION, ETHERNET.SOURCE)
  frame.set(mac, ETHERNET.SOURCE)
  view.setUint16(ETHERNET.TYPE_U16, ETHERTYPE_IP4)
  const ip = ETHERNET.LEN
  view.setUint8(ip + IP4.VERSION_IHL_U8, 0x45)
  view.setUint16(ip + IP4.LEN_U16, frame.length - ip)
  view.setUint8(ip + IP4.TTL_U8, 64)
  view.setUint8(ip + IP4.PROTOCOL_U8, PROTOCOL_UDP)
  frame.set(DUMMY_IP4, ip + IP4.SOURCE)
  frame.fill(0xff, ip + IP4.DESTINATION, ip + IP4.DESTINATION + 4)
  view.setUint16(ip + IP4.CHECKSUM_U16, headerChecksum(view, ip))
  view.setUint16(udp + UDP.SOURCE_U16, PORT.SERVER)
  view.setUint16(udp + UDP.DESTINATION_U16, PORT.CLIENT)
  // RFC 768: a checksum of 0 is none.
  view.setUint16(udp + UDP.LEN_U16, frame.length - udp)
  frame[bootp + BOOTP.OP_U8] = OP.REPLY
  frame[bootp + BOOTP.HTYPE_U8] = HTYPE_ETHERNET
  frame[bootp + BOOTP.HLEN_U8] = MAC_LEN
  frame.set(xid, bootp + BOOTP.XID)
  frame.set(flags, bootp + BOOTP.FLAGS)
  frame.set(client, bootp + BOOTP.CHADDR)
  view.setUint32(bootp + BOOTP.COOKIE_U32, COOKIE)
  frame.set(options, bootp + BOOTP.OPTIONS)
  return frame
}

/** Answers in one second; a LAN has fewer hosts that come at once, a flood gets no more. */
export const OFFERS_PER_SECOND = 50

/** How many answers went out in the second that began at `sinceMs`. */
export interface OfferRate {
  readonly sinceMs: number
  readonly sent: number
}

/** The rate after one more answer; undefined: it must not go out. */
export const nextOffer = ({ sinceMs, sent }: OfferRate, nowMs: number): OfferRate | undefined => {
  if (nowMs - sinceMs >= 1000) return { sinceMs: nowMs, sent: 1 }
  return sent < OFFERS_PER_SECOND ? { sinceMs, sent: sent + 1 } : undefined
}
