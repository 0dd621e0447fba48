import { embedIp4, type Ip4, ip4ToBytes, parseIp4 } from '@sixgate/addr'
import { type Answer, answerOfBytes, Origin } from './answer.ts'
import { keyOfText, type NameKey, nameOfKey, parentKey } from './name.ts'
import type { Policy } from './policy.ts'
import type { Question } from './question.ts'
import { Section } from './record.ts'
import { reverseOfIp4 } from './reverse.ts'
import { CLASS, RCODE, TYPE } from './wire.ts'
import { type MessageWriter, writeMessage } from './writer.ts'

/** The records of one name in a local zone: RDATA by type. */
type LocalRecords = ReadonlyMap<number, readonly Uint8Array[]>

/** A zone that is answered here and never asked upstream. */
export interface LocalZone {
  readonly apex: NameKey
  readonly names: ReadonlyMap<NameKey, LocalRecords>
}

/** Zones by apex. */
export type LocalZones = ReadonlyMap<NameKey, LocalZone>

/** TTL of local data: the one of DNS64 without a SOA record, so that a new pref64 is seen within ten minutes. */
const LOCAL_TTL_S = 600
/** RFC 6303 §3: the SOA record of an empty zone. */
const SOA_TTL_S = 10_800
const SOA_NUMBERS = [1, 3600, 1200, 604_800, SOA_TTL_S] as const

const zone = (apex: NameKey, apexRecords: LocalRecords): LocalZone => ({
  apex,
  names: new Map([[apex, apexRecords]]),
})

const ip4Of = (text: string): Ip4 => {
  const ip = parseIp4(text)
  if (ip === undefined) throw new RangeError(text)
  return ip
}

const IPV4ONLY = keyOfText('ipv4only.arpa')
/** RFC 7050 §2.2: the well-known IPv4 addresses. */
const WELL_KNOWN_IP4 = [ip4Of('192.0.0.170'), ip4Of('192.0.0.171')] as const

/**
 * `ipv4only.arpa` and the reverse zones of its addresses (RFC 8880 §7.1, §7.2): "DNS64 servers ... MUST act as
 * authoritative", so clients learn pref64 even with the uplink down. One AAAA record per prefix and address.
 */
const ipv4onlyZones = (policy: Policy): LocalZone[] => [
  zone(
    IPV4ONLY,
    new Map([
      [TYPE.A, WELL_KNOWN_IP4.map(ip4ToBytes)],
      [TYPE.AAAA, WELL_KNOWN_IP4.flatMap((ip) => policy.pref64.map((prefix) => embedIp4(prefix, ip)))],
    ]),
  ),
  ...WELL_KNOWN_IP4.map((ip) => zone(reverseOfIp4(ip), new Map([[TYPE.PTR, [nameOfKey(IPV4ONLY)]]]))),
]

/** All zones that are answered here under a policy. */
export const makeLocalZones = (policy: Policy): LocalZones =>
  new Map(ipv4onlyZones(policy).map((zone) => [zone.apex, zone]))

/** The closest zone at or above a name. */
export const zoneOf = (zones: LocalZones, key: NameKey): LocalZone | undefined => {
  for (let at: NameKey | undefined = key; at !== undefined; at = parentKey(at)) {
    const found = zones.get(at)
    if (found !== undefined) return found
  }
  return undefined
}

/** RFC 1035 §3.3.13: MNAME, RNAME, then five 32-bit numbers. */
const soaRdata = (apex: NameKey): Uint8Array => {
  const names = [nameOfKey(apex), nameOfKey(keyOfText('nobody.invalid'))]
  const length = names.reduce((sum, name) => sum + name.length, 0)
  const rdata = new Uint8Array(length + SOA_NUMBERS.length * 4)
  rdata.set(names[0] ?? [], 0)
  rdata.set(names[1] ?? [], names[0]?.length ?? 0)
  const view = new DataView(rdata.buffer)
  for (const [i, number] of SOA_NUMBERS.entries()) view.setUint32(length + i * 4, number)
  return rdata
}

/** The SOA record of a zone of our own, as the proof of a denial in the authority section (RFC 2308 §3). */
export const writeSoa = (writer: MessageWriter, section: Section, apex: NameKey, ttlS: number = SOA_TTL_S): void =>
  writer.record(section, nameOfKey(apex), TYPE.SOA, CLASS.IN, { ttlS, rdata: soaRdata(apex) })

/** The records a zone has for a question: its SOA and NS (RFC 6303 §3) come with every apex. */
const dataOf = (zone: LocalZone, question: Question): readonly Uint8Array[] => {
  if (question.nameKey === zone.apex && question.type === TYPE.SOA) return [soaRdata(zone.apex)]
  if (question.nameKey === zone.apex && question.type === TYPE.NS) return [nameOfKey(zone.apex)]
  return zone.names.get(question.nameKey)?.get(question.type) ?? []
}

/** The answer to a question about a name in a local zone: data, NODATA or NXDOMAIN; undefined outside of all zones. */
export const localAnswer = (zones: LocalZones, question: Question): Answer | undefined => {
  if (question.class !== CLASS.IN) return undefined
  const zone = zoneOf(zones, question.nameKey)
  if (zone === undefined) return undefined
  const data = dataOf(zone, question)
  const exists = zone.names.has(question.nameKey)
  const bytes = writeMessage(question, exists ? RCODE.NOERROR : RCODE.NXDOMAIN, (writer) => {
    for (const rdata of data)
      writer.record(Section.ANSWER, nameOfKey(question.nameKey), question.type, CLASS.IN, { ttlS: LOCAL_TTL_S, rdata })
    if (data.length === 0) writeSoa(writer, Section.AUTHORITY, zone.apex)
  })
  return answerOfBytes(bytes, { origin: Origin.LOCAL })
}
