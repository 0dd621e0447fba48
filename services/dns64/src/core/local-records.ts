import { ip4ToBytes, parseIp4, parseIp6 } from '@sixgate/addr'
import { writeSoa } from './local-zones.ts'
import { keyOfText, type NameKey, nameOfKey } from './name.ts'
import type { Policy } from './policy.ts'
import { Section } from './record.ts'
import { CLASS, RCODE, TYPE } from './wire.ts'
import { writeMessage } from './writer.ts'

/** Records of the document with one name and type. */
interface RecordSet {
  readonly ttlS: number
  readonly rdata: readonly Uint8Array[]
}

/** The records of the document, by name and type. */
export type LocalRecordSets = ReadonlyMap<NameKey, ReadonlyMap<number, RecordSet>>

type RecordType = Policy['records'][number]['type']

const u16Bytes = (text: string, what: string): Uint8Array => {
  const number = Number(text)
  if (!/^\d{1,5}$/.test(text) || number > 0xffff) throw new RangeError(`${what} must be a number from 0 to 65535`)
  return Uint8Array.of(number >>> 8, number & 255)
}

const nameBytes = (text: string): Uint8Array => nameOfKey(keyOfText(text))

const joined = (...parts: readonly Uint8Array[]): Uint8Array => {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** Fields between blanks; exactly `count` of them. */
const fieldsOf = (data: string, count: number, form: string): string[] => {
  const fields = data.trim().split(/\s+/)
  if (fields.length !== count) throw new RangeError(`must have the form "${form}"`)
  return fields
}

/** RFC 1035 §5.1: strings in quotes, `\"` and `\\` escaped; without quotes it is one string. */
const stringsOf = (data: string): Uint8Array => {
  const quoted = Array.from(data.matchAll(/"((?:[^"\\]|\\.)*)"/g), (match) => (match[1] ?? '').replace(/\\(.)/g, '$1'))
  const texts = quoted.length > 0 ? quoted : [data]
  return joined(
    ...texts.flatMap((text) => {
      const bytes = Buffer.from(text, 'utf8')
      if (bytes.length > 255) throw new RangeError('a string has at most 255 octets; write several in quotes')
      return [Uint8Array.of(bytes.length), bytes]
    }),
  )
}

/** RDATA from the text of a master file (RFC 1035 §5, RFC 3596, RFC 2782). Throws a RangeError that says what is allowed. */
const RDATA: Record<RecordType, (data: string) => Uint8Array> = {
  A: (data) => {
    const ip = parseIp4(data)
    if (ip === undefined) throw new RangeError('must be an IPv4 address')
    return ip4ToBytes(ip)
  },
  AAAA: (data) => {
    const ip = parseIp6(data)
    if (ip === undefined) throw new RangeError('must be an IPv6 address')
    return ip
  },
  CNAME: nameBytes,
  PTR: nameBytes,
  MX: (data) => {
    const [preference = '', exchange = ''] = fieldsOf(data, 2, 'preference name')
    return joined(u16Bytes(preference, 'the preference'), nameBytes(exchange))
  },
  SRV: (data) => {
    const [priority = '', weight = '', port = '', target = ''] = fieldsOf(data, 4, 'priority weight port name')
    const numbers = [u16Bytes(priority, 'the priority'), u16Bytes(weight, 'the weight'), u16Bytes(port, 'the port')]
    return joined(...numbers, nameBytes(target))
  },
  TXT: stringsOf,
}

const TYPE_NUMBER: Record<RecordType, number> = {
  A: TYPE.A,
  AAAA: TYPE.AAAA,
  CNAME: TYPE.CNAME,
  PTR: TYPE.PTR,
  MX: TYPE.MX,
  SRV: TYPE.SRV,
  TXT: TYPE.TXT,
}

/** What is wrong with a record's data, or undefined. */
export const recordFault = (record: Policy['records'][number]): string | undefined => {
  try {
    RDATA[record.type](record.data)
    return undefined
  } catch (error) {
    if (error instanceof RangeError) return error.message
    throw error
  }
}

/** The records of a policy. Throws a RangeError for data that recordFault finds fault with. */
export const localRecordsOf = (policy: Policy): LocalRecordSets => {
  const sets = new Map<NameKey, Map<number, RecordSet>>()
  for (const { name, type, data, ttlS } of policy.records) {
    const key = keyOfText(name)
    const byType = sets.get(key) ?? new Map<number, RecordSet>()
    const known = byType.get(TYPE_NUMBER[type])
    const rdata = [...(known?.rdata ?? []), RDATA[type](data)]
    // RFC 2181 §5.2: the TTLs of one set are equal.
    byType.set(TYPE_NUMBER[type], { ttlS: Math.min(ttlS, known?.ttlS ?? ttlS), rdata })
    sets.set(key, byType)
  }
  return sets
}

/** The answer about a name of the document, as a message: data, or NODATA with the name's own SOA record. */
export const recordsMessage = (name: NameKey, type: number, byType: ReadonlyMap<number, RecordSet>): Uint8Array => {
  const set = byType.get(type)
  return writeMessage({ nameKey: name, type, class: CLASS.IN }, RCODE.NOERROR, (writer) => {
    for (const rdata of set?.rdata ?? [])
      writer.record(Section.ANSWER, nameOfKey(name), type, CLASS.IN, { ttlS: set?.ttlS ?? 0, rdata })
    if (set === undefined) writeSoa(writer, Section.AUTHORITY, name, NODATA_TTL_S)
  })
}

const NODATA_TTL_S = 600

/** The name that a name of the document is an alias of. */
export const aliasOf = (byType: ReadonlyMap<number, RecordSet>): RecordSet | undefined => byType.get(TYPE.CNAME)
