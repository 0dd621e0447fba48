import { checkName } from './name.ts'
import type { RecordRef } from './record.ts'
import { CLASS, DnsWireError, TYPE } from './wire.ts'

/** Where names lie in the RDATA of a type: `before` octets, then `names` names, then the rest. */
export interface RdataNames {
  readonly before: number
  readonly names: number
  /** Octets behind the names, or `any`. */
  readonly rest: number | 'any'
  /** True when a sender may compress these names: the types of RFC 1035 §3.3 only (RFC 3597 §4). */
  readonly compressible: boolean
}

const old = (before: number, names: number, rest = 0): RdataNames => ({ before, names, rest, compressible: true })
const newer = (before: number, names: number, rest: number | 'any' = 0): RdataNames => ({
  before,
  names,
  rest,
  compressible: false,
})

/**
 * The types whose RDATA may come with compressed names: RFC 1035's own, and those a receiver should expand all the same
 * (RFC 3597 §4). NAPTR is missing here because its names stand behind strings, see rdataNames. Names in all other types
 * are never compressed, so their RDATA moves as it is.
 */
const WITH_NAMES: Readonly<Record<number, RdataNames>> = {
  [TYPE.NS]: old(0, 1),
  [TYPE.MD]: old(0, 1),
  [TYPE.MF]: old(0, 1),
  [TYPE.CNAME]: old(0, 1),
  [TYPE.SOA]: old(0, 2, 20),
  [TYPE.MB]: old(0, 1),
  [TYPE.MG]: old(0, 1),
  [TYPE.MR]: old(0, 1),
  [TYPE.PTR]: old(0, 1),
  [TYPE.MINFO]: old(0, 2),
  [TYPE.MX]: old(2, 1),
  [TYPE.RP]: newer(0, 2),
  [TYPE.AFSDB]: newer(2, 1),
  [TYPE.RT]: newer(2, 1),
  [TYPE.SIG]: newer(18, 1, 'any'),
  [TYPE.PX]: newer(2, 2),
  [TYPE.NXT]: newer(0, 1, 'any'),
  [TYPE.SRV]: newer(6, 1),
  [TYPE.KX]: newer(2, 1),
  [TYPE.DNAME]: newer(0, 1),
  [TYPE.RRSIG]: newer(18, 1, 'any'),
  [TYPE.NSEC]: newer(0, 1, 'any'),
}

const NAPTR_STRINGS = 3

/** Octets of NAPTR's order, preference and three strings (RFC 3403 §4.1), from the start of the RDATA. */
const naptrBefore = (b: Uint8Array, record: RecordRef): number => {
  let at = record.rdataAt + 4
  for (let i = 0; i < NAPTR_STRINGS; i++) at += 1 + (at < record.endAt ? (b[at] ?? 0) : 0)
  return at - record.rdataAt
}

/** Where the names lie in a record's RDATA; undefined when there are none that could be compressed. */
export const rdataNames = (b: Uint8Array, record: RecordRef): RdataNames | undefined => {
  if (record.type === TYPE.NAPTR) return newer(naptrBefore(b, record), 1)
  return WITH_NAMES[record.type]
}

/** Address types have one length (RFC 1035 §3.4.1, RFC 3596 §2.2), in class IN. */
const ADDRESS_LEN: Readonly<Record<number, number>> = { [TYPE.A]: 4, [TYPE.AAAA]: 16 }

const wrong = (record: RecordRef): DnsWireError =>
  new DnsWireError('rdata', record.rdataAt, `RDATA of ${record.rdataLen} octets does not fit type ${record.type}`)

/** Checks the RDATA of the types we look into or may have to move; throws DnsWireError. */
export const checkRdata = (b: Uint8Array, record: RecordRef): void => {
  const addressLen = record.class === CLASS.IN ? ADDRESS_LEN[record.type] : undefined
  if (addressLen !== undefined && addressLen !== record.rdataLen) throw wrong(record)
  const layout = rdataNames(b, record)
  if (layout === undefined) return
  let at = record.rdataAt + layout.before
  for (let i = 0; i < layout.names; i++) {
    if (at >= record.endAt) throw wrong(record)
    at = checkName(b, at, record.endAt)
  }
  const rest = record.endAt - at
  if (rest < 0 || (layout.rest !== 'any' && layout.rest !== rest)) throw wrong(record)
}
