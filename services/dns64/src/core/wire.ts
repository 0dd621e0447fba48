/** RFC 1035 §4.1.1: the header, bytes from the start of the message. */
export const HEADER = { ID: 0, FLAGS: 2, QDCOUNT: 4, ANCOUNT: 6, NSCOUNT: 8, ARCOUNT: 10, LEN: 12 } as const

/** Masks of the 16-bit flags word at HEADER.FLAGS (RFC 1035 §4.1.1; AD and CD: RFC 4035 §3). */
export const FLAG = {
  QR: 0x8000,
  OPCODE: 0x7800,
  AA: 0x0400,
  TC: 0x0200,
  RD: 0x0100,
  RA: 0x0080,
  AD: 0x0020,
  CD: 0x0010,
  RCODE: 0x000f,
} as const

/** Bits to shift `flags & FLAG.OPCODE` to get the opcode. */
export const OPCODE_SHIFT = 11

/** Record types that something here treats differently from "any other" (IANA DNS parameters). */
export const TYPE = {
  A: 1,
  NS: 2,
  MD: 3,
  MF: 4,
  CNAME: 5,
  SOA: 6,
  MB: 7,
  MG: 8,
  MR: 9,
  PTR: 12,
  HINFO: 13,
  MINFO: 14,
  MX: 15,
  TXT: 16,
  RP: 17,
  AFSDB: 18,
  RT: 21,
  SIG: 24,
  PX: 26,
  AAAA: 28,
  NXT: 30,
  SRV: 33,
  NAPTR: 35,
  KX: 36,
  DNAME: 39,
  OPT: 41,
  DS: 43,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  SVCB: 64,
  HTTPS: 65,
  TKEY: 249,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  MAILB: 253,
  MAILA: 254,
  ANY: 255,
} as const

/** Classes (RFC 1035 §3.2.4, RFC 2136 §1.3). */
export const CLASS = { IN: 1, CH: 3, NONE: 254, ANY: 255 } as const

/** Opcodes (RFC 1035 §4.1.1). */
export const OPCODE = { QUERY: 0 } as const

/** Response codes; above 15 the upper eight bits travel in the OPT record (RFC 6891 §6.1.3). */
export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const

/** RFC 6891 §6.1.2: fields of an OPT record with the root as owner, bytes from the owner's octet. */
export const OPT = { TYPE: 1, UDP_SIZE: 3, EXTENDED_RCODE: 5, VERSION: 6, FLAGS: 7, RDLENGTH: 9, LEN: 11 } as const

/** The DO bit in OPT.FLAGS (RFC 3225 §3). */
export const OPT_FLAG_DO_U16 = 0x8000

/** Fields between a record's owner and its RDATA (RFC 1035 §4.1.3), bytes from behind the owner. */
export const RECORD = { TYPE: 0, CLASS: 2, TTL: 4, RDLENGTH: 8, LEN: 10 } as const

/** The largest UDP payload we send or ask for: fits into an IPv6 packet of 1280 bytes with all headers. */
export const EDNS_UDP_SIZE = 1232

/** RFC 1035 §2.3.4: UDP messages without EDNS. */
export const PLAIN_UDP_SIZE = 512

/** RFC 1035 §4.2.2: the length field over TCP has 16 bits. */
export const MAX_MESSAGE = 65535

/** Why bytes are not a DNS message. */
export type DnsWireErrorCode =
  /** a field reaches behind the end of its message or its RDATA */
  | 'cut-short'
  /** a name uses a label type other than 00 and 11 */
  | 'label-type'
  /** a name is longer than 255 octets */
  | 'name-too-long'
  /** a compression pointer does not point backwards */
  | 'pointer'
  /** a count in the header promises more than the message can hold */
  | 'count'
  /** RDATA does not have the form of its type */
  | 'rdata'
  /** a message would exceed 65535 octets */
  | 'too-long'

/** Bytes that are no DNS message, or a message that cannot be written. `offset`: where in the message. */
export class DnsWireError extends Error {
  readonly code: DnsWireErrorCode
  readonly offset: number

  constructor(code: DnsWireErrorCode, offset: number, detail: string) {
    super(`DNS message, octet ${offset}: ${detail}`)
    this.name = 'DnsWireError'
    this.code = code
    this.offset = offset
  }
}

/** A copy with memory of its own. Not `slice`: a Buffer's shares its memory, and sockets deliver Buffers. */
export const copyOf = (b: Uint8Array): Uint8Array => new Uint8Array(b)

/**
 * A copy to be kept: small ones share their memory with others (Buffer's pool). An ArrayBuffer of its own for each answer
 * takes more than the answer.
 */
export const pooledCopy = (b: Uint8Array): Uint8Array => Buffer.from(b)

/** Reads 16 bits, big-endian. The caller has checked that `o + 2` is inside. */
export const u16 = (b: Uint8Array, o: number): number => ((b[o] ?? 0) << 8) | (b[o + 1] ?? 0)

/** Reads 32 bits, big-endian, unsigned. The caller has checked that `o + 4` is inside. */
export const u32 = (b: Uint8Array, o: number): number => u16(b, o) * 0x10000 + u16(b, o + 2)

/** Writes 16 bits, big-endian. */
export const putU16 = (b: Uint8Array, o: number, value: number): void => {
  b[o] = value >>> 8
  b[o + 1] = value
}

/** Writes 32 bits, big-endian. */
export const putU32 = (b: Uint8Array, o: number, value: number): void => {
  b[o] = value >>> 24
  b[o + 1] = value >>> 16
  b[o + 2] = value >>> 8
  b[o + 3] = value
}
