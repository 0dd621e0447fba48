/** How a host ranks this router or route against others (RFC 4191 §2.1). */
export type Preference = 'high' | 'medium' | 'low'

/** RFC 4191 §2.1: two-bit signed integer. */
const PREFERENCE_BITS: Readonly<Record<Preference, number>> = { high: 0b01, medium: 0b00, low: 0b11 }

/** RFC 4191 §2.1: "10 Reserved - MUST NOT be sent". */
const PREFERENCE_RESERVED = 0b10

/** The preference field as it stands in bits 3 and 4 of a flags octet: of the RA header and of the RIO alike. */
export const preferenceToFlags = (preference: Preference): number => PREFERENCE_BITS[preference] << 3

/** Reads bits 3 and 4 of a flags octet; undefined is the reserved value, which header and option treat differently. */
export const preferenceFromFlags = (flags: number): Preference | undefined => {
  const bits = (flags >>> 3) & 0b11
  if (bits === PREFERENCE_RESERVED) return undefined
  return bits === PREFERENCE_BITS.high ? 'high' : bits === PREFERENCE_BITS.low ? 'low' : 'medium'
}
