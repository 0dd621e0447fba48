import { RCODE, TYPE } from './wire.ts'

const TYPE_NAME = new Map<number, string>(Object.entries(TYPE).map(([name, number]) => [number, name]))
const RCODE_NAME = new Map<number, string>(Object.entries(RCODE).map(([name, number]) => [number, name]))

/** `AAAA`, or `TYPE65` for a type without a name here (RFC 3597 §5). */
export const typeName = (type: number): string => TYPE_NAME.get(type) ?? `TYPE${type}`

/** `NXDOMAIN`, or `RCODE30`. */
export const rcodeName = (rcode: number): string => RCODE_NAME.get(rcode) ?? `RCODE${rcode}`

/** The number of a type's name, `AAAA` or `TYPE65`; undefined for other text. */
export const typeOfName = (name: string): number | undefined => {
  const number = /^TYPE(\d{1,5})$/.exec(name)?.[1]
  if (number !== undefined) return Number(number) <= 0xffff ? Number(number) : undefined
  return Object.entries(TYPE).find(([known]) => known === name)?.[1]
}

/** The names of RCODEs. */
export const RCODE_NAMES: readonly string[] = Object.keys(RCODE)
