import { formatIp6, type Ip6 } from '@sixgate/addr'

/** RFC 1035 §4.1.1: octets before the question. */
const HEADER_LEN = 12
/** RFC 3596 §2.1 */
const AAAA = 28

/** A query for the AAAA records of a name of plain labels, recursion desired (RFC 1035 §4.1). */
export const aaaaQuery = (id: number, name: string): Buffer => {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]))
  const header = Buffer.alloc(HEADER_LEN)
  header.writeUInt16BE(id, 0)
  header.writeUInt16BE(0x0100, 2)
  header.writeUInt16BE(1, 4)
  return Buffer.concat([header, ...labels, Buffer.of(0, 0, AAAA, 0, 1)])
}

export interface Answer {
  readonly id: number
  readonly name: string
  readonly rcode: number
  /** RFC 1035 §4.1.1, TC: there is more, to be had over TCP. */
  readonly isTruncated: boolean
  /** Of the AAAA records, as RFC 5952 writes them. */
  readonly addresses: readonly string[]
}

/** Reads an answer to `aaaaQuery`; undefined when it is cut short. */
export const readAnswer = (packet: Buffer): Answer | undefined => {
  try {
    let at = HEADER_LEN
    const labels: string[] = []
    for (let length = packet.readUInt8(at); length > 0; length = packet.readUInt8(at)) {
      labels.push(packet.toString('latin1', at + 1, at + 1 + length))
      at += 1 + length
    }
    at += 5
    const addresses: string[] = []
    for (let left = packet.readUInt16BE(6); left > 0; left--) {
      // A pointer is two octets; labels go on to their end.
      while (packet.readUInt8(at) !== 0 && packet.readUInt8(at) < 0xc0) at += 1 + packet.readUInt8(at)
      at += packet.readUInt8(at) === 0 ? 1 : 2
      const [type, lenBytes] = [packet.readUInt16BE(at), packet.readUInt16BE(at + 8)]
      const data = packet.subarray(at + 10, at + 10 + lenBytes)
      if (type === AAAA && data.length === 16) addresses.push(formatIp6(Uint8Array.from(data) as Ip6))
      at += 10 + lenBytes
    }
    const flags = packet.readUInt16BE(2)
    const [rcode, isTruncated] = [flags & 0xf, (flags & 0x200) !== 0]
    return { id: packet.readUInt16BE(0), name: labels.join('.'), rcode, isTruncated, addresses }
  } catch {
    return undefined
  }
}
