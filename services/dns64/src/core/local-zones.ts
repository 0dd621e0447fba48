import { type Answer, answerOfBytes, Origin } from './answer.ts'
import { keyOfText, lastLabelKey, type NameKey, nameOfKey, parentKey } from './name.ts'
import type { Question } from './question.ts'
import { Section } from './record.ts'
import { CLASS, RCODE, TYPE } from './wire.ts'
import { type MessageWriter, writeMessage } from './writer.ts'

/** The records of one name in a local zone: RDATA by type. */
export type LocalRecords = ReadonlyMap<number, readonly Uint8Array[]>

/** A zone that is answered here and never asked upstream. */
export interface LocalZone {
  readonly apex: NameKey
  readonly records: LocalRecords
  /** What names below the apex are: missing (NXDOMAIN), without data (NODATA), or the same as the apex. */
  readonly below: 'missing' | 'empty' | 'same'
}

/** Zones by apex, and the last labels of all apexes: most names end in none of them, and no more is looked up. */
export interface LocalZones {
  readonly byApex: ReadonlyMap<NameKey, LocalZone>
  readonly lastLabels: ReadonlySet<NameKey>
}

/** Where two zones have one apex, the later one counts. No apex is the root. */
export const localZonesOf = (zones: readonly LocalZone[]): LocalZones => ({
  byApex: new Map(zones.map((zone) => [zone.apex, zone])),
  lastLabels: new Set(zones.map((zone) => lastLabelKey(zone.apex))),
})

/** TTL of local data: the one of DNS64 without a SOA record, so that a new pref64 is seen within ten minutes. */
const LOCAL_TTL_S = 600
/** RFC 6303 §3: the SOA record of an empty zone. */
const SOA_TTL_S = 10_800
const SOA_NUMBERS = [1, 3600, 1200, 604_800, SOA_TTL_S] as const

/** The closest zone at or above a name. */
export const zoneOf = ({ byApex, lastLabels }: LocalZones, key: NameKey): LocalZone | undefined => {
  if (!lastLabels.has(lastLabelKey(key))) return undefined
  for (let at: NameKey | undefined = key; at !== undefined; at = parentKey(at)) {
    const found = byApex.get(at)
    if (found !== undefined) return found
  }
  return undefined
}

/** RFC 1035 §3.3.13: MNAME, RNAME, then five 32-bit numbers. */
const soaRdata = (apex: NameKey): Uint8Array => {
  const mname = nameOfKey(apex)
  const rname = nameOfKey(keyOfText('nobody.invalid'))
  const rdata = new Uint8Array(mname.length + rname.length + SOA_NUMBERS.length * 4)
  rdata.set(mname, 0)
  rdata.set(rname, mname.length)
  const view = new DataView(rdata.buffer)
  for (const [i, number] of SOA_NUMBERS.entries()) view.setUint32(mname.length + rname.length + i * 4, number)
  return rdata
}

/** The SOA record of a zone of our own, as the proof of a denial in the authority section (RFC 2308 §3). */
export const writeSoa = (writer: MessageWriter, section: Section, apex: NameKey, ttlS: number = SOA_TTL_S): void =>
  writer.record(section, nameOfKey(apex), TYPE.SOA, CLASS.IN, { ttlS, rdata: soaRdata(apex) })

/** The records a zone has for a question: its SOA and NS (RFC 6303 §3) come with every apex. */
const dataOf = (zone: LocalZone, question: Question): readonly Uint8Array[] => {
  const isApex = question.nameKey === zone.apex
  if (isApex && question.type === TYPE.SOA) return [soaRdata(zone.apex)]
  if (isApex && question.type === TYPE.NS) return [nameOfKey(zone.apex)]
  return isApex || zone.below === 'same' ? (zone.records.get(question.type) ?? []) : []
}

/** The answer to a question about a name in a local zone: data, NODATA or NXDOMAIN; undefined outside of all zones. */
export const localAnswer = (zones: LocalZones, question: Question): Answer | undefined => {
  if (question.class !== CLASS.IN) return undefined
  const zone = zoneOf(zones, question.nameKey)
  // RFC 6303 §4 and RFC 4035 §3.1.4.1: DS belongs to the zone above.
  if (zone === undefined || (question.type === TYPE.DS && question.nameKey === zone.apex)) return undefined
  const data = dataOf(zone, question)
  const exists = question.nameKey === zone.apex || zone.below !== 'missing'
  const bytes = writeMessage(question, exists ? RCODE.NOERROR : RCODE.NXDOMAIN, (writer) => {
    for (const rdata of data)
      writer.record(Section.ANSWER, nameOfKey(question.nameKey), question.type, CLASS.IN, { ttlS: LOCAL_TTL_S, rdata })
    if (data.length === 0) writeSoa(writer, Section.AUTHORITY, zone.apex)
  })
  return answerOfBytes(bytes, { origin: Origin.LOCAL })
}
