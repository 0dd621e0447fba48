import { formatIp4, formatIp6, asIp6, ip4FromBytes } from '@sixgate/addr'
import { type Message, ownerKey, rdataOf, readMessage, targetKey } from '../core/message.ts'
import { textOfKey } from '../core/name.ts'
import type { RecordRef, Section } from '../core/record.ts'
import { FLAG, TYPE } from '../core/wire.ts'

const TYPE_NAMES = new Map<number, string>(Object.entries(TYPE).map(([name, number]) => [number, name]))

const rdataText = (message: Message, record: RecordRef): string => {
  const rdata = rdataOf(message, record)
  switch (record.type) {
    case TYPE.A:
      return formatIp4(ip4FromBytes(rdata))
    case TYPE.AAAA:
      return formatIp6(asIp6(rdata))
    case TYPE.CNAME:
    case TYPE.DNAME:
    case TYPE.NS:
    case TYPE.PTR:
    case TYPE.SOA:
      return textOfKey(targetKey(message, record))
    default:
      return `\\# ${rdata.length}`
  }
}

/** A response in the words of a test. */
export interface ReadResponse {
  readonly id: number
  readonly rcode: number
  readonly flags: string
  /** `owner ttl TYPE data` per record. */
  readonly answer: readonly string[]
  readonly authority: readonly string[]
  readonly additional: readonly string[]
  readonly edns: boolean
  readonly message: Message
}

const FLAG_NAMES = ['QR', 'AA', 'TC', 'RD', 'RA', 'AD', 'CD'] as const

/** Reads a response: flags in capitals (`QR RD RA`), records as lines of text. */
export const readResponse = (bytes: Uint8Array): ReadResponse => {
  const message = readMessage(bytes)
  const lines = (section: Section): string[] =>
    message.records
      .filter((r) => r.section === section)
      .map(
        (r) =>
          `${textOfKey(ownerKey(message, r))} ${r.ttlS} ${TYPE_NAMES.get(r.type) ?? `TYPE${r.type}`} ${rdataText(message, r)}`,
      )
  return {
    id: message.id,
    rcode: message.rcode,
    flags: FLAG_NAMES.filter((name) => (message.flags & FLAG[name]) !== 0).join(' '),
    answer: lines(0),
    authority: lines(1),
    additional: lines(2),
    edns: message.opt !== undefined,
    message,
  }
}
